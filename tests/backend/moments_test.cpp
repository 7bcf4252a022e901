// Moments on every backend against a long-double evaluation of the formulas.
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

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// Samples, weights and places for the results, with rows `padding` numbers longer than needed.
struct Case {
  std::size_t rows, cols, padding;
  Matrix samples;
  std::vector<double> weights, mean;
  Matrix covariance;

  Case(std::size_t n, std::size_t d, std::size_t pad, std::uint64_t number, double offset = 0.0)
      : rows(n),
        cols(d),
        padding(pad),
        samples(n, d + pad, nan),
        mean(d, nan),
        covariance(d, d + pad, nan) {
    Draws draws = RandomStream(Seed{5}, Purpose::test).at(number);
    for (std::size_t k = 0; k < n; ++k) {
      double shared = draws.normal();
      for (std::size_t j = 0; j < d; ++j) {
        samples(k, j) = offset + 0.5 * shared + static_cast<double>(j % 3 + 1) * draws.normal();
      }
    }
  }

  // About a third of the weights are 0; the first and the last row are among them if possible.
  void draw_weights() {
    Draws draws = RandomStream(Seed{6}, Purpose::test).at(rows);
    weights.assign(rows, 0.0);
    for (std::size_t k = 0; k < rows; ++k) {
      if (draws.below(3) > 0 && k > 0 && k + 1 < rows) weights[k] = draws.uniform(0.0, 4.0);
    }
    weights[rows / 2] = 1.5;
  }
};

// A case in the memory of a backend.
struct Placed {
  Case& c;
  kernels::Buffer<double> samples, weights, mean, covariance;

  Placed(const kernels::Memory& memory, Case& host)
      : c(host),
        samples(memory, {host.samples.data(), host.rows * (host.cols + host.padding)}),
        weights(memory, host.weights),
        mean(memory, host.mean),
        covariance(memory, {host.covariance.data(), host.cols * (host.cols + host.padding)}) {}
  kernels::MomentsProblem problem() const {
    const std::size_t stride = c.cols + c.padding;
    return {{samples.data(), c.rows, c.cols, stride},
            weights.data(),
            mean.data(),
            {covariance.data(), c.cols, c.cols, stride}};
  }
  void fetch() const {
    c.mean = mean.download();
    const std::vector<double> values = covariance.download();
    std::copy(values.begin(), values.end(), c.covariance.data());
  }
};

void run_on(const kernels::Operations& operations, std::vector<Case>& cases) {
  std::vector<Placed> placed;
  std::vector<kernels::MomentsProblem> problems;
  for (Case& c : cases) {
    placed.emplace_back(operations.memory(), c);
    problems.push_back(placed.back().problem());
  }
  operations.moments()(problems);
  for (const Placed& p : placed) p.fetch();
}

struct Exact {
  std::vector<long double> mean, covariance;
};

Exact exact(const Case& c) {
  const auto weight = [&](std::size_t k) -> long double {
    return c.weights.empty() ? 1.0L : static_cast<long double>(c.weights[k]);
  };
  Exact result{std::vector<long double>(c.cols, 0.0L),
               std::vector<long double>(c.cols * c.cols, 0.0L)};
  long double total = 0.0L;
  for (std::size_t k = 0; k < c.rows; ++k) {
    total += weight(k);
    for (std::size_t j = 0; j < c.cols; ++j) result.mean[j] += weight(k) * c.samples(k, j);
  }
  for (long double& m : result.mean) m /= total;
  for (std::size_t k = 0; k < c.rows; ++k) {
    for (std::size_t i = 0; i < c.cols; ++i) {
      const long double left = weight(k) * (c.samples(k, i) - result.mean[i]);
      for (std::size_t j = 0; j <= i; ++j) {
        result.covariance[i * c.cols + j] += left * (c.samples(k, j) - result.mean[j]);
      }
    }
  }
  for (std::size_t i = 0; i < c.cols; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      result.covariance[i * c.cols + j] /= total;
      result.covariance[j * c.cols + i] = result.covariance[i * c.cols + j];
    }
  }
  return result;
}

