// Cholesky factors, solutions and eigenvectors on every backend, checked by the equations that
// they must satisfy, evaluated in long double.
#include "kernels/solve.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "lodestein/core/error.hpp"
#include "lodestein/core/random.hpp"
#include "tests/backend/backends.hpp"

namespace lodestein {
namespace {

using kernels::RightSides;
using kernels::System;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

// A matrix whose rows are `padding` numbers longer, which nobody may touch.
struct Padded {
  std::size_t rows, cols, stride;
  std::vector<double> values;

  Padded(std::size_t r, std::size_t c, std::size_t padding)
      : rows(r), cols(c), stride(c + padding), values(r * stride, nan) {}
  double& operator()(std::size_t i, std::size_t j) { return values[i * stride + j]; }
  double operator()(std::size_t i, std::size_t j) const { return values[i * stride + j]; }
  bool padding_untouched() const {
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t j = cols; j < stride; ++j)
        if (!std::isnan((*this)(i, j))) return false;
    }
    return true;
  }
};

// A Padded in the memory of a backend.
struct Placed {
  std::size_t rows, cols, stride;
  kernels::Buffer<double> values;

  Placed(const kernels::Memory& memory, const Padded& host)
      : rows(host.rows), cols(host.cols), stride(host.stride), values(memory, host.values) {}
  kernels::View<double> view() const { return {values.data(), rows, cols, stride}; }
  void fetch(Padded& host) const { host.values = values.download(); }
};

Padded random_matrix(std::size_t rows, std::size_t cols, std::size_t padding,
                     std::uint64_t number) {
  Padded a(rows, cols, padding);
  Draws draws = RandomStream(Seed{11}, Purpose::test).at(number);
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < cols; ++j) a(i, j) = draws.normal();
  return a;
}

// Symmetric, entries of size 1, and so eigenvalues within 2 sqrt(n).
Padded random_symmetric(std::size_t n, std::size_t padding, std::uint64_t number) {
  Padded a = random_matrix(n, n, padding, number);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < i; ++j) a(j, i) = a(i, j);
  return a;
}

// Positive definite with eigenvalues within n + 2 sqrt(n): condition about 1 to 10, so that the
// tolerances below measure the algorithm and not the matrix.
Padded random_definite(std::size_t n, std::size_t padding, std::uint64_t number) {
  Padded a = random_symmetric(n, padding, number);
  for (std::size_t i = 0; i < n; ++i) a(i, i) += 3.0 * std::sqrt(static_cast<double>(n)) + 1.0;
  return a;
}

void forget_upper(Padded& a) {
  for (std::size_t i = 0; i < a.rows; ++i)
    for (std::size_t j = i + 1; j < a.cols; ++j) a(i, j) = nan;
}

using LongMatrix = std::vector<long double>;

LongMatrix product(const LongMatrix& a, const LongMatrix& b, std::size_t n, std::size_t inner,
                   std::size_t m) {
  LongMatrix c(n * m, 0.0L);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t k = 0; k < inner; ++k)
      for (std::size_t j = 0; j < m && a[i * inner + k] != 0.0L; ++j)
        c[i * m + j] += a[i * inner + k] * b[k * m + j];
  return c;
}

LongMatrix dense(const Padded& a) {
  LongMatrix c;
  for (std::size_t i = 0; i < a.rows; ++i)
    for (std::size_t j = 0; j < a.cols; ++j) c.push_back(a(i, j));
  return c;
}

LongMatrix transposed(const LongMatrix& a, std::size_t rows, std::size_t cols) {
  LongMatrix c(a.size());
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < cols; ++j) c[j * rows + i] = a[i * cols + j];
  return c;
}

LongMatrix lower(const Padded& a) {
  LongMatrix c(a.rows * a.cols, 0.0L);
  for (std::size_t i = 0; i < a.rows; ++i)
    for (std::size_t j = 0; j <= i; ++j) c[i * a.cols + j] = a(i, j);
  return c;
}

double largest_difference(const LongMatrix& a, const LongMatrix& b) {
  double worst = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto difference = static_cast<double>(std::abs(a[i] - b[i]));
    if (!(difference <= worst)) worst = difference;  // a NaN stays
  }
  return worst;
}

