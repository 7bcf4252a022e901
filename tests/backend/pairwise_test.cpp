// Pairwise operations on every backend against fp64 evaluations of the formulas.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "kernels/cuda/naive_pairwise.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/core/random.hpp"
#include "tests/backend/backends.hpp"

namespace lodestein {
namespace {

using kernels::DistanceQuantileProblem;
using kernels::GramProblem;
using kernels::PairwiseProblem;
using kernels::RadialKernel;
using kernels::View;
using ::testing::AllOf;
using ::testing::HasSubstr;
using Form = RadialKernel::Form;

constexpr float nan = std::numeric_limits<float>::quiet_NaN();

// A row-major matrix whose rows are longer than needed by NaNs.
struct Padded {
  std::size_t rows = 0, cols = 0, stride = 0;
  std::vector<float> values;

  Padded() = default;
  Padded(std::size_t r, std::size_t c, std::size_t padding)
      : rows(r), cols(c), stride(c + padding), values(r * stride, nan) {}
  float operator()(std::size_t i, std::size_t j) const { return values[i * stride + j]; }
  float& operator()(std::size_t i, std::size_t j) { return values[i * stride + j]; }
};

Padded normals(std::size_t rows, std::size_t cols, std::size_t padding, std::uint64_t number,
               double offset = 0.0) {
  Padded result(rows, cols, padding);
  Draws draws = RandomStream(Seed{11}, Purpose::test).at(number);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < cols; ++j)
      result(i, j) = static_cast<float>(offset + draws.normal());
  }
  return result;
}

// One problem of any of the operations, on the host.
struct Case {
  RadialKernel kernel;
  bool same_points = false;
  Padded x, y, right, out;

  Case(Form form, std::size_t n, std::size_t m, std::size_t d, std::size_t r, std::size_t padding,
       std::uint64_t number, double offset = 0.0)
      : kernel{form, std::sqrt(static_cast<double>(d) + 0.5)},
        x(normals(n, d, padding, 10 * number, offset)),
        y(normals(m, d, padding, 10 * number + 1, offset)),
        right(normals(m, r, padding, 10 * number + 2)),
        out(n, r, padding) {}
  Case& with_same_points() {
    y = x;
    same_points = true;
    return *this;
  }
};

// A case in the memory of a backend.
struct Placed {
  kernels::Buffer<float> x, y, right, out;
  PairwiseProblem problem;

  Placed(const kernels::Memory& memory, const Case& c)
      : x(memory, c.x.values),
        y(memory, c.y.values),
        right(memory, c.right.values),
        out(memory, c.out.values),
        problem{c.kernel,
                {x.data(), c.x.rows, c.x.cols, c.x.stride},
                {y.data(), c.y.rows, c.y.cols, c.y.stride},
                {right.data(), c.right.rows, c.right.cols, c.right.stride},
                {out.data(), c.out.rows, c.out.cols, c.out.stride},
                c.same_points} {}
};

using Call = void (*)(const kernels::Pairwise&, const std::vector<PairwiseProblem>&);

void product(const kernels::Pairwise& pairwise, const std::vector<PairwiseProblem>& problems) {
  pairwise.product(problems);
}

void curl_free(const kernels::Pairwise& pairwise, const std::vector<PairwiseProblem>& problems) {
  pairwise.curl_free_product(problems);
}

void gram(const kernels::Pairwise& pairwise, const std::vector<PairwiseProblem>& problems) {
  std::vector<GramProblem> grams;
  for (const PairwiseProblem& p : problems)
    grams.push_back({p.kernel, p.x, p.y, p.out, p.same_points, 0.0f});
  pairwise.gram(grams);
}

void run_on(const kernels::Operations& operations, Call run, std::vector<Case>& cases) {
  std::vector<Placed> placed;
  std::vector<PairwiseProblem> problems;
  for (const Case& c : cases) {
    placed.emplace_back(operations.memory(), c);
    problems.push_back(placed.back().problem);
  }
  run(operations.pairwise(), problems);
  for (std::size_t k = 0; k < cases.size(); ++k) cases[k].out.values = placed[k].out.download();
}

double squared_distance(const Case& c, std::size_t i, std::size_t j) {
  double sum = 0.0;
  for (std::size_t l = 0; l < c.x.cols; ++l) {
    const double difference = static_cast<double>(c.x(i, l)) - static_cast<double>(c.y(j, l));
    sum += difference * difference;
  }
  return sum;
}

