#include <gmock/gmock.h>

#include <cmath>

#include "core/wishart.hpp"
#include "lodestein/evaluate/metrics.hpp"
#include "lodestein/unmix/do_interventions.hpp"
#include "lodestein/unmix/fit.hpp"
#include "lodestein/unmix/umni.hpp"
#include "unmix/subspace.hpp"
#include "unmix_support.hpp"

namespace lodestein {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using test::Population;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

using Moments = std::vector<EnvironmentMoments>;

Population population(std::size_t n, std::size_t d, std::uint64_t seed = 1) {
  return test::random_population(n, d, seed, test::scaled(0.25), 5000);
}

/// Adds what has one law in all environments. [d, d]
Moments with_noise(Moments moments, const MatrixXd& covariance) {
  for (EnvironmentMoments& m : moments)
    m.covariance = to_matrix((as_eigen(m.covariance) + covariance).eval());
  return moments;
}

/// Moments of as many Gaussian samples as these claim to stem from.
Moments drawn(Moments moments, std::uint64_t seed) {
  for (std::size_t e = 0; e < moments.size(); ++e) {
    const RandomStream stream(Seed{seed}, Purpose::wishart, static_cast<std::uint32_t>(e));
    SampleMoments sample = draw_sample_moments(moments[e].covariance, moments[e].samples, stream);
    for (std::size_t j = 0; j < sample.mean.cols(); ++j) moments[e].mean[j] += sample.mean(0, j);
    moments[e].covariance = std::move(sample.covariance);
  }
  return moments;
}

MatrixXd even(Index d, double sd) { return sd * sd * MatrixXd::Identity(d, d); }

/// A strong cause of all features that no environment changes, and noise of uneven strength.
MatrixXd invariant(Index d, std::uint64_t seed = 5) {
  Draws draws = RandomStream(Seed{seed}, Purpose::test).at(0);
  VectorXd weights(d), sd(d);
  for (Index j = 0; j < d; ++j) {
    weights(j) = 2.0 * draws.normal();
    sd(j) = 0.05 * std::exp(draws.normal());
  }
  return weights * weights.transpose() + MatrixXd(sd.cwiseAbs2().asDiagonal());
}

std::vector<std::string> codes(const std::vector<Finding>& findings) {
  std::vector<std::string> result;
  for (const Finding& finding : findings) result.push_back(finding.code);
  return result;
}

std::vector<std::string> left_out_codes(const unmix::Subspace& subspace) {
  std::vector<Finding> findings;
  std::vector<std::string> assumptions;
  unmix::find_left_out(subspace, findings, assumptions);
  return codes(findings);
}

void expect_same(const unmix::Subspace& a, const unmix::Subspace& b) {
  EXPECT_EQ(a.basis, b.basis);
  EXPECT_EQ(a.inverse, b.inverse);
  EXPECT_EQ(a.explained, b.explained);
}

TEST(Subspace, IsNoMatterOfChoiceWhereTheDataFillNoMore) {
  const Moments moments = population(4, 9).observed;
  const auto variance = unmix::latent_subspace(moments, 4, SubspaceChoice::variance);
  for (const SubspaceChoice choice : {SubspaceChoice::differences, SubspaceChoice::automatic}) {
    const auto subspace = unmix::latent_subspace(moments, 4, choice);
    expect_same(subspace, variance);
    EXPECT_EQ(subspace.choice, SubspaceChoice::variance);
    EXPECT_EQ(subspace.differences.size(), 0);
  }
  EXPECT_THAT(left_out_codes(variance), testing::IsEmpty());
}

// With exact moments what doesn't differ has eigenvalue 0, however strong, and coordinates are a
// function of the latents and independent noise: basis P is in the span of the mixing's columns.
TEST(Subspace, OfDifferencesLeavesOutWhatIsInvariant) {
  const Population p = population(4, 9);
  const Moments moments = with_noise(p.observed, invariant(9));
  const auto subspace = unmix::latent_subspace(moments, 4, SubspaceChoice::automatic);
  ASSERT_EQ(subspace.choice, SubspaceChoice::differences);
  ASSERT_EQ(subspace.differences.size(), 9);
  EXPECT_GT(subspace.differences(3), 1e-3);
  EXPECT_LT(subspace.differences(4), 1e-12);
  const MatrixXd pooled = as_eigen(pooled_covariance(moments)), mixing = as_eigen(p.mixing);
  const MatrixXd columns = pooled * subspace.basis.transpose();
  const MatrixXd left = columns - mixing * mixing.colPivHouseholderQr().solve(columns);
  EXPECT_LT(left.norm(), 1e-8 * columns.norm());
  const MatrixXd identity = MatrixXd::Identity(4, 4);
  EXPECT_LT((subspace.basis * subspace.inverse - identity).norm(), 1e-9);
  EXPECT_LT((subspace.basis * pooled * subspace.basis.transpose() - identity).norm(), 1e-9)
      << "unit pooled variance";
  EXPECT_LT(subspace.explained, 0.5);
}

TEST(Subspace, UsesShiftsOfMeans) {
  Moments moments(3);
  for (std::size_t e = 0; e < 3; ++e) {
    moments[e] = {
        "e" + std::to_string(e), {}, 1000, std::vector<double>(5, 0.0), Matrix::identity(5)};
    for (std::size_t j = 0; j < 3; ++j) moments[e].covariance(j, j) = 50.0;
  }
  moments[1].mean[3] = 2.0;
  moments[2].mean[4] = 2.0;
  const auto subspace = unmix::latent_subspace(moments, 2, SubspaceChoice::automatic);
  ASSERT_EQ(subspace.choice, SubspaceChoice::differences);
  EXPECT_LT(subspace.basis.leftCols(3).norm(), 1e-9);
  EXPECT_EQ(subspace.differences.size(), 5) << "all components are needed";
}

// Noise of one strength: principal components are the better subspace, and BIC knows.
TEST(Subspace, IsOfVarianceIfNoiseIsEven) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Moments moments =
        drawn(with_noise(population(3, 12, seed).observed, even(12, 0.2)), seed);
    const auto subspace = unmix::latent_subspace(moments, 3, SubspaceChoice::automatic);
    EXPECT_LT(subspace.explained, 0.999);
    EXPECT_EQ(subspace.choice, SubspaceChoice::variance) << seed;
    expect_same(subspace, unmix::latent_subspace(moments, 3, SubspaceChoice::variance));
  }
}

