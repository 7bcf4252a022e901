#include <gtest/gtest.h>

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
  for (const std::size_t n : {1u, 13u, 127u, 128u, 129u, 300u, 597u}) {
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

}  // namespace
}  // namespace lodestein
