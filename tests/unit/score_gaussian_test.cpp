#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <cmath>

#include "lodestein/core/error.hpp"
#include "lodestein/score/gaussian.hpp"
#include "small_matrices.hpp"
#include "unmix_support.hpp"

namespace lodestein {
namespace {

using test::message_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr GaussianScoreOptions raw{Shrinkage::none};
constexpr GaussianScoreOptions oas{Shrinkage::oracle_approximating};

// Covariance of `rows` standard normal rows under a random root; singular if rows <= d.
EnvironmentMoments moments_of(std::size_t d, std::size_t rows, std::uint64_t number) {
  Draws draws = RandomStream(Seed{41}, Purpose::test).at(number);
  const Matrix x = multiply(lodestein::testing::random_matrix(rows, d, draws),
                            lodestein::testing::random_matrix(d, d, draws));
  EnvironmentMoments m{
      "e" + std::to_string(number), {}, rows, std::vector<double>(d), Matrix(d, d)};
  const Eigen::RowVectorXd mean = as_eigen(x).colwise().mean();
  const Eigen::MatrixXd centred = as_eigen(x).rowwise() - mean;
  m.mean.assign(mean.data(), mean.data() + d);
  m.covariance = to_matrix((centred.transpose() * centred / double(rows)).eval());
  return m;
}

double identity_error(const Matrix& product) {
  const auto n = static_cast<Eigen::Index>(product.rows());
  return (as_eigen(product) - Eigen::MatrixXd::Identity(n, n)).cwiseAbs().maxCoeff();
}

TEST(ScoreGaussian, PrecisionInvertsTheCovariance) {
  for (const std::size_t d : {1u, 2u, 5u, 20u}) {
    const EnvironmentMoments m = moments_of(d, 1000, d);
    const auto scores = gaussian_scores({m}, raw);
    ASSERT_EQ(scores.size(), 1u);
    EXPECT_EQ(scores[0].environment, m.name);
    EXPECT_EQ(scores[0].mean, m.mean);
    EXPECT_EQ(scores[0].shrinkage, 0.0);
    EXPECT_LE(identity_error(multiply(scores[0].precision, m.covariance)),
              1e-14 * scores[0].condition * double(d) + 1e-13);
  }
}

TEST(ScoreGaussian, ConditionIsThatOfTheCovariance) {
  const EnvironmentMoments m{"e", {}, 1000, {0, 0}, Matrix{{8, 0}, {0, 2}}};
  EXPECT_DOUBLE_EQ(gaussian_scores({m}, raw)[0].condition, 4.0);
}

// Chen et al. 2010, eq. 23, written with sums.
double oracle_weight(const EnvironmentMoments& m) {
  const auto p = double(m.covariance.rows()), n = double(m.samples);
  double trace = 0.0, square = 0.0;
  for (std::size_t i = 0; i < m.covariance.rows(); ++i) {
    trace += m.covariance(i, i);
    for (std::size_t j = 0; j < m.covariance.rows(); ++j)
      square += m.covariance(i, j) * m.covariance(i, j);
  }
  return std::min(1.0, ((1 - 2 / p) * square + trace * trace) /
                           ((n + 1 - 2 / p) * (square - trace * trace / p)));
}

TEST(ScoreGaussian, ShrinksTowardsTheScaledIdentityWithTheOracleWeight) {
  for (const std::size_t samples : {6u, 30u, 200u}) {
    const EnvironmentMoments m = moments_of(5, samples, samples);
    const GaussianScore score = gaussian_scores({m}, oas)[0];
    EXPECT_NEAR(score.shrinkage, oracle_weight(m), 1e-14);
    Eigen::MatrixXd shrunken = (1.0 - score.shrinkage) * as_eigen(m.covariance);
    shrunken.diagonal().array() += score.shrinkage * as_eigen(m.covariance).trace() / 5.0;
    EXPECT_LE(identity_error(multiply(score.precision, to_matrix(shrunken))), 1e-11);
  }
}

TEST(ScoreGaussian, WeightVanishesWithManySamplesAndIsOneForASphere) {
  EnvironmentMoments m = moments_of(4, 50, 1);
  m.samples = 100000000;
  EXPECT_LT(gaussian_scores({m}, oas)[0].shrinkage, 1e-6);
  const EnvironmentMoments sphere{"s", {}, 100, {0, 0, 0}, Matrix{{2, 0, 0}, {0, 2, 0}, {0, 0, 2}}};
  EXPECT_EQ(gaussian_scores({sphere}, oas)[0].shrinkage, 1.0);
}

TEST(ScoreGaussian, AutomaticShrinksBelowTenSamplesPerVariable) {
  EnvironmentMoments m = moments_of(4, 39, 2);
  EXPECT_NEAR(gaussian_scores({m})[0].shrinkage, oracle_weight(m), 1e-14);
  m.samples = 40;
  EXPECT_EQ(gaussian_scores({m})[0].shrinkage, 0.0);
}

TEST(ScoreGaussian, SingularCovarianceIsRefusedOrShrunken) {
  const EnvironmentMoments fine = moments_of(4, 100, 3), singular = moments_of(4, 3, 4);
  EXPECT_THAT(message_of<InvalidArgument>([&] {
                gaussian_scores({fine, singular}, raw);
              }),
              AllOf(HasSubstr("environment 'e4'"), HasSubstr("4 variables from 3 samples"),
                    HasSubstr("not positive definite"), HasSubstr("shrinkage")));
  EXPECT_GT(gaussian_scores({fine, singular}, oas)[1].shrinkage, 0.0);
  EnvironmentMoments broken = fine;
  broken.covariance(1, 1) = NAN;
  EXPECT_THROW(gaussian_scores({broken}, raw), InvalidArgument);
}

TEST(ScoreGaussian, EvaluateIsTheGradientOfTheLogDensity) {
  const EnvironmentMoments m = moments_of(4, 200, 5);
  const GaussianScore score = gaussian_scores({m}, raw)[0];
  Draws draws = RandomStream(Seed{42}, Purpose::test).at(0);
  const Matrix x = lodestein::testing::random_matrix(7, 4, draws);
  const auto log_density = [&](std::size_t k, std::size_t moved, double h) {
    Eigen::VectorXd centred(4);
    for (std::size_t j = 0; j < 4; ++j)
      centred(static_cast<Eigen::Index>(j)) = x(k, j) - m.mean[j] + (j == moved ? h : 0.0);
    return -0.5 * centred.dot(as_eigen(score.precision) * centred);
  };
  const Matrix s = evaluate(score, x);
  const double h = 1e-5;
  for (std::size_t k = 0; k < x.rows(); ++k) {
    for (std::size_t j = 0; j < 4; ++j) {
      const double slope = (log_density(k, j, h) - log_density(k, j, -h)) / (2 * h);
      EXPECT_NEAR(s(k, j), slope, 1e-7 * (1.0 + std::abs(slope)));
    }
  }
  EXPECT_EQ(evaluate(score, Matrix(0, 4)).rows(), 0u);
  EXPECT_THAT(message_of<DimensionMismatch>([&] { evaluate(score, Matrix(2, 3)); }),
              AllOf(HasSubstr("4 variables"), HasSubstr("with 3")));
}

// Points and covariance are those of the observational environment, and all means agree, so that
// the closed form and the average over the points are the same number.
TEST(ScoreGaussian, DifferenceMomentsAreAveragesOverThePoints) {
  Draws draws = RandomStream(Seed{43}, Purpose::test).at(0);
  constexpr std::size_t points = 50, d = 4;
  const Matrix x = lodestein::testing::random_matrix(points, d, draws);
  const Eigen::RowVectorXd mean = as_eigen(x).colwise().mean();
  const Eigen::MatrixXd centred = as_eigen(x).rowwise() - mean;
  std::vector<EnvironmentMoments> moments;
  for (std::uint64_t e = 0; e < 4; ++e) {
    moments.push_back(moments_of(d, 300, 10 + e));
    moments.back().mean.assign(mean.data(), mean.data() + d);
  }
  moments[0].covariance = to_matrix((centred.transpose() * centred / double(points)).eval());
  const auto scores = gaussian_scores(moments, raw);
  std::vector<Eigen::MatrixXd> difference;
  for (std::size_t m = 1; m < 4; ++m) {
    difference.emplace_back(as_eigen(evaluate(scores[0], x)) - as_eigen(evaluate(scores[m], x)));
  }
  const DifferenceMoments own = difference_moments(scores, moments[0].covariance);
  EXPECT_EQ(own.environments, (std::vector<std::string>{"e11", "e12", "e13"}));
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 3; ++j) {
      const Eigen::MatrixXd average = difference[i].transpose() * difference[j] / double(points);
      const Matrix closed = cross_difference_moment(scores, moments[0].covariance, i, j);
      EXPECT_LE((as_eigen(closed) - average).norm(), 1e-10 * average.norm());
      if (i == j) {
        EXPECT_EQ(closed, own.own[i]);
      }
    }
  }
}