// n products of size sqrt(n) or less, rounded: n^1.5 eps, here with 16 to spare.
double rounding(std::size_t n) {
  return 16.0 * std::numeric_limits<double>::epsilon() *
         std::pow(static_cast<double>(n) + 1.0, 1.5);
}

struct Factored {
  std::vector<Padded> matrices;
  std::vector<int> status;
};

Factored factor_on(const kernels::Operations& operations, std::vector<Padded> matrices) {
  std::vector<Placed> placed;
  for (const Padded& matrix : matrices) placed.emplace_back(operations.memory(), matrix);
  kernels::Buffer<int> status(operations.memory(), std::vector<int>(matrices.size(), -7));
  std::vector<kernels::CholeskyProblem> problems;
  for (std::size_t p = 0; p < placed.size(); ++p)
    problems.push_back({placed[p].view(), status.data() + p});
  operations.solve().factor(problems);
  for (std::size_t p = 0; p < placed.size(); ++p) placed[p].fetch(matrices[p]);
  return {std::move(matrices), status.download()};
}

struct Eigensystem {
  std::vector<Padded> vectors;
  std::vector<std::vector<double>> values;
  std::vector<int> status;
};

Eigensystem eigen_on(const kernels::Operations& operations, std::vector<Padded> matrices) {
  std::vector<Placed> placed, values;
  std::vector<kernels::EigenProblem> problems;
  kernels::Buffer<int> status(operations.memory(), std::vector<int>(matrices.size(), -7));
  for (const Padded& matrix : matrices) {
    placed.emplace_back(operations.memory(), matrix);
    values.emplace_back(operations.memory(), Padded(1, matrix.rows, 0));
    problems.push_back(
        {placed.back().view(), values.back().values.data(), status.data() + problems.size()});
  }
  operations.solve().eigen(problems);
  Eigensystem result{std::move(matrices), {}, status.download()};
  for (std::size_t p = 0; p < placed.size(); ++p) {
    placed[p].fetch(result.vectors[p]);
    result.values.push_back(values[p].values.download());
  }
  return result;
}

// V diag(values) = A V (or B V diag), V^T B V = 1, ascending, first largest entry positive.
void expect_eigensystem(const Padded& a, const Padded* metric, const std::vector<double>& values,
                        const Padded& vectors, double tolerance) {
  const std::size_t n = a.rows;
  const LongMatrix v = dense(vectors);
  const LongMatrix bv = metric == nullptr ? v : product(dense(*metric), v, n, n, n);
  LongMatrix right = bv, identity(n * n, 0.0L);
  for (std::size_t i = 0; i < n; ++i) {
    identity[i * n + i] = 1.0L;
    for (std::size_t k = 0; k < n; ++k) right[i * n + k] *= values[k];
  }
  ASSERT_LE(largest_difference(product(dense(a), v, n, n, n), right), tolerance) << "n = " << n;
  ASSERT_LE(largest_difference(product(transposed(v, n, n), bv, n, n, n), identity), tolerance)
      << "n = " << n;
  for (std::size_t k = 0; k < n; ++k) {
    ASSERT_LE(values[k == 0 ? 0 : k - 1], values[k]);
    double largest = 0.0;
    for (std::size_t i = 0; i < n; ++i) {
      if (std::abs(vectors(i, k)) > std::abs(largest)) largest = vectors(i, k);
    }
    ASSERT_GT(largest, 0.0);
  }
}

class SolveOf : public test::OnEveryBackend {
 protected:
  // Both sides of every limit that a backend has: 8, 16, 32, 64, 128, 512.
  std::vector<std::size_t> sizes() const {
    if (slow()) return {0, 1, 2, 13, 16, 17, 33, 64, 128, 129};
    return {0, 1, 2, 13, 16, 17, 31, 33, 64, 65, 128, 129, 200, 597};
  }
  std::vector<std::size_t> eigen_sizes() const {
    if (slow()) return {0, 1, 2, 13, 16, 17, 33, 64, 65};
    if (GetParam().backend == "reference") return {0, 1, 2, 13, 17, 31, 33, 65, 100};
    return {0, 1, 2, 13, 16, 17, 31, 33, 64, 65, 100, 300};
  }
};

