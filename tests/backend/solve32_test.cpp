#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "lodestein/core/random.hpp"
#include "tests/backend/backends.hpp"

namespace lodestein {
namespace {

using namespace kernels;

class Solve32 : public test::OnEveryBackend {};
LODESTEIN_ON_EVERY_BACKEND(Solve32);

// Symmetric with eigenvalues of about 1 to 5; NaN above the diagonal and in the padding.
std::vector<float> definite(std::size_t n, std::size_t stride) {
  std::vector<float> a(n * stride, std::numeric_limits<float>::quiet_NaN());
  Draws draws = RandomStream(Seed{5}, Purpose::test).at(n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < i; ++j)
      a[i * stride + j] = static_cast<float>(draws.normal() / std::sqrt(static_cast<double>(n)));
    a[i * stride + i] = 3.0f;
  }
  return a;
}

TEST_P(Solve32, FactorsAndSolves) {
  for (const std::size_t n : {1u, 2u, 13u, 31u, 33u, 127u, 128u, 129u, 300u, 597u}) {
    const std::size_t stride = n + 3, m = 37;
    const std::vector<float> a = definite(n, stride);
    const Buffer<float> matrix(memory(), a);
    const Buffer<int> status(memory(), 1);
    const CholeskyProblem32 factor{{matrix.data(), n, n, stride}, status.data()};
    operations().solve().factor(std::span<const CholeskyProblem32>(&factor, 1));
    ASSERT_EQ(status.download()[0], 0);
    const std::vector<float> l = matrix.download();
    const Buffer<float> x(memory(), std::vector<float>(n * m, 1.0f));
    const SolveProblem32 solve{factor.matrix, {x.data(), n, m}, status.data()};
    operations().solve().solve(std::span<const SolveProblem32>(&solve, 1));
    const std::vector<float> solution = x.download();
    for (std::size_t i = 0; i < n; ++i) {
      double sum = 0.0;
      for (std::size_t j = 0; j < n; ++j) {
        const float entry = j <= i ? a[i * stride + j] : a[j * stride + i];
        sum += static_cast<double>(entry) * static_cast<double>(solution[j * m + m - 1]);
      }
      EXPECT_NEAR(sum, 1.0, 2e-4) << n;  // eps32 times condition 5, sums of n
      for (std::size_t j = i + 1; j < stride; ++j) EXPECT_TRUE(std::isnan(l[i * stride + j]));
    }
  }
}

TEST_P(Solve32, NamesThePivotThatIsNotPositive) {
  for (const std::size_t bad : {0u, 140u}) {
    std::vector<float> a = definite(150, 150);
    a[bad * 151] = -50.0f;
    const Buffer<float> matrix(memory(), a);
    const Buffer<int> status(memory(), 1);
    const CholeskyProblem32 factor{{matrix.data(), 150, 150}, status.data()};
    operations().solve().factor(std::span<const CholeskyProblem32>(&factor, 1));
    EXPECT_EQ(status.download()[0], static_cast<int>(bad) + 1);
  }
}

// k(r) (a_0 + a_1 t + ...) against its formula; 20 fp32 roundings of terms of size 1.
TEST_P(Solve32, KernelProfilesAreTheirPolynomials) {
  const std::size_t n = 70, d = 3;
  std::vector<float> points(n * d);
  Draws draws = RandomStream(Seed{6}, Purpose::test).at(0);
  for (float& v : points) v = static_cast<float>(draws.normal());
  const Buffer<float> x(memory(), points), out(memory(), n * n);
  for (const auto form : {RadialKernel::Form::rbf, RadialKernel::Form::inverse_multiquadric}) {
    GramProblem gram;
    gram.kernel = {form, 1.5, {0.5, -1.0, 0.25, 0.1, -0.02}};
    gram.x = gram.y = {x.data(), n, d};
    gram.out = {out.data(), n, n};
    gram.same_points = true;
    operations().pairwise().gram({&gram, 1});
    const std::vector<float> values = out.download();
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        double square = 0.0, polynomial = 0.0;
        for (std::size_t l = 0; l < d; ++l)
          square += std::pow(static_cast<double>(points[i * d + l] - points[j * d + l]), 2) / 2.25;
        const bool rbf = form == RadialKernel::Form::rbf;
        const double k = rbf ? std::exp(-0.5 * square) : 1.0 / std::sqrt(1.0 + square);
        const double t = rbf ? square : k * k;
        for (std::size_t p = 5; p-- > 0;) polynomial = polynomial * t + gram.kernel.profile[p];
        EXPECT_NEAR(values[i * n + j], k * polynomial, 5e-6);
      }
    }
  }
}

