// Moments of score differences on every backend against a long-double evaluation of the formula.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "lodestein/core/error.hpp"
#include "lodestein/core/random.hpp"
#include "tests/backend/backends.hpp"

namespace lodestein {
namespace {

using kernels::Buffer;
using kernels::DifferenceMomentsProblem;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr float float_nan = std::numeric_limits<float>::quiet_NaN();

struct Options {
  std::size_t padding = 0;  // numbers between the rows, NaN
  bool base = true, weights = false, diagonal_only = false;
};

struct Case {
  std::size_t rows, environments, cols;
  Options options;
  std::vector<float> base, scores;
  std::vector<double> weights, moments;

  Case(std::size_t n, std::size_t k, std::size_t d, Options with)
      : rows(n), environments(k), cols(d), options(with) {
    Draws draws = RandomStream(Seed{8}, Purpose::test).at(n + 1000 * k + 100000 * d);
    if (with.base) base = draw_rows(n, draws);
    scores = draw_rows(k * n, draws);
    if (with.weights) {
      for (std::size_t r = 0; r < n; ++r)
        weights.push_back(draws.below(3) > 0 ? draws.uniform(0.0, 4.0) : 0.0);
      weights[n / 2] = 1.5;
    }
    moments.assign(k * d * moments_stride(), nan);
  }
  std::size_t stride() const { return cols + options.padding; }
  std::size_t width() const { return options.diagonal_only ? cols : environments * cols; }
  std::size_t moments_stride() const { return width() + options.padding; }

  std::vector<float> draw_rows(std::size_t count, Draws& draws) const {
    std::vector<float> values(count * stride(), float_nan);
    for (std::size_t r = 0; r < count; ++r) {
      for (std::size_t j = 0; j < cols; ++j)
        values[r * stride() + j] = static_cast<float>(draws.normal());
    }
    return values;
  }
  long double weight(std::size_t k) const {
    return weights.empty() ? 1.0L : static_cast<long double>(weights[k]);
  }
  long double difference(std::size_t c, std::size_t k) const {
    const std::size_t m = c / cols, j = c % cols;
    const long double score = scores[(m * rows + k) * stride() + j];
    return options.base ? base[k * stride() + j] - score : score;
  }
  double exact(std::size_t a, std::size_t b) const {
    long double sum = 0.0L, total = 0.0L;
    for (std::size_t k = 0; k < rows; ++k) {
      total += weight(k);
      sum += weight(k) * difference(a, k) * difference(b, k);
    }
    return static_cast<double>(sum / total);
  }
};

struct Placed {
  Case& c;
  Buffer<float> base, scores;
  Buffer<double> weights, moments;