TEST_P(SolveOf, FactorTimesItsTransposeIsTheMatrix) {
  std::vector<Padded> matrices;
  for (const std::size_t n : sizes()) {
    for (const std::size_t padding : {0, 3}) {
      matrices.push_back(random_definite(n, padding, n));
      forget_upper(matrices.back());
    }
  }
  const Factored result = factor_on(operations(), matrices);
  for (std::size_t p = 0; p < matrices.size(); ++p) {
    const Padded& factor = result.matrices[p];
    const std::size_t n = factor.rows;
    ASSERT_EQ(result.status[p], 0) << "n = " << n;
    const LongMatrix l = lower(factor);
    const LongMatrix llt = product(l, transposed(l, n, n), n, n, n);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j <= i; ++j) {
        ASSERT_NEAR(static_cast<double>(llt[i * n + j]), matrices[p](i, j), rounding(n));
      }
      for (std::size_t j = i + 1; j < n; ++j) ASSERT_TRUE(std::isnan(factor(i, j)));
    }
    ASSERT_TRUE(factor.padding_untouched());
  }
}

// The first pivot that fails, wherever it is; the other problems of the batch are not affected.
TEST_P(SolveOf, NamesThePivotThatFails) {
  std::vector<Padded> matrices;
  std::vector<int> expected;
  for (const std::size_t n : {std::size_t{1}, std::size_t{13}, std::size_t{33}, std::size_t{140}}) {
    for (const double bad : {-1.0, 0.0, nan, infinity, -infinity}) {
      for (const std::size_t k : {std::size_t{0}, n / 2, n - 1}) {
        Padded a(n, n, 1);
        for (std::size_t i = 0; i < n; ++i)
          for (std::size_t j = 0; j <= i; ++j) a(i, j) = i == j ? 2.0 : 0.0;
        if (k + 1 < n) a(n - 1, n - 1) = -1.0;  // only the first counts
        a(k, k) = bad;
        matrices.push_back(a);
        expected.push_back(static_cast<int>(k) + 1);
      }
    }
    matrices.push_back(random_definite(n, 0, n));
    expected.push_back(0);
  }
  EXPECT_EQ(factor_on(operations(), matrices).status, expected);
}

TEST_P(SolveOf, EverySystemOnEitherSide) {
  const std::vector<System> systems{System::factor, System::transposed_factor, System::matrix};
  std::vector<Padded> factors, rights;
  std::vector<kernels::SolveProblem> problems;
  for (const std::size_t n : sizes()) {
    for (const std::size_t m : {std::size_t{0}, std::size_t{1}, std::size_t{33}}) {
      for (const System system : systems) {
        for (const RightSides sides : {RightSides::columns, RightSides::rows}) {
          if (n > 64 && m != 33) continue;
          Padded l = random_matrix(n, n, 2, n);  // diagonally dominant: condition about 2
          for (std::size_t i = 0; i < n; ++i) {
            for (std::size_t j = 0; j < n; ++j)
              l(i, j) = i == j ? 2.0 : j > i ? nan : l(i, j) / static_cast<double>(n);
          }
          const bool rows = sides == RightSides::rows;
          factors.push_back(l);
          rights.push_back(random_matrix(rows ? m : n, rows ? n : m, 3, n + m));
          problems.push_back({{}, {}, system, sides, nullptr});
        }
      }
    }
  }
  std::vector<Placed> placed_factors, placed_rights;
  for (std::size_t p = 0; p < problems.size(); ++p) {
    placed_factors.emplace_back(memory(), factors[p]);
    placed_rights.emplace_back(memory(), rights[p]);
    problems[p].factor = placed_factors[p].view();
    problems[p].right = placed_rights[p].view();
  }
  operations().solve().solve(problems);
  for (std::size_t p = 0; p < problems.size(); ++p) {
    Padded solution = rights[p];
    placed_rights[p].fetch(solution);
    const std::size_t n = factors[p].rows;
    const bool rows = problems[p].sides == RightSides::rows;
    const std::size_t m = rows ? rights[p].rows : rights[p].cols;
    LongMatrix x = dense(solution), b = dense(rights[p]);
    if (rows) {
      x = transposed(x, m, n);
      b = transposed(b, m, n);
    }
    const LongMatrix l = lower(factors[p]);
    if (problems[p].system != System::factor) x = product(transposed(l, n, n), x, n, n, m);
    if (problems[p].system != System::transposed_factor) x = product(l, x, n, n, m);
    ASSERT_LE(largest_difference(x, b), 1e-12) << "n = " << n << ", m = " << m;
    ASSERT_TRUE(solution.padding_untouched());
  }
}

