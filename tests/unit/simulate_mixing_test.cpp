#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <cmath>

#include "core/eigen.hpp"
#include "lodestein/simulate/mixing.hpp"
#include "tests/unit/simulate_support.hpp"

namespace lodestein {
namespace {

using test::message_of;
using testing::HasSubstr;

const std::vector<MixingFamily> families{MixingFamily::linear, MixingFamily::tanh,
                                         MixingFamily::mlp};

Matrix points(std::size_t rows, std::size_t cols) {
  Matrix z(rows, cols);
  for (std::size_t k = 0; k < rows; ++k) {
    Draws draws = RandomStream(Seed{4}, Purpose::test).at(k);
    for (std::size_t j = 0; j < cols; ++j) z(k, j) = draws.normal();
  }
  return z;
}

double conditioning(const Matrix& matrix) {
  const Eigen::JacobiSVD<Eigen::MatrixXd> svd(as_eigen(matrix));
  return svd.singularValues().minCoeff() / svd.singularValues().maxCoeff();
}

TEST(Mixing, LayersHaveTheirShapesAndKeepTheConditioningBound) {
  for (const MixingFamily family : families) {
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
      const MixingOptions options{
          .observed = 9, .family = family, .normalise_columns = false, .minimum_conditioning = 0.2};
      const Mixing mixing(4, options, Seed{seed});
      ASSERT_EQ(mixing.layers().size(), family == MixingFamily::mlp ? 3u : 1u);
      EXPECT_EQ(mixing.latents(), 4u);
      EXPECT_EQ(mixing.observed(), 9u);
      for (const Matrix& layer : mixing.layers()) EXPECT_GE(conditioning(layer), 0.2 - 1e-12);
    }
  }
}

TEST(Mixing, NormalisationDividesColumnsByTheirLargestEntry) {
  MixingOptions options{.observed = 9};
  const Matrix normalised = Mixing(4, options, Seed{2}).layers()[0];
  options.normalise_columns = false;
  const Matrix raw = Mixing(4, options, Seed{2}).layers()[0];
  for (std::size_t j = 0; j < 4; ++j) {
    double largest = 0.0;
    for (std::size_t i = 0; i < 9; ++i) largest = std::max(largest, std::abs(raw(i, j)));
    for (std::size_t i = 0; i < 9; ++i) EXPECT_NEAR(normalised(i, j), raw(i, j) / largest, 1e-15);
  }
}

TEST(Mixing, TanhHasUnitColumnsAndAPositiveFirstRow) {
  const Matrix t = Mixing(3, {.observed = 6, .family = MixingFamily::tanh}, Seed{2}).layers()[0];
  for (std::size_t j = 0; j < 3; ++j) {
    EXPECT_GT(t(0, j), 0.0);
    EXPECT_NEAR(as_eigen(t).col(static_cast<Eigen::Index>(j)).norm(), 1.0, 1e-14);
  }
}

TEST(Mixing, AppliesTheFormula) {
  const Matrix z = points(1, 3);
  for (const MixingFamily family : families) {
    const Mixing mixing(3, {.observed = 5, .family = family}, Seed{8});
    std::vector<double> value(z.row(0), z.row(0) + 3);
    for (const Matrix& layer : mixing.layers()) {
      std::vector<double> next(layer.rows(), 0.0);
      for (std::size_t i = 0; i < layer.rows(); ++i) {
        for (std::size_t j = 0; j < layer.cols(); ++j) next[i] += layer(i, j) * value[j];
        if (family != MixingFamily::linear) next[i] = std::tanh(next[i]);
      }
      value = next;
    }
    const Matrix x = mixing.apply(z);
    for (std::size_t i = 0; i < 5; ++i) EXPECT_NEAR(x(0, i), value[i], 1e-14);
  }
}

TEST(Mixing, JacobianAgreesWithDifferences) {
  constexpr double h = 1e-6;
  const Matrix z = points(5, 3);
  for (const MixingFamily family : families) {
    const Mixing mixing(3, {.observed = 6, .family = family}, Seed{8});
    for (std::size_t k = 0; k < z.rows(); ++k) {
      const Matrix jacobian = mixing.jacobian(z.row(k));
      ASSERT_EQ(jacobian.rows(), 6u);
      ASSERT_EQ(jacobian.cols(), 3u);
      for (std::size_t j = 0; j < 3; ++j) {
        Matrix around(2, 3);
        for (std::size_t l = 0; l < 3; ++l) around(0, l) = around(1, l) = z(k, l);
        around(0, j) += h;
        around(1, j) -= h;
        const Matrix x = mixing.apply(around);
        for (std::size_t i = 0; i < 6; ++i) {
          EXPECT_NEAR(jacobian(i, j), (x(0, i) - x(1, i)) / (2 * h), 1e-8);
        }
      }
    }
  }
}

// Fact F2: s_Z - s_Z^m = J_g^T (s_X - s_X^m). The left side is exact; the right side's score
// differences are central differences of log p_Z(g^-1(x)) - log p_Z^m(g^-1(x)), in which the volume
// term has cancelled, with g^-1(x) = T^-1 artanh(x).
TEST(Mixing, CarriesScoreDifferencesByItsJacobian) {
  constexpr double h = 1e-6;
  const std::size_t n = 3;
  const Mixing mixing(n, {.observed = n, .family = MixingFamily::tanh}, Seed{5});
  LatentModelOptions options{.latents = n, .family = LatentFamily::quadratic, .density = 1.0};
  const LatentModel model(options, Seed{6});
  const InterventionSpec kind = test::on({2}, Intervention::soft);
  const Matrix z = model.sample(10, {}, RandomStream(Seed{1}, Purpose::test));
  const Matrix before = model.score(z, {}), after = model.score(z, kind), x = mixing.apply(z);
  const Matrix inverse = pseudo_inverse(mixing.layers()[0]);
  const auto log_ratio = [&](Matrix point) {
    for (std::size_t i = 0; i < n; ++i) point(0, i) = std::atanh(point(0, i));
    const Matrix latent = multiply(point, transpose(inverse));
    return model.log_density(latent, {})[0] - model.log_density(latent, kind)[0];
  };
  for (std::size_t k = 0; k < z.rows(); ++k) {
    Eigen::VectorXd observed(n);
    for (std::size_t i = 0; i < n; ++i) {
      Matrix up(ConstMatrixView(x.row(k), 1, n)), down = up;
      const double step = h * (1 - x(k, i) * x(k, i));  // stays inside (-1, 1)
      up(0, i) += step;
      down(0, i) -= step;
      observed(static_cast<Eigen::Index>(i)) = (log_ratio(up) - log_ratio(down)) / (2 * step);
    }
    const Eigen::VectorXd carried = as_eigen(mixing.jacobian(z.row(k))).transpose() * observed;
    for (std::size_t j = 0; j < n; ++j) {
      EXPECT_NEAR(carried(static_cast<Eigen::Index>(j)), before(k, j) - after(k, j), 1e-5);
    }
  }
}

TEST(Mixing, SameBitsForAnyThreadCountAndAnyNumberOfSamples) {
  const Matrix z = points(6003, 4);
  for (const MixingFamily family : families) {
    const Mixing mixing(4, {.observed = 13, .family = family}, Seed{8});
    const auto run = [&](int threads) {
      const test::ThreadCount count(threads);
      return mixing.apply(z);
    };
    const Matrix expected = run(1);
    EXPECT_EQ(run(2), expected);
    EXPECT_EQ(run(7), expected);
    EXPECT_EQ(mixing.apply(Matrix(0, 4)).rows(), 0u);
    // A block cut short by the end of the data gives its samples the same bits as a whole one.
    for (const std::size_t rows : {1u, 2u, 3u, 17u, 255u, 257u}) {
      const Matrix part = mixing.apply(ConstMatrixView(z.data(), rows, 4));
      EXPECT_TRUE(std::equal(part.data(), part.data() + rows * 13, expected.data())) << rows;
    }
  }
}

TEST(Mixing, ReadsStridedViews) {
  const Matrix z = points(20, 6);
  const Mixing mixing(3, {.observed = 4}, Seed{1});
  const ConstMatrixView left(z.data(), 20, 3, 6);
  EXPECT_EQ(mixing.apply(left), mixing.apply(Matrix(left)));
}

TEST(Mixing, RandomOrthogonalIsOrthogonal) {
  Draws draws = RandomStream(Seed{1}, Purpose::test).at(0);
  const Matrix q = random_orthogonal(7, draws);
  const Matrix gram = multiply(transpose(q), q);
  for (std::size_t i = 0; i < 7; ++i) {
    for (std::size_t j = 0; j < 7; ++j) EXPECT_NEAR(gram(i, j), i == j ? 1.0 : 0.0, 1e-14);
  }
}

TEST(Mixing, RefusesOptionsOutOfRange) {
  const auto refuse = [](std::size_t latents, const MixingOptions& options) {
    return message_of<InvalidArgument>([&] { Mixing(latents, options, Seed{}); });
  };
  EXPECT_EQ(refuse(5, {.observed = 4}), "option observed = 4: must be at least latents = 5");
  EXPECT_EQ(refuse(0, {.observed = 4}), "option latents = 0: must be at least 1");
  EXPECT_EQ(refuse(2, {.observed = 4, .minimum_conditioning = 1.0}),
            "option minimum_conditioning = 1: must be in [0, 1)");
  EXPECT_THAT(refuse(2, {.observed = 4, .minimum_conditioning = -0.5}), HasSubstr("-0.5"));
  EXPECT_THAT(refuse(2, {.observed = 2, .minimum_conditioning = 0.9999999}),
              HasSubstr("lower minimum_conditioning"));
}

TEST(Mixing, RefusesGivenMatricesThatAreNoMixing) {
  EXPECT_THROW(Mixing(Matrix(2, 3)), InvalidArgument);
  EXPECT_THROW(Mixing(Matrix(2, 0)), InvalidArgument);
  EXPECT_THAT(message_of<InvalidArgument>([] {
                Mixing(Matrix{{1}, {NAN}});
              }),
              HasSubstr("mixing(1, 0)"));
  EXPECT_THROW(Mixing(Matrix(3, 2)).apply(Matrix(1, 3)), DimensionMismatch);
  EXPECT_THROW(Mixing(Matrix(3, 2)).apply(Backend::cpu(1), {Matrix(1, 2), Matrix(1, 3)}),
               DimensionMismatch);
  Draws draws = RandomStream(Seed{1}, Purpose::test).at(0);
  EXPECT_THROW(random_orthogonal(0, draws), InvalidArgument);
}

}  // namespace
}  // namespace lodestein