// Rounding of a sum of N products of size `scale`: N eps at worst, sqrt(N) eps typically.
void expect_exact(const Case& c, double mean_tolerance, double covariance_tolerance) {
  const Exact expected = exact(c);
  const std::string what = "N = " + std::to_string(c.rows) + ", d = " + std::to_string(c.cols);
  for (std::size_t i = 0; i < c.cols; ++i) {
    ASSERT_NEAR(c.mean[i], static_cast<double>(expected.mean[i]), mean_tolerance) << what;
    for (std::size_t j = 0; j < c.cols; ++j) {
      ASSERT_NEAR(c.covariance(i, j), static_cast<double>(expected.covariance[i * c.cols + j]),
                  covariance_tolerance)
          << what << ", entry " << i << ", " << j;
    }
    for (std::size_t j = c.cols; j < c.cols + c.padding; ++j) {
      ASSERT_TRUE(std::isnan(c.covariance(i, j))) << "wrote between the rows";
    }
  }
}

class MomentsOf : public test::OnEveryBackend {
 protected:
  void run(std::vector<Case>& cases) const { run_on(operations(), cases); }
  std::vector<std::size_t> all_rows() const {
    return slow() ? std::vector<std::size_t>{1, 13, 31, 33, 597}
                  : std::vector<std::size_t>{1, 13, 31, 33, 597, 5000};
  }
  std::vector<std::size_t> all_cols() const {
    return slow() ? std::vector<std::size_t>{0, 1, 5, 13, 33}
                  : std::vector<std::size_t>{0, 1, 5, 13, 31, 33, 100};
  }
};

constexpr double tolerance = 1e-12;

TEST_P(MomentsOf, AnySizeAndStride) {
  for (const std::size_t rows : all_rows()) {
    for (const std::size_t cols : all_cols()) {
      std::vector<Case> cases;
      cases.emplace_back(rows, cols, 0, rows);
      cases.emplace_back(rows, cols, 3, rows + 1);
      run(cases);
      for (const Case& c : cases) expect_exact(c, tolerance, tolerance);
    }
  }
}

TEST_P(MomentsOf, Weights) {
  for (const std::size_t rows : all_rows()) {
    for (const std::size_t cols : {std::size_t{1}, std::size_t{13}, std::size_t{33}}) {
      std::vector<Case> cases;
      cases.emplace_back(rows, cols, 2, rows + 2);
      cases.front().draw_weights();
      run(cases);
      expect_exact(cases.front(), tolerance, tolerance);
    }
  }
}

TEST_P(MomentsOf, EqualWeightsAreNoWeights) {
  std::vector<Case> cases;
  cases.emplace_back(597, 13, 0, 3);
  cases.push_back(cases.front());
  cases.back().weights.assign(597, 0.25);
  run(cases);
  for (std::size_t i = 0; i < 13; ++i) {
    EXPECT_NEAR(cases[0].mean[i], cases[1].mean[i], 1e-14);
    for (std::size_t j = 0; j < 13; ++j)
      EXPECT_NEAR(cases[0].covariance(i, j), cases[1].covariance(i, j), 1e-13);
  }
}

TEST_P(MomentsOf, ManyEnvironmentsOfUnequalSize) {
  std::vector<Case> cases;
  for (std::size_t e = 0; e < 40; ++e) {
    cases.emplace_back(1 + 97 * e % 1601, 1 + e % 17, e % 2, 100 + e);
    if (e % 5 == 0) cases.back().draw_weights();
  }
  cases.emplace_back(slow() ? 2000 : 20000, 6, 0, 200);
  run(cases);
  for (const Case& c : cases) expect_exact(c, tolerance, tolerance);
}