double exact_kernel(const RadialKernel& kernel, double squared) {
  const double relative = squared / (kernel.width * kernel.width);
  return kernel.form == Form::rbf ? std::exp(-0.5 * relative) : 1.0 / std::sqrt(1.0 + relative);
}

// A result and the sum of the sizes of its terms, which scales its rounding.
struct Entry {
  double value = 0.0, size = 0.0;
  void add(double term) {
    value += term;
    size += std::abs(term);
  }
};

Entry exact_product(const Case& c, std::size_t i, std::size_t column) {
  Entry entry;
  for (std::size_t j = 0; j < c.y.rows; ++j) {
    entry.add(exact_kernel(c.kernel, squared_distance(c, i, j)) *
              static_cast<double>(c.right(j, column)));
  }
  return entry;
}

// Row `l` of Gamma(u) c is minus the derivative in u_l of the derivative of k along c; both by
// central differences of k, which errs by some 1e-7.
double differenced_curl_free(const Case& c, std::size_t i, std::size_t l) {
  const double step = 1e-3 * c.kernel.width;
  double sum = 0.0;
  std::vector<double> u(c.x.cols);
  for (std::size_t j = 0; j < c.y.rows; ++j) {
    const auto value = [&](double along_l, double along_c) {
      double squared = 0.0;
      for (std::size_t k = 0; k < u.size(); ++k) {
        u[k] = static_cast<double>(c.x(i, k)) - static_cast<double>(c.y(j, k)) +
               along_c * static_cast<double>(c.right(j, k)) + (k == l ? along_l : 0.0);
        squared += u[k] * u[k];
      }
      return exact_kernel(c.kernel, squared);
    };
    sum -= (value(step, step) - value(step, -step) - value(-step, step) + value(-step, -step)) /
           (4.0 * step * step);
  }
  return sum;
}

// The same in closed form: weight (c - slope (u.c) u).
Entry exact_curl_free(const Case& c, std::size_t i, std::size_t l) {
  Entry entry;
  const double width2 = c.kernel.width * c.kernel.width;
  for (std::size_t j = 0; j < c.y.rows; ++j) {
    const double k = exact_kernel(c.kernel, squared_distance(c, i, j));
    const bool rbf = c.kernel.form == Form::rbf;
    const double weight = (rbf ? k : k * k * k) / width2,
                 slope = (rbf ? 1.0 : 3.0 * k * k) / width2;
    double along = 0.0;
    for (std::size_t q = 0; q < c.x.cols; ++q) {
      along += (static_cast<double>(c.x(i, q)) - static_cast<double>(c.y(j, q))) *
               static_cast<double>(c.right(j, q));
    }
    const double u = static_cast<double>(c.x(i, l)) - static_cast<double>(c.y(j, l));
    entry.add(weight * static_cast<double>(c.right(j, l)));
    entry.add(-weight * slope * along * u);
  }
  return entry;
}

// Kernel values err by about eps |x| |y| / width^2, some 1e-6 here, and a sum of terms by no more
// of the sum of their sizes. Products for curl-free kernels lose up to |x| / |x - y| more.
constexpr double tolerance = 4e-6;

template <class Exact>
void expect_exact(const Case& c, const Exact& exact, double allowed) {
  const std::string what =
      "n = " + std::to_string(c.out.rows) + ", m = " + std::to_string(c.y.rows) +
      ", d = " + std::to_string(c.x.cols) + ", r = " + std::to_string(c.out.cols) +
      (c.kernel.form == Form::rbf ? ", rbf" : ", inverse multiquadric");
  for (std::size_t i = 0; i < c.out.rows; ++i) {
    for (std::size_t j = 0; j < c.out.cols; ++j) {
      const Entry entry = exact(c, i, j);
      ASSERT_NEAR(c.out(i, j), entry.value, allowed * (entry.size + 1e-6))
          << what << ", entry " << i << ", " << j;
    }
    for (std::size_t j = c.out.cols; j < c.out.stride; ++j)
      ASSERT_TRUE(std::isnan(c.out(i, j))) << "wrote between the rows, " << what;
  }
}

