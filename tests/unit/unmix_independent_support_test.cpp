#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>

#include "core/eigen.hpp"
#include "evaluate/fast_ica.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/evaluate/metrics.hpp"
#include "lodestein/unmix/independent_support.hpp"
#include "unmix/smallest_box.hpp"

namespace lodestein {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;

using Law = std::function<Eigen::VectorXd(Draws&, Index)>;

double fraction(double value) { return value - std::floor(value); }

Eigen::VectorXd uniform(Draws& draws, Index n) {
  return Eigen::VectorXd::NullaryExpr(n, [&] { return draws.uniform(); });
}

// Half of the time a latent is its predecessor plus a little, around the circle: uniform margins, a
// density of at least 2^(1 - n) in the whole box, correlations about a half.
Eigen::VectorXd chained(Draws& draws, Index n) {
  Eigen::VectorXd z = uniform(draws, n);
  for (Index j = 1; j < n; ++j)
    if (draws.uniform() < 0.5) z(j) = fraction(z(j - 1) + draws.uniform(-0.1, 0.1));
  return z;
}

Eigen::VectorXd normal(Draws& draws, Index n) {
  return Eigen::VectorXd::NullaryExpr(n, [&] { return draws.normal(); });
}

Eigen::VectorXd in_ball(Draws& draws, Index n) {
  const Eigen::VectorXd z = normal(draws, n);
  return z.normalized() * std::pow(draws.uniform(), 1.0 / static_cast<double>(n));
}

struct Mixed {
  MatrixXd z;
  MatrixXd mixing;  // [n + 2, n]
  Dataset dataset;
};

Mixed mixed(const Law& law, Index n, Index samples, std::uint64_t seed) {
  const RandomStream latent(Seed{seed}, Purpose::test), entries(Seed{seed}, Purpose::mixing);
  Mixed result{MatrixXd(samples, n), MatrixXd(n + 2, n), {}};
  for (Index k = 0; k < samples; ++k) {
    Draws draws = latent.at(static_cast<std::uint64_t>(k));
    result.z.row(k) = law(draws, n).transpose();
  }
  for (Index i = 0; i < n + 2; ++i) {
    Draws draws = entries.at(static_cast<std::uint64_t>(i));
    result.mixing.row(i) = normal(draws, n).transpose();
    result.dataset.features.push_back("x" + std::to_string(i + 1));
  }
  result.dataset.environments = {
      {"obs", {}, to_matrix((result.z * result.mixing.transpose()).eval())}};
  return result;
}

IndependentSupportResult unmixed(const Mixed& m, std::uint64_t seed = 1, int threads = 1) {
  const auto n = static_cast<std::size_t>(m.z.cols());
  return independent_support(Backend::cpu(threads), m.dataset, {.latents = n}, Seed{seed});
}

Matrix found(const Mixed& m, const Matrix& encoder) {
  return to_matrix(
      (as_eigen(m.dataset.observational().samples) * as_eigen(encoder).transpose()).eval());
}

double mcc(const Mixed& m, const IndependentSupportResult& result) {
  return mean_correlation_coefficient(to_matrix(m.z), found(m, result.encoder)).mean;
}

// Largest entry of encoder mixing, rows with largest entry 1, that should be 0.
double leak(const Mixed& m, const IndependentSupportResult& result) {
  const MatrixXd effective = as_eigen(result.encoder) * m.mixing;
  double worst = 0.0;
  for (Index i = 0; i < effective.rows(); ++i) {
    Eigen::VectorXd row = effective.row(i).cwiseAbs().transpose();
    std::sort(row.begin(), row.end());
    if (row.size() > 1) worst = std::max(worst, row(row.size() - 2) / row(row.size() - 1));
  }
  return worst;
}

bool has(const IndependentSupportResult& result, const std::string& code) {
  return std::any_of(result.findings.begin(), result.findings.end(),
                     [&](const Finding& f) { return f.code == code; });
}

TEST(SmallestBox, EndsAreMeansOfTheOutermostPoints) {
  const MatrixXd points{{3.0}, {1.0}, {2.0}, {7.0}, {5.0}};
  const unmix::Ends two = unmix::ends_along(points, Eigen::VectorXd::Ones(1), 2);
  EXPECT_EQ(two.low(0), 1.5);
  EXPECT_EQ(two.high(0), 6.0);
  EXPECT_EQ(unmix::ends_along(points, -Eigen::VectorXd::Ones(1), 1).low(0), 7.0);
  EXPECT_EQ(unmix::end_count(0.0, 100), 1u);
  EXPECT_EQ(unmix::end_count(0.02, 100), 2u);
}

TEST(SmallestBox, OfTheCornersOfACubeIsTheCube) {
  MatrixXd corners(8, 3);
  for (Index k = 0; k < 8; ++k)
    for (Index j = 0; j < 3; ++j) corners(k, j) = ((k >> j) & 1) ? 1.0 : -1.0;
  const unmix::Box box = unmix::smallest_box(corners, 0.0, 4, Seed{1}, 1, silent());
  EXPECT_NEAR(box.log_volume, 3.0 * std::log(2.0), 1e-6);
}

// The leak is some 1 / (N share of the corner), .003 here; FastICA's MCC is about .61.
TEST(IndependentSupport, FindsDependentLatentsWhereIcaDoesNot) {
  for (const std::uint64_t seed : {1, 2, 3}) {
    const Mixed m = mixed(chained, 5, 3000, seed);
    const IndependentSupportResult result = unmixed(m);
    EXPECT_GT(mcc(m, result), 0.999) << seed;
    EXPECT_LT(leak(m, result), 0.02) << seed;
    EXPECT_TRUE(result.findings.empty()) << seed << result.findings.front().message;
    const MatrixXd centred = m.z.rowwise() - m.z.colwise().mean();
    const MatrixXd covariance = centred.transpose() * centred / static_cast<double>(m.z.rows());
    const MatrixXd white =
        centred * Eigen::SelfAdjointEigenSolver<MatrixXd>(covariance).operatorInverseSqrt();
    const MatrixXd ica = white * fast_ica(white).transpose();
    EXPECT_LT(mean_correlation_coefficient(to_matrix(m.z), to_matrix(ica)).mean, 0.8) << seed;
  }
}

TEST(IndependentSupport, LatentsHaveUnitVarianceAndTheEndsOfTheirSides) {
  const Mixed m = mixed(uniform, 3, 5000, 4);
  const IndependentSupportResult result = unmixed(m);
  for (const BoxSide& side : result.sides) {
    EXPECT_NEAR(side.high - side.low, std::sqrt(12.0), 0.1);
    EXPECT_NEAR(side.fill, 0.9, 0.2);             // 156 samples in a corner, the emptiest of 12
    EXPECT_NEAR(side.thinness, 4.0 / 3.0, 0.12);  // .487 / sqrt(250) = .03, the larger of two
  }
}

// Samples of a narrower latent, as under an intervention, don't change the box.
TEST(IndependentSupport, PoolsEnvironments) {
  Mixed m = mixed(chained, 3, 4000, 5);
  MatrixXd narrow = m.z;
  narrow.col(1) = 0.5 * narrow.col(1).array() + 0.25;
  m.dataset.environments.push_back(
      {"narrow", {}, to_matrix((narrow * m.mixing.transpose()).eval())});
  EXPECT_LT(leak(m, unmixed(m)), 0.02);
}

// The volume of the box in white coordinates doesn't depend on the units of x.
TEST(IndependentSupport, UnitsDoNotMatter) {
  Mixed m = mixed(chained, 3, 3000, 6);
  const IndependentSupportResult before = unmixed(m);
  for (std::size_t k = 0; k < m.dataset.environments[0].samples.rows(); ++k)
    for (std::size_t j = 0; j < m.dataset.feature_count(); ++j)
      m.dataset.environments[0].samples(k, j) *= 1000.0;
  const IndependentSupportResult after = unmixed(m);
  EXPECT_NEAR(after.objective, before.objective, 1e-3);
  m.mixing *= 1000.0;
  EXPECT_LT(leak(m, after), 0.02);
}

TEST(IndependentSupport, SameBitsForAnyThreadCount) {
  const Mixed m = mixed(chained, 4, 2000, 7);
  EXPECT_EQ(unmixed(m, 3, 1).encoder, unmixed(m, 3, 2).encoder);
}

// Both tests have level .01 and their nulls are wide of this law: corners of independent latents
// hold ten times the mean of the null, the thinness 4/3 is .167 below that of the null, eight
// standard deviations. The chain's emptiest corner holds more than a half of what independent
// latents leave there. So no alarm in 30 boxes is what to expect.
TEST(IndependentSupport, ABoxRaisesNoAlarm) {
  for (std::uint64_t seed = 10; seed < 25; ++seed)
    for (const Law& law : {Law(uniform), Law(chained)}) {
      const IndependentSupportResult result = unmixed(mixed(law, 3, 2000, seed));
      EXPECT_TRUE(result.findings.empty()) << seed << " " << result.findings.front().message;
    }
}

// 5000 normals: thinness of one end is 1.79 +- .08, the larger of two above 1.5 + 3.1 * .042.
TEST(IndependentSupport, NormalLatentsHaveNoEnd) {
  for (const std::uint64_t seed : {1, 2, 3})
    EXPECT_TRUE(has(unmixed(mixed(normal, 3, 5000, seed)), "no-sharp-end")) << seed;
}

// The corners of the square around a disc are empty, where independent latents with its marginals
// would leave .0122 N samples: the null's mean is 9.7 and P(none) is 6e-5.
TEST(IndependentSupport, ABallHasNoCorners) {
  for (const std::uint64_t seed : {1, 2, 3})
    EXPECT_TRUE(has(unmixed(mixed(in_ball, 2, 8000, seed)), "empty-corner")) << seed;
}

TEST(IndependentSupport, OneLatentIsItself) {
  const Mixed m = mixed(uniform, 1, 500, 8);
  const IndependentSupportResult result = unmixed(m);
  EXPECT_NEAR(mcc(m, result), 1.0, 1e-12);
  EXPECT_TRUE(std::isnan(result.sides[0].fill));
}

TEST(IndependentSupport, LearnedModelHasNoGraph) {
  const Mixed m = mixed(uniform, 2, 500, 9);
  const IndependentSupportResult result = unmixed(m);
  const LearnedModel model = learned_model(result, m.dataset);
  EXPECT_EQ(model.graph.nodes(), 0u);
  EXPECT_EQ(model.latent_names, (std::vector<std::string>{"Z1", "Z2"}));
  EXPECT_EQ(model.box(1, 2), result.sides[1].fill);
  EXPECT_EQ(encode(model, m.dataset.observational().samples).cols(), 2u);
}

TEST(IndependentSupport, RefusesWhatCannotBeUsed) {
  Mixed m = mixed(uniform, 2, 100, 9);
  const auto message = [&](const IndependentSupportOptions& options) {
    try {
      independent_support(Backend::cpu(1), m.dataset, options);
    } catch (const InvalidArgument& e) {
      return std::string(e.what());
    }
    return std::string("nothing was thrown");
  };
  const auto expect = [&](const IndependentSupportOptions& options, const std::string& text) {
    EXPECT_NE(message(options).find(text), std::string::npos) << message(options);
  };
  expect({}, "latents = 0; say how many");
  expect({.latents = 3}, "rank 2");
  expect({.latents = 6}, "give at least 120");
  expect({.latents = 2, .share = 0.5}, "share = 0.5");
  expect({.latents = 2, .share = std::numeric_limits<double>::quiet_NaN()}, "share");
  expect({.latents = 2, .starts = 0}, "starts = 0");
  m.dataset.environments[0].samples(7, 1) = std::numeric_limits<double>::infinity();
  expect({.latents = 2}, "row 8, column 'x2'");
}

}  // namespace
}  // namespace lodestein