  Placed(const kernels::Memory& memory, Case& host)
      : c(host),
        base(memory, host.base),
        scores(memory, host.scores),
        weights(memory, host.weights),
        moments(memory, host.moments) {}
  DifferenceMomentsProblem problem() const {
    DifferenceMomentsProblem p;
    if (c.options.base) p.base = {base.data(), c.rows, c.cols, c.stride()};
    p.scores = {scores.data(), c.environments * c.rows, c.cols, c.stride()};
    p.environments = c.environments;
    p.weights = weights.data();
    p.diagonal_only = c.options.diagonal_only;
    p.moments = {moments.data(), c.environments * c.cols, c.width(), c.moments_stride()};
    return p;
  }
};

void run_on(const kernels::Operations& operations, std::vector<Case>& cases) {
  std::vector<Placed> placed;
  std::vector<DifferenceMomentsProblem> problems;
  for (Case& c : cases) problems.push_back(placed.emplace_back(operations.memory(), c).problem());
  operations.difference_moments()(problems);
  for (const Placed& p : placed) p.c.moments = p.moments.download();
}

// Differences and products of fp32 numbers are exact in fp64 up to their last digit; a sum of N of
// them, of size 2 each, rounds by N eps at worst and sqrt(N) eps typically.
constexpr double tolerance = 1e-12;

void expect_exact(const Case& c) {
  const std::string what = "N = " + std::to_string(c.rows) +
                           ", K = " + std::to_string(c.environments) +
                           ", d = " + std::to_string(c.cols);
  for (std::size_t a = 0; a < c.environments * c.cols; ++a) {
    const double* row = c.moments.data() + a * c.moments_stride();
    const std::size_t first = c.options.diagonal_only ? a / c.cols * c.cols : 0;
    for (std::size_t j = 0; j < c.width(); ++j)
      ASSERT_NEAR(row[j], c.exact(a, first + j), tolerance) << what << ", " << a << ", " << j;
    for (std::size_t j = c.width(); j < c.moments_stride(); ++j)
      ASSERT_TRUE(std::isnan(row[j])) << "wrote between the rows";
  }
}

class DifferenceMomentsOf : public test::OnEveryBackend {
 protected:
  void run(std::vector<Case>& cases) const { run_on(operations(), cases); }
};

TEST_P(DifferenceMomentsOf, AnySizeStrideAndStorage) {
  for (const std::size_t rows : {1, 13, 31, 33, 597}) {
    std::vector<Case> cases;
    for (const std::size_t environments : {1, 2, 3}) {
      for (const std::size_t cols : {1, 5, 13}) {
        cases.emplace_back(rows, environments, cols, Options{});
        cases.emplace_back(rows, environments, cols, Options{.padding = 3, .base = false});
        cases.emplace_back(rows, environments, cols, Options{.padding = 2, .weights = true});
        cases.emplace_back(rows, environments, cols,
                           Options{.padding = 1, .weights = true, .diagonal_only = true});
      }
    }
    run(cases);
    for (const Case& c : cases) expect_exact(c);
  }
}

TEST_P(DifferenceMomentsOf, ManyColumnsAndUnequalProblems) {
  std::vector<Case> cases;
  cases.emplace_back(33, 3, 33, Options{});
  cases.emplace_back(33, 2, 33, Options{.diagonal_only = true});
  for (std::size_t p = 0; p < 20; ++p)
    cases.emplace_back(1 + 97 * p % 601, 1 + p % 4, 1 + p % 9, Options{.base = p % 2 == 0});
  cases.emplace_back(slow() ? 1200 : 5000, 5, 6, Options{.weights = true});
  run(cases);
  for (const Case& c : cases) expect_exact(c);
}

TEST_P(DifferenceMomentsOf, StoredDifferencesGiveTheSame) {
  std::vector<Case> cases;
  cases.emplace_back(597, 3, 5, Options{});
  cases.emplace_back(597, 3, 5, Options{.base = false});
  // Multiples of 1/256, so that the differences are numbers of fp32 too.
  for (float& s : cases[0].base) s = std::round(s * 256) / 256;
  for (float& s : cases[0].scores) s = std::round(s * 256) / 256;
  for (std::size_t i = 0; i < cases[1].scores.size(); ++i)
    cases[1].scores[i] = cases[0].base[i % cases[0].base.size()] - cases[0].scores[i];
  run(cases);
  EXPECT_EQ(cases[0].moments, cases[1].moments);
}

std::vector<Case> mixed_cases() {
  std::vector<Case> cases;
  for (const std::size_t rows : {1, 13, 31, 33, 597}) {
    cases.emplace_back(rows, 3, 5, Options{.weights = true});
    cases.emplace_back(rows, 2, 13, Options{.diagonal_only = true});
  }
  cases.emplace_back(4000, 2, 4, Options{});
  return cases;
}

TEST_P(DifferenceMomentsOf, SymmetricAndTheSameBitsOnEveryRunThreadAndBatch) {
  std::vector<Case> here = mixed_cases(), again = mixed_cases(), alone = mixed_cases();
  run(here);
  run(again);
  for (Case& c : alone) {
    std::vector<Case> batch{c};
    run_on(plain().operations(), batch);
    c = batch.front();
  }
  for (std::size_t p = 0; p < here.size(); ++p) {
    ASSERT_EQ(here[p].moments, again[p].moments);
    ASSERT_EQ(here[p].moments, alone[p].moments);
    if (here[p].options.diagonal_only) continue;
    const std::size_t width = here[p].width();
    for (std::size_t i = 0; i < width; ++i) {
      for (std::size_t j = 0; j < i; ++j)
        ASSERT_EQ(here[p].moments[i * width + j], here[p].moments[j * width + i]);
    }
  }
}

TEST_P(DifferenceMomentsOf, NothingToDo) {
  EXPECT_NO_THROW(operations().difference_moments()({}));
  std::vector<Case> cases;
  cases.emplace_back(13, 0, 5, Options{});
  cases.emplace_back(13, 2, 3, Options{});
  cases.emplace_back(13, 2, 0, Options{});
  run(cases);
  for (const Case& c : cases) expect_exact(c);
}

TEST_P(DifferenceMomentsOf, RefusesBadArgumentsNamingTheProblem) {
  const auto message = [this](auto spoil) -> std::string {
    std::vector<Case> cases(3, Case(13, 2, 5, Options{}));
    std::vector<Placed> placed;
    std::vector<DifferenceMomentsProblem> problems;
    for (Case& c : cases) problems.push_back(placed.emplace_back(memory(), c).problem());
    spoil(problems[1]);
    try {
      operations().difference_moments()(problems);
    } catch (const InvalidArgument& error) {  // DimensionMismatch is one
      EXPECT_TRUE(std::isnan(placed[0].moments.download()[0])) << "wrote before it checked";
      return error.what();
    }
    return "nothing thrown";
  };
  const std::string where = "difference_moments, problem 1: ";
  EXPECT_THAT(message([](auto& p) { p.scores.rows = 0; }),
              HasSubstr(where + "scores have no rows"));
  EXPECT_THAT(message([](auto& p) { p.scores.rows = 25; }),
              AllOf(HasSubstr(where), HasSubstr("25 rows"), HasSubstr("2 environments")));
  EXPECT_THAT(message([](auto& p) { p.base.cols = 4; }),
              AllOf(HasSubstr(where), HasSubstr("base is 13 x 4"), HasSubstr("13 x 5")));
  EXPECT_THAT(message([](auto& p) { p.moments.rows = 9; }),
              AllOf(HasSubstr(where), HasSubstr("9 x 10"), HasSubstr("10 x 10")));
  EXPECT_THAT(message([](auto& p) { p.diagonal_only = true; }),
              AllOf(HasSubstr(where), HasSubstr("10 x 10"), HasSubstr("10 x 5")));
  EXPECT_THAT(message([](auto& p) { p.scores.data = nullptr; }),
              HasSubstr(where + "scores is null"));
  EXPECT_THAT(message([](auto& p) { p.moments.data = nullptr; }),
              HasSubstr(where + "moments is null"));
}

LODESTEIN_ON_EVERY_BACKEND(DifferenceMomentsOf);

}  // namespace
}  // namespace lodestein