// One matrix with its right-hand sides, on a backend.
struct System32 {
  std::size_t n, m, stride, right_stride;
  Buffer<float> matrix, right;
  Buffer<int> status;

  System32(const Memory& memory, std::size_t size, std::size_t sides, std::vector<float> a)
      : n(size),
        m(sides),
        stride(size + 1),
        right_stride(sides + 2),
        matrix(memory, a),
        right(memory, right_sides()),
        status(memory, 1) {}
  std::vector<float> right_sides() const {
    Draws draws = RandomStream(Seed{7}, Purpose::test).at(n + 1000 * m);
    std::vector<float> b(n * right_stride, std::numeric_limits<float>::quiet_NaN());
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < m; ++j)
        b[i * right_stride + j] = static_cast<float>(draws.normal());
    return b;
  }
  CholeskyProblem32 factor() const { return {{matrix.data(), n, n, stride}, status.data()}; }
  SolveProblem32 solve() const {
    return {factor().matrix, {right.data(), n, m, right_stride}, status.data()};
  }
};

struct Solutions {
  std::vector<int> status;
  std::vector<std::vector<float>> values;
};

// Sizes within, at and beyond tiles, in one batch; `alone`: one call for each.
Solutions solutions(const Operations& operations, bool alone) {
  std::vector<System32> systems;
  for (const std::size_t n : {0u, 1u, 13u, 31u, 33u, 130u, 597u}) {
    for (const std::size_t m : {0u, 1u, 5u, 33u}) {
      if (n == 597 && m != 5) continue;
      systems.emplace_back(operations.memory(), n, m, definite(n, n + 1));
    }
  }
  std::vector<CholeskyProblem32> factors;
  std::vector<SolveProblem32> solves;
  for (const System32& s : systems) {
    factors.push_back(s.factor());
    solves.push_back(s.solve());
  }
  if (alone) {
    for (std::size_t k = 0; k < systems.size(); ++k) {
      operations.solve().factor(std::span(&factors[k], 1));
      operations.solve().solve(std::span<const SolveProblem32>(&solves[k], 1));
    }
  } else {
    operations.solve().factor(factors);
    operations.solve().solve(solves);
  }
  Solutions result;
  for (const System32& s : systems) {
    result.status.push_back(s.status.download()[0]);
    result.values.push_back(s.right.download());
  }
  return result;
}

// Bits, NaN between the rows included.
void expect_same_bits(const Solutions& a, const Solutions& b) {
  EXPECT_EQ(a.status, b.status);
  for (std::size_t k = 0; k < a.values.size(); ++k) {
    ASSERT_EQ(a.values[k].size(), b.values[k].size());
    for (std::size_t i = 0; i < a.values[k].size(); ++i) {
      const float x = a.values[k][i], y = b.values[k][i];
      ASSERT_TRUE(x == y || (std::isnan(x) && std::isnan(y))) << "system " << k << ", " << i;
    }
  }
}

TEST_P(Solve32, AnySizesInOneBatchWithTheBitsOfEachAloneForAnyThreads) {
  const Solutions here = solutions(operations(), false);
  for (const int status : here.status) EXPECT_EQ(status, 0);
  expect_same_bits(here, solutions(operations(), false));
  expect_same_bits(here, solutions(plain().operations(), true));
  const Solutions truth = solutions(Backend::reference().operations(), false);
  for (std::size_t k = 0; k < here.values.size(); ++k) {
    for (std::size_t i = 0; i < here.values[k].size(); ++i) {
      const float expected = truth.values[k][i];
      if (std::isnan(expected)) {
        ASSERT_TRUE(std::isnan(here.values[k][i])) << "wrote between the rows";
      } else {
        // eps32 times condition 5, sums of n, solutions of size 1.
        ASSERT_NEAR(here.values[k][i], expected, 2e-5) << "system " << k;
      }
    }
  }
}