// Samples near 1e8 with spread 1 carry an error of about 1e-8 each by being stored; beyond that no
// digit may go. A covariance by E[x^2] - E[x]^2 would be off by about 1.
TEST_P(MomentsOf, LargeCommonOffsetCostsNoDigits) {
  for (const std::size_t rows : {std::size_t{33}, std::size_t{5000}}) {
    std::vector<Case> cases;
    cases.emplace_back(rows, 13, 0, rows, 1e8);
    cases.emplace_back(rows, 13, 0, rows, 1e8);
    cases.back().draw_weights();
    run(cases);
    for (const Case& c : cases) expect_exact(c, 1e-6, 1e-7);
  }
}

TEST_P(MomentsOf, CovarianceIsExactlySymmetric) {
  std::vector<Case> cases;
  cases.emplace_back(597, 33, 1, 4);
  run(cases);
  for (std::size_t i = 0; i < 33; ++i) {
    for (std::size_t j = 0; j < i; ++j)
      ASSERT_EQ(cases[0].covariance(i, j), cases[0].covariance(j, i));
  }
}

std::vector<Case> mixed_cases(bool few) {
  std::vector<Case> cases;
  for (const std::size_t rows : {1, 13, 31, 33, 597}) cases.emplace_back(rows, 13, 1, rows);
  cases.emplace_back(few ? 3000 : 40000, 7, 0, 9);
  cases.back().draw_weights();
  return cases;
}

void expect_same_bits(const std::vector<Case>& a, const std::vector<Case>& b) {
  for (std::size_t c = 0; c < a.size(); ++c) {
    ASSERT_EQ(a[c].mean, b[c].mean);
    for (std::size_t i = 0; i < a[c].cols; ++i) {
      for (std::size_t j = 0; j < a[c].cols; ++j)
        ASSERT_EQ(a[c].covariance(i, j), b[c].covariance(i, j));
    }
  }
}

TEST_P(MomentsOf, SameBitsOnEveryRunAndForAnyNumberOfThreads) {
  std::vector<Case> here = mixed_cases(slow());
  run(here);
  for (int repeat = 0; repeat < 3; ++repeat) {
    std::vector<Case> again = mixed_cases(slow());
    run(again);
    expect_same_bits(here, again);
  }
  std::vector<Case> alone = mixed_cases(slow());
  for (Case& c : alone) {  // nor does it matter what else is in the batch
    std::vector<Case> batch{c};
    run_on(plain().operations(), batch);
    c = batch.front();
  }
  expect_same_bits(here, alone);
}

TEST_P(MomentsOf, NothingToDo) { EXPECT_NO_THROW(operations().moments()({})); }

TEST_P(MomentsOf, RefusesShapesThatDisagreeNamingTheProblem) {
  const auto message = [this](auto spoil) -> std::string {
    std::vector<Case> cases(3, Case(13, 5, 0, 1));
    std::vector<Placed> placed;
    std::vector<kernels::MomentsProblem> problems;
    for (Case& c : cases) {
      placed.emplace_back(memory(), c);
      problems.push_back(placed.back().problem());
    }
    spoil(problems[1]);
    try {
      operations().moments()(problems);
    } catch (const InvalidArgument& error) {
      placed[0].fetch();
      EXPECT_TRUE(std::isnan(cases[0].mean[0])) << "wrote before it checked";
      return error.what();
    }
    return "nothing thrown";
  };
  EXPECT_THAT(message([](auto& p) { p.samples.rows = 0; }),
              AllOf(HasSubstr("problem 1"), HasSubstr("samples have no rows")));
  EXPECT_THAT(message([&](auto& p) { p.covariance.rows = 4; }),
              AllOf(HasSubstr("problem 1"), HasSubstr("covariance is 4 x 5"), HasSubstr("5 x 5")));
  EXPECT_THAT(message([](auto& p) { p.mean = nullptr; }),
              AllOf(HasSubstr("problem 1"), HasSubstr("mean")));
}

LODESTEIN_ON_EVERY_BACKEND(MomentsOf);

}  // namespace
}  // namespace lodestein