void expect_same_bits(const std::vector<Case>& a, const std::vector<Case>& b) {
  for (std::size_t k = 0; k < a.size(); ++k) {
    for (std::size_t i = 0; i < a[k].out.rows; ++i) {
      for (std::size_t j = 0; j < a[k].out.cols; ++j)
        ASSERT_EQ(a[k].out(i, j), b[k].out(i, j)) << "case " << k << ", " << i << ", " << j;
    }
  }
}

class PairwiseOf : public test::OnEveryBackend {
 protected:
  void run(Call what, std::vector<Case>& cases) const { run_on(operations(), what, cases); }

  // What is said of the second of three problems, which `spoil` makes unusable.
  template <class Do, class Spoil>
  std::string message(const Do& what, const Spoil& spoil) const {
    const Case c(Form::rbf, 13, 5, 5, 5, 0, 1);
    std::vector<Placed> placed;
    std::vector<PairwiseProblem> problems;
    for (int k = 0; k < 3; ++k) {
      placed.emplace_back(memory(), c);
      problems.push_back(placed.back().problem);
    }
    spoil(problems[1]);
    try {
      what(operations().pairwise(), problems);
    } catch (const InvalidArgument& error) {
      EXPECT_TRUE(std::isnan(placed[0].out.download()[0])) << "wrote before it checked";
      return error.what();
    }
    return "nothing thrown";
  }

  // Numbers of queries, centres and dimensions that end within, at and beyond tiles.
  std::vector<Case> all_sizes(bool columns_are_d) const {
    const std::vector<std::size_t> sizes = slow() ? std::vector<std::size_t>{0, 1, 13, 33}
                                                  : std::vector<std::size_t>{0, 1, 13, 31, 33, 129};
    std::vector<Case> cases;
    std::uint64_t number = 0;
    for (const std::size_t n : sizes) {
      for (const std::size_t m : sizes) {
        for (const std::size_t d : {0, 1, 3, 5, 8, 13, 33}) {
          ++number;
          const Form form = number % 2 == 0 ? Form::rbf : Form::inverse_multiquadric;
          const std::size_t r = columns_are_d ? d : (number % 3 == 0 ? 1 : d + number % 3 * d);
          cases.emplace_back(form, n, m, d, r, number % 4, number);
        }
      }
    }
    cases.emplace_back(Form::rbf, 137, 597, 20, columns_are_d ? 20 : 41, 3, 900);
    cases.emplace_back(Form::inverse_multiquadric, 150, 150, 6, columns_are_d ? 6 : 13, 0, 901);
    cases.back().with_same_points();
    cases.emplace_back(Form::rbf, 150, 150, 12, columns_are_d ? 12 : 13, 0, 902);
    cases.back().with_same_points();
    return cases;
  }
};

TEST_P(PairwiseOf, ProductOfAnySizeAndStrideInOneBatch) {
  std::vector<Case> cases = all_sizes(false);
  cases.emplace_back(Form::rbf, 20, 70, 70, 141, 1, 903);  // more columns than one block takes
  run(product, cases);
  for (const Case& c : cases) expect_exact(c, exact_product, tolerance);
}

TEST_P(PairwiseOf, CurlFreeProductOfAnySizeAndStrideInOneBatch) {
  std::vector<Case> cases = all_sizes(true);
  cases.emplace_back(Form::rbf, 20, 70, 70, 70, 1, 904);
  run(curl_free, cases);
  for (const Case& c : cases) expect_exact(c, exact_curl_free, 2 * tolerance);
}

TEST_P(PairwiseOf, CurlFreeKernelIsMinusTheHessian) {
  for (const Form form : {Form::rbf, Form::inverse_multiquadric}) {
    std::vector<Case> cases;
    cases.emplace_back(form, 5, 7, 3, 3, 0, 1);
    run(curl_free, cases);
    for (std::size_t i = 0; i < 5; ++i) {
      for (std::size_t l = 0; l < 3; ++l)
        ASSERT_NEAR(cases[0].out(i, l), differenced_curl_free(cases[0], i, l), 2e-5);
    }
  }
}

TEST_P(PairwiseOf, GramOfAnySizeAndStrideInOneBatch) {
  std::vector<Case> cases = all_sizes(false);
  for (Case& c : cases) c.out = Padded(c.x.rows, c.y.rows, c.out.stride - c.out.cols);
  run(gram, cases);
  for (const Case& c : cases) {
    expect_exact(
        c,
        [](const Case& k, std::size_t i, std::size_t j) {
          const double value = exact_kernel(k.kernel, squared_distance(k, i, j));
          return Entry{value, 1.0};
        },
        tolerance);
  }
}