TEST_P(SolveOf, LeavesRightHandSidesOfAFailedFactor) {
  for (const std::size_t n : {std::size_t{13}, std::size_t{140}}) {
    const Padded factor = random_definite(n, 0, 1), right = random_matrix(n, 5, 0, 2);
    const Placed l(memory(), factor), failed(memory(), right), solved(memory(), right);
    const kernels::Buffer<int> status(memory(), std::vector<int>{4, 0});
    const std::vector<kernels::SolveProblem> problems{
        {l.view(), failed.view(), System::matrix, RightSides::columns, status.data()},
        {l.view(), solved.view(), System::matrix, RightSides::columns, status.data() + 1}};
    operations().solve().solve(problems);
    EXPECT_EQ(failed.values.download(), right.values);
    EXPECT_NE(solved.values.download(), right.values);
  }
}

TEST_P(SolveOf, EigenvectorsOfAnySize) {
  std::vector<Padded> full, matrices;
  for (const std::size_t n : eigen_sizes()) {
    for (const std::size_t padding : {0, 3}) {
      full.push_back(random_symmetric(n, padding, n));
      matrices.push_back(full.back());
      forget_upper(matrices.back());
    }
  }
  const Eigensystem result = eigen_on(operations(), matrices);
  for (std::size_t p = 0; p < full.size(); ++p) {
    ASSERT_EQ(result.status[p], 0);
    expect_eigensystem(full[p], nullptr, result.values[p], result.vectors[p],
                       rounding(full[p].rows));
    ASSERT_TRUE(result.vectors[p].padding_untouched());
  }
}

// Turned round they become what they were; a problem whose status isn't 0 stays as it is.
TEST_P(SolveOf, SignsOfEigenvectors) {
  Padded vectors = random_symmetric(7, 2, 1);
  const Eigensystem solved = eigen_on(operations(), {vectors});
  Padded turned = solved.vectors.front();
  for (std::size_t i = 0; i < turned.rows; ++i)
    for (const std::size_t k : {1, 4}) turned(i, k) = -turned(i, k);
  const Placed first(memory(), turned), second(memory(), turned);
  const kernels::Buffer<double> values(memory(), solved.values.front());
  const kernels::Buffer<int> status(memory(), std::vector<int>{0, 1});
  const std::vector<kernels::EigenProblem> problems{
      {first.view(), values.data(), status.data()},
      {second.view(), values.data(), status.data() + 1}};
  operations().solve().fix_eigenvector_signs(problems);
  Padded fixed = turned, kept = turned;
  first.fetch(fixed);
  second.fetch(kept);
  for (std::size_t i = 0; i < turned.rows; ++i) {
    for (std::size_t k = 0; k < turned.cols; ++k) {
      EXPECT_EQ(fixed(i, k), solved.vectors.front()(i, k));
      EXPECT_EQ(kept(i, k), turned(i, k));
    }
  }
}

// Diagonal, zero, all entries equal (n - 1 equal eigenvalues), entries near the ends of the range.
TEST_P(SolveOf, EigenvaluesThatAreKnown) {
  for (const std::size_t n : {std::size_t{5}, std::size_t{33}, std::size_t{70}}) {
    Padded diagonal(n, n, 0), zero(n, n, 0), ones(n, n, 0), tiny(n, n, 0), huge(n, n, 0);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        diagonal(i, j) = i == j ? static_cast<double>(n - i) : 0.0;
        zero(i, j) = 0.0;
        ones(i, j) = 1.0;
        tiny(i, j) = 1e-300;
        huge(i, j) = 1e300;
      }
    }
    const Eigensystem result = eigen_on(operations(), {diagonal, zero, ones, tiny, huge});
    EXPECT_EQ(result.status, std::vector<int>(5, 0));
    const auto size = static_cast<double>(n);
    for (std::size_t k = 0; k < n; ++k) {
      EXPECT_NEAR(result.values[0][k], static_cast<double>(k + 1), 1e-12);
      EXPECT_EQ(result.values[1][k], 0.0);
      const double expected = k + 1 == n ? size : 0.0;
      EXPECT_NEAR(result.values[2][k], expected, 1e-12);
      EXPECT_NEAR(result.values[3][k] / 1e-300, expected, 1e-12);
      EXPECT_NEAR(result.values[4][k] / 1e300, expected, 1e-12);
      EXPECT_NEAR(result.vectors[0](n - 1 - k, k), 1.0, 1e-14);
      EXPECT_NEAR(result.vectors[2](k, n - 1), 1.0 / std::sqrt(size), 1e-12);
    }
  }
}