TEST_P(Solve32, APivotThatIsNotPositiveOrNotFiniteIsTheStatusOfItsProblemOnly) {
  const float nan = std::numeric_limits<float>::quiet_NaN(),
              infinity = std::numeric_limits<float>::infinity();
  for (const std::size_t n : {1u, 13u, 33u, 150u}) {
    for (const float bad : {0.0f, -1.0f, nan, infinity, -infinity}) {
      const std::size_t pivot = n - 1;
      std::vector<float> spoilt = definite(n, n + 1);
      spoilt[pivot * (n + 2)] = bad;
      const System32 good(memory(), n, 3, definite(n, n + 1)), broken(memory(), n, 3, spoilt),
          after(memory(), 5, 3, definite(5, 6));
      const std::vector<CholeskyProblem32> factors{good.factor(), broken.factor(), after.factor()};
      operations().solve().factor(factors);
      EXPECT_EQ(good.status.download()[0], 0);
      EXPECT_EQ(broken.status.download()[0], static_cast<int>(n)) << bad;
      EXPECT_EQ(after.status.download()[0], 0);
      const std::vector<SolveProblem32> solves{good.solve(), broken.solve(), after.solve()};
      operations().solve().solve(solves);
      const std::vector<float> before = broken.right_sides(), kept = broken.right.download();
      for (std::size_t i = 0; i < before.size(); ++i)
        EXPECT_TRUE(kept[i] == before[i] || (std::isnan(kept[i]) && std::isnan(before[i])))
            << "a system without a factor was solved";
      EXPECT_NE(good.right.download()[0], good.right_sides()[0]);
      EXPECT_NE(after.right.download()[0], after.right_sides()[0]);
    }
  }
}

// Rank 1, and exactly so in fp32.
TEST_P(Solve32, ASingularMatrixHasAStatus) {
  const std::size_t n = 40;
  const System32 ones(memory(), n, 1, std::vector<float>(n * (n + 1), 1.0f));
  const CholeskyProblem32 factor = ones.factor();
  operations().solve().factor(std::span(&factor, 1));
  EXPECT_EQ(ones.status.download()[0], 2);  // 1 - 1 = 0
}

TEST_P(Solve32, NothingToDo) {
  EXPECT_NO_THROW(operations().solve().factor(std::span<const CholeskyProblem32>()));
  EXPECT_NO_THROW(operations().solve().solve(std::span<const SolveProblem32>()));
}

TEST_P(Solve32, RefusesBadArgumentsNamingProblemAndArgument) {
  using ::testing::HasSubstr;
  const std::size_t n = 13;
  const System32 first(memory(), n, 3, definite(n, n + 1)),
      second(memory(), n, 3, definite(n, n + 1));
  const auto factor = [&](auto spoil) -> std::string {
    std::vector<CholeskyProblem32> problems{first.factor(), second.factor()};
    spoil(problems[1]);
    try {
      operations().solve().factor(problems);
    } catch (const InvalidArgument& error) {
      EXPECT_EQ(first.matrix.download()[0], 3.0f) << "wrote before it checked";
      return error.what();
    }
    return "nothing thrown";
  };
  std::string where = "fp32 Cholesky factor, problem 1: ";
  EXPECT_THAT(factor([](auto& p) { p.matrix.cols = 12; }), HasSubstr(where + "matrix is 13 x 12"));
  EXPECT_THAT(factor([](auto& p) { p.matrix.data = nullptr; }),
              HasSubstr(where + "matrix is null"));
  EXPECT_THAT(factor([](auto& p) { p.matrix.stride = 12; }),
              HasSubstr(where + "matrix has 13 columns in rows 12 apart"));
  EXPECT_THAT(factor([](auto& p) { p.status = nullptr; }), HasSubstr(where + "status is null"));
  const auto solve = [&](auto spoil) -> std::string {
    std::vector<SolveProblem32> problems{first.solve(), second.solve()};
    for (SolveProblem32& p : problems) p.status = nullptr;
    spoil(problems[1]);
    try {
      operations().solve().solve(problems);
    } catch (const InvalidArgument& error) {
      EXPECT_EQ(first.right.download()[0], first.right_sides()[0]) << "wrote before it checked";
      return error.what();
    }
    return "nothing thrown";
  };
  where = "fp32 Cholesky solve, problem 1: ";
  EXPECT_THAT(solve([](auto& p) { p.factor.rows = 12; }), HasSubstr(where + "factor is 12 x 13"));
  EXPECT_THAT(solve([](auto& p) { p.factor.data = nullptr; }), HasSubstr(where + "factor is null"));
  EXPECT_THAT(solve([](auto& p) { p.right.rows = 12; }), HasSubstr(where + "right is 12 x 3"));
  EXPECT_THAT(solve([](auto& p) { p.right.data = nullptr; }), HasSubstr(where + "right is null"));
  EXPECT_THAT(solve([](auto& p) { p.right.stride = 2; }),
              HasSubstr(where + "right has 3 columns in rows 2 apart"));
}

}  // namespace
}  // namespace lodestein