TEST_P(PairwiseOf, SamePointsHaveKernelOneAndASymmetricGramMatrix) {
  for (const Form form : {Form::rbf, Form::inverse_multiquadric}) {
    // Far from the origin and narrow: a diagonal that is computed would not be 1.
    std::vector<Case> cases;
    cases.emplace_back(form, 150, 150, 6, 150, 0, 3, 100.0);
    cases.back().with_same_points().kernel.width = 1e-3;
    run(gram, cases);
    for (std::size_t i = 0; i < 150; ++i) {
      ASSERT_EQ(cases[0].out(i, i), 1.0f);
      for (std::size_t j = 0; j < i; ++j) ASSERT_EQ(cases[0].out(i, j), cases[0].out(j, i));
    }
  }
  const kernels::Buffer<float> x(memory(), std::vector<float>(150 * 6, 0.5f));
  const kernels::Buffer<float> out(memory(), 150 * 150);
  GramProblem problem;
  problem.x = problem.y = {x.data(), 150, 6};
  problem.out = {out.data(), 150, 150};
  problem.same_points = true;
  problem.ridge = 0.25f;
  operations().pairwise().gram({&problem, 1});
  const std::vector<float> values = out.download();
  for (std::size_t e = 0; e < values.size(); ++e) ASSERT_EQ(values[e], e % 151 == 0 ? 1.25f : 1.0f);
  // All else vanishes in a narrow rbf kernel, so the product is `right` itself.
  for (const std::size_t d : {std::size_t{6}, std::size_t{13}}) {
    std::vector<Case> cases;
    cases.emplace_back(Form::rbf, 150, 150, d, 5, 0, 4, 100.0);
    cases.back().with_same_points().kernel.width = 1e-3;
    run(product, cases);
    for (std::size_t i = 0; i < 150; ++i) {
      for (std::size_t j = 0; j < 5; ++j) ASSERT_EQ(cases[0].out(i, j), cases[0].right(i, j));
    }
  }
}

// Points near 100 are stored to 4e-6 each; beyond that nothing may be lost.
TEST_P(PairwiseOf, CommonOffsetCostsNoDigits) {
  std::vector<Case> cases;
  for (const std::size_t d : {5, 20}) {
    cases.emplace_back(Form::rbf, 33, 133, d, d + 1, 0, d, 100.0);
    cases.emplace_back(Form::inverse_multiquadric, 33, 133, d, d + 1, 0, d, 100.0);
  }
  run(product, cases);
  for (const Case& c : cases) expect_exact(c, exact_product, tolerance);
}

// Columns of ones: the sum of m kernel values of one sign, which plain fp32 would get to about
// m eps = 1e-3 only.
TEST_P(PairwiseOf, LongSumsKeepTheirDigits) {
  for (const std::size_t d : {std::size_t{2}, std::size_t{12}}) {
    std::vector<Case> cases;
    cases.emplace_back(Form::inverse_multiquadric, 3, slow() ? 4000 : 20000, d, 1, 0, d);
    std::fill(cases[0].right.values.begin(), cases[0].right.values.end(), 1.0f);
    run(product, cases);
    for (std::size_t i = 0; i < 3; ++i) {
      const Entry entry = exact_product(cases[0], i, 0);
      ASSERT_NEAR(cases[0].out(i, 0) / entry.value, 1.0, 2e-6);
    }
  }
}

TEST_P(PairwiseOf, SameBitsOnEveryRunForAnyThreadsAndAnyBatch) {
  const auto cases = [&](bool square) {
    std::vector<Case> result;
    for (const std::size_t n : {13, 31, 33, 200}) {
      result.emplace_back(Form::rbf, n, 2 * n + 1, 5, square ? 5 : 6, 1, n);
      result.emplace_back(Form::inverse_multiquadric, n, 97, 13, square ? 13 : 14, 0, n);
    }
    // Few queries and many centres: the centres are split.
    result.emplace_back(Form::rbf, 7, slow() ? 2500 : 9000, 4, square ? 4 : 5, 0, 5);
    result.emplace_back(Form::rbf, 7, slow() ? 2500 : 9000, 11, square ? 11 : 12, 0, 6);
    return result;
  };
  for (const Call what : {product, curl_free}) {
    std::vector<Case> here = cases(what == curl_free), again = here;
    run(what, here);
    run(what, again);
    expect_same_bits(here, again);
    const Backend single = plain();
    std::vector<Case> alone = cases(what == curl_free);
    for (Case& c : alone) {
      std::vector<Case> batch{c};
      run_on(single.operations(), what, batch);
      c = batch.front();
    }
    expect_same_bits(here, alone);
  }
}