TEST_P(SolveOf, LeavesAMatrixThatIsNotFinite) {
  for (const std::size_t n : {std::size_t{1}, std::size_t{13}, std::size_t{70}}) {
    Padded with_nan = random_symmetric(n, 0, 1), with_infinity = random_symmetric(n, 0, 2);
    with_nan(n - 1, 0) = nan;
    with_infinity(n - 1, 0) = infinity;
    const Eigensystem result =
        eigen_on(operations(), {with_nan, with_infinity, random_symmetric(n, 0, 3)});
    EXPECT_EQ(result.status, (std::vector<int>{1, 1, 0}));
    EXPECT_EQ(result.vectors[1].values, with_infinity.values);
    EXPECT_TRUE(std::isnan(result.vectors[0](n - 1, 0)));
    EXPECT_TRUE(std::isnan(result.values[0][0]));  // as it was
  }
}

TEST_P(SolveOf, GeneralisedEigenvectors) {
  const std::vector<std::size_t> sizes{0, 1, 13, 33, 64, 70, slow() ? 5u : 140u};
  std::vector<Padded> as, bs;
  std::vector<Placed> placed_as, placed_bs, placed_values;
  std::vector<kernels::GeneralisedEigenProblem> problems;
  kernels::Buffer<int> status(memory(), std::vector<int>(2 * sizes.size(), -7));
  for (const std::size_t n : sizes) {
    as.push_back(random_symmetric(n, 1, n));
    bs.push_back(random_definite(n, 2, n + 1));
    placed_as.emplace_back(memory(), as.back());
    placed_bs.emplace_back(memory(), bs.back());
    placed_values.emplace_back(memory(), Padded(1, n, 0));
    int* const statuses = status.data() + 2 * problems.size();
    problems.push_back({placed_as.back().view(), placed_bs.back().view(),
                        placed_values.back().values.data(), statuses, statuses + 1});
  }
  operations().solve().generalised_eigen(problems);
  EXPECT_EQ(status.download(), std::vector<int>(2 * sizes.size(), 0));
  for (std::size_t p = 0; p < problems.size(); ++p) {
    Padded vectors = as[p];
    placed_as[p].fetch(vectors);
    expect_eigensystem(as[p], &bs[p], placed_values[p].values.download(), vectors,
                       10.0 * rounding(as[p].rows));
    EXPECT_TRUE(vectors.padding_untouched());
  }
}

TEST_P(SolveOf, GeneralisedNamesAMetricThatIsNotDefinite) {
  Padded metric = random_definite(13, 0, 1);
  metric(4, 4) = -1.0;
  const Placed a(memory(), random_symmetric(13, 0, 2)), b(memory(), metric),
      values(memory(), Padded(1, 13, 0));
  const kernels::Buffer<int> status(memory(), std::vector<int>{-7, -7});
  const kernels::GeneralisedEigenProblem problem{a.view(), b.view(), values.values.data(),
                                                 status.data(), status.data() + 1};
  operations().solve().generalised_eigen({&problem, 1});
  EXPECT_EQ(status.download().front(), 5);
}

// What each problem of a batch gives.
using Results = std::vector<std::vector<double>>;

bool same_bits(const Results& a, const Results& b) {
  const auto same = [](const std::vector<double>& x, const std::vector<double>& y) {
    return x.size() == y.size() &&
           (x.empty() || std::memcmp(x.data(), y.data(), x.size() * sizeof(double)) == 0);
  };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), same);
}