// 200 p-values: their mean is .5 with a standard error of .02, and at level .001 more than 3 alarms
// have probability 6e-5.
TEST(LeftOut, HasItsLevel) {
  double sum = 0.0;
  std::size_t alarms = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const Moments moments = drawn(with_noise(population(3, 9, seed).observed, invariant(9)), seed);
    const auto subspace = unmix::latent_subspace(moments, 3, SubspaceChoice::differences);
    const std::vector<std::string> found = left_out_codes(subspace);
    EXPECT_THAT(found, Contains("subspace"));
    alarms += found.size() - 1;
    sum += subspace.left_out;
  }
  EXPECT_LE(alarms, 3u);
  EXPECT_NEAR(sum / 200.0, 0.5, 0.1);
}

TEST(LeftOut, IsSeenIfALatentIsMissing) {
  const Moments moments = drawn(with_noise(population(4, 9).observed, invariant(9)), 1);
  EXPECT_THAT(left_out_codes(unmix::latent_subspace(moments, 3, SubspaceChoice::differences)),
              Contains("left-out-differs"));
}

// In a covariance of as many dimensions as samples some direction differs without limit.
TEST(Subspace, LooksAtFewerComponentsThanHalfOfTheSamples) {
  Moments moments = with_noise(population(3, 9).observed, invariant(9));
  moments[1].samples = 9;
  const auto subspace = unmix::latent_subspace(moments, 3, SubspaceChoice::differences);
  EXPECT_EQ(subspace.choice, SubspaceChoice::differences);
  EXPECT_EQ(subspace.components, 4);
  moments[1].samples = 7;
  expect_same(unmix::latent_subspace(moments, 3, SubspaceChoice::differences),
              unmix::latent_subspace(moments, 3, SubspaceChoice::variance));
}

FitResult fitted(const Moments& moments, SubspaceChoice choice) {
  FitOptions options;
  options.subspace = choice;
  options.null_splits = 8;
  return fit(Backend::cpu(1), moments, options);
}

TEST(Subspace, OfDifferencesFindsLatentsAndGraphBehindAStrongInvariantCause) {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const Population p = population(4, 12, seed);
    const Moments moments = drawn(with_noise(p.observed, invariant(12, seed)), seed);
    const FitResult result = fitted(moments, SubspaceChoice::automatic);
    EXPECT_EQ(result.diagnosis.subspace, SubspaceChoice::differences);
    EXPECT_GE(result.diagnosis.differing.size(), 5u);
    EXPECT_THAT(result.assumptions, Contains(HasSubstr("one law in all environments")));
    EXPECT_LT(test::mixing_left(result.encoder, p), 0.25) << seed;
    EXPECT_GT(test::mixing_left(fitted(moments, SubspaceChoice::variance).encoder, p), 0.5)
        << seed << ": principal components are no way round";
    EXPECT_LE(graph_error(test::graph_by_environment(p), result.graph).shd, 1u) << seed;
    EXPECT_THAT(codes(result.diagnosis.findings),
                AllOf(Contains("subspace"), Not(Contains("more-directions"))));
  }
}

TEST(Subspace, IsChosenByUmniAndDoInterventionsToo) {
  const Population p = population(3, 9);
  const Moments moments = drawn(with_noise(p.observed, invariant(9)), 2);
  const UmniResult several = umni(Backend::cpu(1), moments);
  EXPECT_THAT(codes(several.findings), Contains("subspace"));
  UmniOptions published;
  published.procedure = UmniProcedure::published;
  for (const Finding& finding : umni(Backend::cpu(1), moments, published).findings)
    EXPECT_THAT(finding.message, Not(HasSubstr("differ most"))) << "as published";

  InterventionSpec held;
  held.variance = 1e-14;
  const Population constant = test::random_population(3, 9, 1, held, 5000);
  const Moments noisy = with_noise(constant.observed, invariant(9));
  const DoInterventionResult result = do_interventions(Backend::cpu(1), noisy);
  EXPECT_THAT(codes(result.findings), Contains("subspace"));
  EXPECT_LT(test::mixing_left(result.encoder, constant), 0.1);
  DoInterventionOptions variance;
  variance.subspace = SubspaceChoice::variance;
  EXPECT_GT(test::mixing_left(do_interventions(Backend::cpu(1), noisy, variance).encoder, constant),
            0.3);
}

}  // namespace
}  // namespace lodestein