void naive([[maybe_unused]] const std::string& backend,
           [[maybe_unused]] const kernels::Memory& memory,
           [[maybe_unused]] const PairwiseProblem& problem) {
#ifdef LODESTEIN_WITH_SIMT
  if (backend == "simt") kernels::simt::naive_product(memory, problem);
#endif
#ifdef LODESTEIN_WITH_CUDA
  if (backend == "cuda") kernels::cuda::naive_product(memory, problem);
#endif
}

TEST_P(PairwiseOf, NaiveProductOnAGpuIsTheSame) {
  const std::string backend = GetParam().backend;
  if (backend != "simt" && backend != "cuda") GTEST_SKIP() << "is for GPUs";
  for (const std::size_t d : {std::size_t{3}, std::size_t{10}, std::size_t{33}}) {
    for (const Form form : {Form::rbf, Form::inverse_multiquadric}) {
      Case c(form, 33, 201, d, d + 1, 1, d);
      const Placed placed(memory(), c);
      naive(backend, memory(), placed.problem);
      c.out.values = placed.out.download();
      expect_exact(c, exact_product, tolerance);
    }
  }
}

// Distances in fp32 as the contract defines them, sorted.
std::vector<float> sorted_distances(const Case& c) {
  std::vector<float> squared;
  for (std::size_t i = 0; i < c.x.rows; ++i) {
    for (std::size_t j = 0; j < c.y.rows; ++j) {
      float sum = 0.0f;
      for (std::size_t l = 0; l < c.x.cols; ++l) {
        const float difference = c.x(i, l) - c.y(j, l);
        sum = std::fma(difference, difference, sum);
      }
      squared.push_back(sum);
    }
  }
  std::sort(squared.begin(), squared.end());
  for (float& s : squared) s = std::sqrt(s);
  return squared;
}

std::vector<float> quantiles_on(const kernels::Operations& operations,
                                const std::vector<Case>& cases,
                                const std::vector<std::size_t>& ranks) {
  std::vector<Placed> placed;
  std::vector<DistanceQuantileProblem> problems;
  const kernels::Buffer<float> distances(operations.memory(), cases.size());
  for (std::size_t k = 0; k < cases.size(); ++k) {
    placed.emplace_back(operations.memory(), cases[k]);
    const PairwiseProblem& p = placed.back().problem;
    problems.push_back({p.x, p.y, ranks[k], distances.data() + k});
  }
  operations.pairwise().distance_quantile(problems);
  return distances.download();
}

// Ranks are exact, values within the rounding of d squares: neighbours in the sorted list are
// closer than that, so a rank that is off by a few of 10^5 pairs is caught by the small cases.
TEST_P(PairwiseOf, DistanceOfEveryRank) {
  std::vector<Case> cases;
  std::vector<std::size_t> ranks;
  const auto add = [&](const Case& c, std::size_t rank) {
    cases.push_back(c);
    ranks.push_back(rank);
  };
  for (const auto& [n, m, d] : {std::tuple<int, int, int>{1, 1, 3},
                                {13, 7, 1},
                                {31, 33, 5},
                                {33, 13, 40},
                                {300, 70, 2},
                                {130, 300, 4}}) {
    const auto rows = static_cast<std::size_t>(n), centres = static_cast<std::size_t>(m);
    const Case c(Form::rbf, rows, centres, static_cast<std::size_t>(d), 0, 2, rows);
    const std::size_t pairs = rows * centres;
    for (const std::size_t rank : {std::size_t{0}, pairs / 10, kernels::lower_median_rank(pairs),
                                   pairs - 1 - pairs / 50, pairs - 1}) {
      add(c, rank);
    }
  }
  // Points with themselves: as many zeros, no value but zero, and a sample that misleads.
  const Case same = Case(Form::rbf, 270, 270, 3, 0, 0, 8).with_same_points();
  for (const std::size_t rank : {269, 270, 40000}) add(same, static_cast<std::size_t>(rank));
  Case equal(Form::rbf, 300, 300, 2, 0, 0, 9);
  std::fill(equal.x.values.begin(), equal.x.values.end(), 2.5f);
  equal.y = equal.x;
  add(equal, 4321);
  Case skewed(Form::rbf, 512, 270, 1, 0, 0, 9);
  for (std::size_t i = 1; i < 512; i += 2) skewed.x(i, 0) += 1000.0f;
  add(skewed, 270 * 256 - 1);
  add(skewed, 270 * 256);
  const std::vector<float> found = quantiles_on(operations(), cases, ranks);
  for (std::size_t k = 0; k < cases.size(); ++k) {
    const float expected = sorted_distances(cases[k])[ranks[k]];
    ASSERT_NEAR(found[k], expected, 1e-6 * (expected + 1e-30f)) << "case " << k;
  }
  const Backend single = plain();
  ASSERT_EQ(found, quantiles_on(single.operations(), cases, ranks));
}

