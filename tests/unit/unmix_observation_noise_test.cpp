#include <gmock/gmock.h>

#include <cmath>

#include "core/wishart.hpp"
#include "lodestein/evaluate/metrics.hpp"
#include "lodestein/unmix/fit.hpp"
#include "lodestein/unmix/umni.hpp"
#include "unmix/observation_noise.hpp"
#include "unmix_support.hpp"

namespace lodestein {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using test::Population;
using ::testing::Contains;
using ::testing::Not;
using unmix::ObservationNoise;
using unmix::Subspace;

using Moments = std::vector<EnvironmentMoments>;

Population population(std::size_t n, std::size_t d, std::uint64_t seed,
                      std::size_t samples = 1000000) {
  return test::random_population(n, d, seed, test::scaled(0.25), samples);
}

Moments with_noise(Moments moments, const Eigen::VectorXd& deviation) {
  for (EnvironmentMoments& m : moments)
    for (std::size_t j = 0; j < m.covariance.rows(); ++j)
      m.covariance(j, j) += std::pow(deviation(static_cast<Index>(j)), 2);
  return moments;
}
Moments with_noise(const Moments& moments, double deviation) {
  const auto d = static_cast<Index>(moments.front().mean.size());
  return with_noise(moments, Eigen::VectorXd::Constant(d, deviation));
}

Moments drawn(Moments moments, std::uint64_t seed) {
  for (std::size_t e = 0; e < moments.size(); ++e) {
    const RandomStream stream(Seed{seed}, Purpose::wishart, static_cast<std::uint32_t>(e));
    moments[e].covariance =
        draw_sample_moments(moments[e].covariance, moments[e].samples, stream).covariance;
  }
  return moments;
}

struct InSubspace {
  Subspace subspace;
  unmix::LinearProblem problem;
};
InSubspace in_subspace(const Moments& moments, std::size_t n) {
  InSubspace result{unmix::latent_subspace(moments, n, SubspaceChoice::automatic), {}};
  result.problem = unmix::linear_problem(transformed(moments, to_matrix(result.subspace.basis)));
  return result;
}

ObservationNoise noise_of(const Moments& moments, std::size_t n) {
  const InSubspace y = in_subspace(moments, n);
  return unmix::observation_noise(y.subspace, y.problem);
}

TEST(ObservationNoise, LeavesTheMomentsOfTheSignal) {
  const Population p = population(3, 9, 1);
  const InSubspace noisy = in_subspace(with_noise(p.observed, 0.4), 3);
  const ObservationNoise noise = unmix::observation_noise(noisy.subspace, noisy.problem);
  EXPECT_NEAR(noise.deviation, 0.4, 1e-9);
  const unmix::LinearProblem left = noise.removed_from(noisy.problem);
  const auto signal =
      unmix::linear_problem(transformed(p.observed, to_matrix(noisy.subspace.basis)));
  for (std::size_t e = 0; e < left.covariance.size(); ++e) {
    EXPECT_LT((left.covariance[e] - signal.covariance[e]).norm(), 1e-9) << e;
    EXPECT_EQ(left.samples[e], noise.samples_share[e] * noisy.problem.samples[e]);
    // Direction by direction, signal over all of it.
    const Eigen::GeneralizedSelfAdjointEigenSolver<MatrixXd> shares(left.covariance[e],
                                                                    noisy.problem.covariance[e]);
    EXPECT_NEAR(noise.samples_share[e], std::pow(shares.eigenvalues()(0), 2), 1e-9) << e;
  }
}

// Two causes that nothing changes are in y, too, as far as noise keeps their directions from being
// told apart from those of latents.
TEST(ObservationNoise, TakesInvariantCausesAlong) {
  const Population p = population(3, 12, 1);
  Moments moments = with_noise(p.observed, 0.4);
  Draws draws = RandomStream(Seed{7}, Purpose::test).at(0);
  for (int cause = 0; cause < 2; ++cause) {
    Eigen::VectorXd weights(12);
    for (double& w : weights) w = draws.normal();
    for (EnvironmentMoments& m : moments) as_eigen(m.covariance) += weights * weights.transpose();
  }
  const InSubspace noisy = in_subspace(moments, 3);
  ASSERT_EQ(noisy.subspace.choice, SubspaceChoice::differences);
  ASSERT_EQ(noisy.subspace.components, 5);
  const ObservationNoise noise = unmix::observation_noise(noisy.subspace, noisy.problem);
  EXPECT_NEAR(noise.deviation, 0.4, 1e-9);
  const unmix::LinearProblem left = noise.removed_from(noisy.problem);
  const auto signal =
      unmix::linear_problem(transformed(p.observed, to_matrix(noisy.subspace.basis)));
  const MatrixXd even = 0.16 * noisy.subspace.basis * noisy.subspace.basis.transpose();
  EXPECT_GT((noise.covariance - even).norm(), 1e-3) << "the test would see nothing";
  for (std::size_t e = 0; e < left.covariance.size(); ++e)
    EXPECT_LT((left.covariance[e] - signal.covariance[e]).norm(), 1e-9) << e;
}

TEST(ObservationNoise, IsNoneWhereItCannotBeKnown) {
  const Population p = population(3, 9, 1);
  EXPECT_EQ(noise_of(p.observed, 3).covariance.size(), 0) << "nothing is left out";
  const Eigen::VectorXd uneven = Eigen::VectorXd::LinSpaced(9, 0.2, 0.6);
  EXPECT_EQ(noise_of(with_noise(p.observed, uneven), 3).covariance.size(), 0);
  EXPECT_EQ(noise_of(with_noise(p.observed, 30.0), 3).covariance.size(), 0)
      << "so much that too little would be left";
  const Population narrow = population(3, 4, 1);
  EXPECT_EQ(noise_of(with_noise(narrow.observed, 0.3), 3).covariance.size(), 0)
      << "one direction can't be compared";
  const unmix::LinearProblem same =
      ObservationNoise{}.removed_from(in_subspace(p.observed, 3).problem);
  EXPECT_EQ(same.covariance[1], in_subspace(p.observed, 3).problem.covariance[1]);
}

FitResult fitted(const Moments& moments, NoiseRemoval removal, std::size_t bootstrap = 0) {
  FitOptions options;
  options.observation_noise = removal;
  options.null_splits = 0;
  options.bootstrap = bootstrap;
  return fit(Backend::cpu(2), moments, options);
}

std::vector<std::string> codes(const std::vector<Finding>& findings) {
  std::vector<std::string> result;
  for (const Finding& finding : findings) result.push_back(finding.code);
  return result;
}

TEST(ObservationNoise, IsNoLongerInTheEncoder) {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const Population p = population(4, 12, seed);
    const Moments moments = with_noise(p.observed, 0.4);
    const FitResult clean = fitted(moments, NoiseRemoval::automatic);
    EXPECT_LT(test::mixing_left(clean.encoder, p), 1e-3) << seed;
    EXPECT_EQ(clean.graph, test::graph_by_environment(p)) << seed;
    EXPECT_THAT(codes(clean.diagnosis.findings), Contains("observation-noise"));
    const FitResult noisy = fitted(moments, NoiseRemoval::none);
    EXPECT_GT(test::mixing_left(noisy.encoder, p), 0.05) << seed;
    EXPECT_THAT(codes(noisy.diagnosis.findings), Not(Contains("observation-noise")));
  }
}