// run(operations, numbers of the problems in the batch) on every run, alone with one thread, and
// with every other problem in reversed order.
template <class Run>
void expect_same_bits(const kernels::Operations& here, const kernels::Operations& single,
                      std::size_t count, const Run& run) {
  std::vector<std::size_t> all, some;
  for (std::size_t p = 0; p < count; ++p) all.push_back(p);
  for (std::size_t p = count; p-- > 0;)
    if (p % 2 == 0) some.push_back(p);
  const Results results = run(here, all);
  for (int repeat = 0; repeat < 2; ++repeat) ASSERT_TRUE(same_bits(run(here, all), results));
  for (const std::size_t p : all)
    ASSERT_TRUE(same_bits(run(single, {p}), {results[p]})) << "problem " << p << " alone";
  const Results in_other_batch = run(here, some);
  for (std::size_t k = 0; k < some.size(); ++k)
    ASSERT_TRUE(same_bits({in_other_batch[k]}, {results[some[k]]})) << "problem " << some[k];
}

// Small ones of many sizes and then a large one.
constexpr std::size_t small_problems = 16;
std::size_t size_of(std::size_t problem, std::size_t large) {
  return problem < small_problems ? 1 + 7 * problem % 41 : large;
}

TEST_P(SolveOf, FactorsHaveTheSameBitsForAnyThreadsAndBatch) {
  const Backend single = plain();
  expect_same_bits(operations(), single.operations(), small_problems + 1,
                   [&](const kernels::Operations& on, const std::vector<std::size_t>& problems) {
                     std::vector<Padded> matrices;
                     for (const std::size_t p : problems)
                       matrices.push_back(random_definite(size_of(p, slow() ? 130 : 700), 0, p));
                     Results results;
                     for (const Padded& factor : factor_on(on, matrices).matrices)
                       results.push_back(factor.values);
                     return results;
                   });
}

TEST_P(SolveOf, SolutionsHaveTheSameBitsForAnyThreadsAndBatch) {
  const auto run = [&](const kernels::Operations& on, const std::vector<std::size_t>& numbers) {
    std::vector<Placed> factors, rights;
    std::vector<kernels::SolveProblem> problems;
    for (const std::size_t p : numbers) {
      const std::size_t n = size_of(p, slow() ? 130 : 600), m = 1 + 5 * p % 37;
      const RightSides sides = p % 2 == 0 ? RightSides::columns : RightSides::rows;
      const bool rows = sides == RightSides::rows;
      factors.emplace_back(on.memory(), random_definite(n, 0, p));
      rights.emplace_back(on.memory(), random_matrix(rows ? m : n, rows ? n : m, 0, p));
      problems.push_back({factors.back().view(), rights.back().view(), System::matrix, sides});
    }
    on.solve().solve(problems);
    Results results;
    for (const Placed& right : rights) results.push_back(right.values.download());
    return results;
  };
  const Backend single = plain();
  expect_same_bits(operations(), single.operations(), small_problems + 1, run);
}

TEST_P(SolveOf, EigenvectorsHaveTheSameBitsForAnyThreadsAndBatch) {
  const Backend single = plain();
  expect_same_bits(operations(), single.operations(), small_problems + 1,
                   [](const kernels::Operations& on, const std::vector<std::size_t>& problems) {
                     std::vector<Padded> matrices;
                     for (const std::size_t p : problems)
                       matrices.push_back(random_symmetric(size_of(p, 70), 0, p));
                     const Eigensystem system = eigen_on(on, matrices);
                     Results results = system.values;
                     for (std::size_t k = 0; k < results.size(); ++k) {
                       const std::vector<double>& vectors = system.vectors[k].values;
                       results[k].insert(results[k].end(), vectors.begin(), vectors.end());
                     }
                     return results;
                   });
}