TEST(LowerMedianRank, IsThatOfTheLowerMiddleOne) {
  EXPECT_EQ(kernels::lower_median_rank(1), 0u);
  EXPECT_EQ(kernels::lower_median_rank(4), 1u);
  EXPECT_EQ(kernels::lower_median_rank(9), 4u);
}

TEST_P(PairwiseOf, NothingToDo) {
  EXPECT_NO_THROW(operations().pairwise().product({}));
  EXPECT_NO_THROW(operations().pairwise().curl_free_product({}));
  EXPECT_NO_THROW(operations().pairwise().gram({}));
  EXPECT_NO_THROW(operations().pairwise().distance_quantile({}));
}

TEST_P(PairwiseOf, RefusesBadArgumentsNamingThem) {
  EXPECT_THAT(message(product, [](auto& p) { p.kernel.width = 0.0; }),
              AllOf(HasSubstr("pairwise product, problem 1"), HasSubstr("width")));
  EXPECT_THAT(message(product, [](auto& p) { p.y.cols = 4; }), HasSubstr("y is 5 x 4"));
  EXPECT_THAT(message(product, [](auto& p) { p.right.rows = 4; }), HasSubstr("right is 4 x 5"));
  EXPECT_THAT(message(product, [](auto& p) { p.out.cols = 4; }), HasSubstr("out is 13 x 4"));
  EXPECT_THAT(message(product, [](auto& p) { p.x.data = nullptr; }), HasSubstr("x is null"));
  EXPECT_THAT(message(product, [](auto& p) { p.x.stride = 4; }), HasSubstr("x has 5 columns"));
  EXPECT_THAT(message(curl_free, [](auto& p) { p.right.cols = 4; }),
              AllOf(HasSubstr("curl-free product, problem 1"), HasSubstr("right is 5 x 4")));
  EXPECT_THAT(message(gram, [](auto& p) { p.out.cols = 4; }),
              AllOf(HasSubstr("gram matrix, problem 1"), HasSubstr("out is 13 x 4")));
  EXPECT_THAT(message(product, [](auto& p) { p.same_points = true; }), HasSubstr("same_points"));
  const Case c(Form::rbf, 3, 4, 2, 0, 0, 1);
  try {
    quantiles_on(operations(), {c, c}, {11, 12});
    FAIL();
  } catch (const InvalidArgument& error) {
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("distance quantile, problem 1"), HasSubstr("12 of 12")));
  }
}