// Edges are tested at log N, which a false one passes with probability 2 e^-3.5 = .003 at the least
// share of samples here, 1e3: over 30 models with 6 pairs at most .5 false edges are expected; that
// more than 4 come has probability 2e-4.
TEST(ObservationNoise, KeepsTheLevelOfEdges) {
  std::size_t wrong = 0, wrong_with_noise = 0;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const Population p = population(4, 12, seed, 20000);
    const Moments moments = drawn(with_noise(p.observed, 0.4), seed);
    const Digraph truth = test::graph_by_environment(p);
    wrong += graph_error(truth, fitted(moments, NoiseRemoval::automatic).graph).shd;
    wrong_with_noise += graph_error(truth, fitted(moments, NoiseRemoval::none).graph).shd;
  }
  EXPECT_LE(wrong, 4u);
  EXPECT_GE(wrong_with_noise, 15u) << "the test would see nothing";
}

TEST(ObservationNoise, IsTakenOutOfReplicatesToo) {
  const Population p = population(3, 9, 2, 20000);
  const FitResult result =
      fitted(drawn(with_noise(p.observed, 0.4), 2), NoiseRemoval::automatic, 20);
  ASSERT_FALSE(result.edge_support.empty());
  const Digraph truth = test::graph_by_environment(p);
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 3; ++j)
      EXPECT_NEAR(result.edge_support(i, j), truth.edge(i, j) ? 1.0 : 0.0, 0.15);
  }
}

TEST(ObservationNoise, IsTakenOutByUmniToo) {
  const Population p = population(3, 9, 3);
  const Moments moments = with_noise(p.observed, 0.4);
  const UmniResult result = umni(Backend::cpu(1), moments);
  EXPECT_THAT(codes(result.findings), Contains("observation-noise"));
  EXPECT_LT(result.deviance_per_dof, 3.0);
  UmniOptions none;
  none.observation_noise = NoiseRemoval::none;
  EXPECT_GT(umni(Backend::cpu(1), moments, none).deviance_per_dof, 3.0);
}

}  // namespace
}  // namespace lodestein