TEST(ScoreGaussian, DifferenceMomentsRefuseWhatDoesNotFit) {
  const auto scores = gaussian_scores({moments_of(3, 100, 20), moments_of(3, 100, 21)}, raw);
  const Matrix s = moments_of(3, 100, 20).covariance;
  EXPECT_THROW(cross_difference_moment(scores, s, 0, 1), InvalidArgument);
  EXPECT_THROW(cross_difference_moment({}, s, 0, 0), InvalidArgument);
  EXPECT_THAT(
      message_of<DimensionMismatch>([&] { cross_difference_moment(scores, Matrix(2, 2), 0, 0); }),
      AllOf(HasSubstr("3"), HasSubstr("2 x 2")));
  EXPECT_TRUE(difference_moments({scores[0]}, s).own.empty());
}

// Score differences of x = G z are G^-T times those of z, so G^T R_x G = R_z; and an intervention
// on a latent moves the score at that latent and its parents only.
TEST(ScoreGaussian, DifferencesAreTransportedAndSparse) {
  for (const Intervention type : {Intervention::hard, Intervention::soft}) {
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
      const test::Population p = test::random_population(5, 5, seed, test::scaled(0.25, type));
      const auto z = difference_moments(gaussian_scores(p.latent, raw), p.latent[0].covariance);
      const auto x = difference_moments(gaussian_scores(p.observed, raw), p.observed[0].covariance);
      const auto g = as_eigen(p.mixing);
      for (std::size_t m = 0; m < 5; ++m) {
        const Eigen::MatrixXd back = g.transpose() * as_eigen(x.own[m]) * g;
        const auto latent = as_eigen(z.own[m]);
        EXPECT_LE((back - latent).norm(), 1e-8 * latent.norm());
        const std::size_t target = p.targets[m];
        for (std::size_t j = 0; j < 5; ++j) {
          const auto index = static_cast<Eigen::Index>(j);
          const bool touched = j == target || p.model.graph().edge(j, target);
          EXPECT_EQ(latent(index, index) > 1e-12 * latent.norm(), touched)
              << "environment " << m << ", latent " << j;
        }
      }
    }
  }
}

}  // namespace
}  // namespace lodestein