TEST_P(PairwiseOf, RefusesBadKernelsInEveryOperation) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const std::vector<std::pair<Call, std::string>> calls{
      {product, "pairwise product, problem 1: "},
      {curl_free, "curl-free product, problem 1: "},
      {gram, "gram matrix, problem 1: "}};
  for (const auto& [call, where] : calls) {
    for (const double bad : {0.0, -1.0, infinity, std::nan("")})
      EXPECT_THAT(message(call, [&](auto& p) { p.kernel.width = bad; }),
                  HasSubstr(where + "width"));
    for (const double bad : {infinity, std::nan("")})
      EXPECT_THAT(message(call, [&](auto& p) { p.kernel.profile[3] = bad; }),
                  HasSubstr(where + "profile is not finite"));
    EXPECT_THAT(message(call, [](auto& p) { p.y.data = nullptr; }), HasSubstr(where + "y is null"));
    EXPECT_THAT(message(call, [](auto& p) { p.out.data = nullptr; }),
                HasSubstr(where + "out is null"));
    EXPECT_THAT(message(call, [](auto& p) { p.same_points = true, p.x.rows = 4, p.out.rows = 4; }),
                HasSubstr(where + "same_points, but x has 4 rows and y 5"));
  }
  for (const double coefficient : {2.0, 0.0})
    EXPECT_THAT(message(curl_free, [&](auto& p) { p.kernel.profile[0] = coefficient; }),
                HasSubstr(calls[1].second + "kernel has a profile"));
  EXPECT_THAT(message(product, [](auto& p) { p.right.data = nullptr; }),
              HasSubstr(calls[0].second + "right is null"));
  EXPECT_THAT(message(
                  [](const kernels::Pairwise& pairwise, const auto& problems) {
                    std::vector<GramProblem> grams;
                    for (const PairwiseProblem& p : problems)
                      grams.push_back({p.kernel, p.x, p.y, p.out, p.same_points, 0.0f});
                    grams[1].ridge = 0.5f;
                    pairwise.gram(grams);
                  },
                  [](auto&) {}),
              HasSubstr(calls[2].second + "ridge without same_points"));
  DistanceQuantileProblem quantile;
  const kernels::Buffer<float> x(memory(), std::vector<float>(4, 1.0f));
  quantile.x = quantile.y = {x.data(), 2, 2};
  EXPECT_THROW(operations().pairwise().distance_quantile({&quantile, 1}), InvalidArgument);
  EXPECT_TRUE(RadialKernel{}.plain());
}

// sum_j k(r) (a_0 + a_1 t + ...) right_j, t = r^2 / width^2 (rbf) or k^2.
Entry exact_profile_product(const Case& c, std::size_t i, std::size_t column) {
  Entry entry;
  for (std::size_t j = 0; j < c.y.rows; ++j) {
    const double squared = c.same_points && i == j ? 0.0 : squared_distance(c, i, j);
    const double k = exact_kernel(c.kernel, squared);
    const double t =
        c.kernel.form == Form::rbf ? squared / (c.kernel.width * c.kernel.width) : k * k;
    double power = k;
    for (const double a : c.kernel.profile) {
      entry.add(a * power * static_cast<double>(c.right(j, column)));
      power *= t;
    }
  }
  return entry;
}

TEST_P(PairwiseOf, ProductsWithProfilesOfAnySize) {
  std::vector<Case> cases;
  std::uint64_t number = 500;
  for (const Form form : {Form::rbf, Form::inverse_multiquadric}) {
    for (const std::size_t n : {0, 1, 13, 33, 133}) {
      for (const std::size_t d : {1, 5, 13}) {
        cases.emplace_back(form, n, 31 + n, d, 2 * d + 1, number % 3, number);
        cases.back().kernel.profile = {0.5, -1.0, 0.25, 0.1, -0.02};
        ++number;
      }
    }
    // A first coefficient of 0, as in derivatives, and points with themselves.
    cases.emplace_back(form, 70, 70, 4, 5, 0, number++);
    cases.back().with_same_points().kernel.profile = {0.0, 1.0, 0.0, -0.5, 0.0};
  }
  run(product, cases);
  for (const Case& c : cases) expect_exact(c, exact_profile_product, 2 * tolerance);
  std::vector<Case> again = cases;
  run(product, again);
  expect_same_bits(cases, again);
}

// The plain kernel as a profile of itself: 1 at distance 0 whatever the other terms.
TEST_P(PairwiseOf, ProfilesOfTheSamePointsHaveTheirValueAtZero) {
  for (const Form form : {Form::rbf, Form::inverse_multiquadric}) {
    std::vector<Case> cases;
    cases.emplace_back(form, 40, 40, 3, 40, 0, 3, 100.0);
    cases.back().with_same_points().kernel.profile = {0.5, -1.0, 0.25, 0.0, 2.0};
    const auto at_zero = static_cast<float>(cases[0].kernel.at_zero());
    EXPECT_EQ(at_zero, form == Form::rbf ? 0.5f : 1.75f);
    run(gram, cases);
    for (std::size_t i = 0; i < 40; ++i) {
      ASSERT_EQ(cases[0].out(i, i), at_zero);
      for (std::size_t j = 0; j < i; ++j) ASSERT_EQ(cases[0].out(i, j), cases[0].out(j, i));
    }
  }
}

LODESTEIN_ON_EVERY_BACKEND(PairwiseOf);

}  // namespace
}  // namespace lodestein