TEST_P(SolveOf, GeneralisedEigenvectorsHaveTheSameBitsForAnyThreadsAndBatch) {
  const auto run = [](const kernels::Operations& on, const std::vector<std::size_t>& numbers) {
    std::vector<Placed> matrices, metrics, values;
    std::vector<kernels::GeneralisedEigenProblem> problems;
    const kernels::Buffer<int> status(on.memory(), 2 * numbers.size());
    for (const std::size_t p : numbers) {
      const std::size_t n = size_of(p, 140);
      matrices.emplace_back(on.memory(), random_symmetric(n, 0, p));
      metrics.emplace_back(on.memory(), random_definite(n, 0, p + 100));
      values.emplace_back(on.memory(), Padded(1, n, 0));
      int* const statuses = status.data() + 2 * problems.size();
      problems.push_back({matrices.back().view(), metrics.back().view(),
                          values.back().values.data(), statuses, statuses + 1});
    }
    on.solve().generalised_eigen(problems);
    Results results;
    for (std::size_t k = 0; k < numbers.size(); ++k) {
      results.push_back(matrices[k].values.download());
      const std::vector<double> eigenvalues = values[k].values.download();
      results.back().insert(results.back().end(), eigenvalues.begin(), eigenvalues.end());
    }
    return results;
  };
  const Backend single = plain();
  expect_same_bits(operations(), single.operations(), small_problems + 1, run);
}

TEST_P(SolveOf, NothingToDo) {
  EXPECT_NO_THROW(operations().solve().factor(std::span<const kernels::CholeskyProblem>()));
  EXPECT_NO_THROW(operations().solve().solve(std::span<const kernels::SolveProblem>()));
  EXPECT_NO_THROW(operations().solve().eigen({}));
  EXPECT_NO_THROW(operations().solve().generalised_eigen({}));
}

template <class Call>
std::string message(const Call& call) {
  try {
    call();
  } catch (const InvalidArgument& error) {
    return error.what();
  }
  return "nothing thrown";
}

TEST_P(SolveOf, RefusesBadArgumentsNamingTheProblem) {
  const kernels::Solve& solve = operations().solve();
  const Placed square(memory(), random_definite(5, 0, 1)), wide(memory(), Padded(4, 5, 0));
  const kernels::Buffer<int> status(memory(), std::vector<int>{-7, -7});
  const kernels::CholeskyProblem good{square.view(), status.data()};
  EXPECT_THAT(message([&] {
                const std::vector<kernels::CholeskyProblem> problems{good, {wide.view(), nullptr}};
                solve.factor(problems);
              }),
              AllOf(HasSubstr("Cholesky factor, problem 1"), HasSubstr("matrix is 4 x 5")));
  EXPECT_THAT(
      message([&] {
        const std::vector<kernels::CholeskyProblem> problems{good, {square.view(), nullptr}};
        solve.factor(problems);
      }),
      AllOf(HasSubstr("problem 1"), HasSubstr("status is null")));
  EXPECT_THAT(message([&] {
                const kernels::View<double> narrow(square.values.data(), 5, 5, 4);
                const kernels::CholeskyProblem problem{narrow, status.data()};
                solve.factor({&problem, 1});
              }),
              HasSubstr("matrix has 5 columns in rows 4 apart"));
  EXPECT_EQ(status.download(), (std::vector<int>{-7, -7})) << "wrote before it checked";
  EXPECT_THAT(message([&] {
                const kernels::SolveProblem problem{square.view(), wide.view()};
                solve.solve({&problem, 1});
              }),
              AllOf(HasSubstr("Cholesky solve, problem 0"), HasSubstr("right is 4 x 5")));
  EXPECT_THAT(message([&] {
                const kernels::EigenProblem problem{square.view(), nullptr, status.data()};
                solve.eigen({&problem, 1});
              }),
              AllOf(HasSubstr("symmetric eigenproblem, problem 0"), HasSubstr("values is null")));
  EXPECT_THAT(message([&] {
                const kernels::EigenProblem problem{square.view(), square.values.data(), nullptr};
                solve.fix_eigenvector_signs({&problem, 1});
              }),
              AllOf(HasSubstr("signs of eigenvectors, problem 0"), HasSubstr("status is null")));
  EXPECT_THAT(message([&] {
                const kernels::GeneralisedEigenProblem problem{square.view(), wide.view(),
                                                               square.values.data(), status.data(),
                                                               status.data() + 1};
                solve.generalised_eigen({&problem, 1});
              }),
              AllOf(HasSubstr("generalised"), HasSubstr("metric is 4 x 5")));
}

LODESTEIN_ON_EVERY_BACKEND(SolveOf);

}  // namespace
}  // namespace lodestein
