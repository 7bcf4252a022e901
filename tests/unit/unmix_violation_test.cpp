// Findings that say that an assumption of the linear model is violated.
#include <gmock/gmock.h>

#include <cmath>

#include "core/wishart.hpp"
#include "lodestein/simulate/study.hpp"
#include "lodestein/unmix/fit.hpp"
#include "unmix/diagnose.hpp"
#include "unmix/noise_shape.hpp"
#include "unmix_support.hpp"

namespace lodestein {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

StudyOptions study_options() {
  StudyOptions options;
  options.latent.latents = 3;
  options.mixing.observed = 8;
  options.samples = 5000;
  return options;
}

FitOptions quick(std::size_t latents = 3) {
  FitOptions options;
  options.latents = latents;
  options.null_splits = 0;
  return options;
}

std::vector<std::string> codes(const FitResult& result) {
  std::vector<std::string> found;
  for (const Finding& finding : result.diagnosis.findings) found.push_back(finding.code);
  return found;
}

std::vector<std::string> codes_of(const StudyOptions& options, std::uint64_t seed,
                                  const FitOptions& fit_options = quick()) {
  return codes(
      fit(Backend::cpu(1), simulate_study(options, Seed{seed}).dataset, fit_options, Seed{1}));
}

TEST(NoiseShape, IsGearysRatioWithItsError) {
  Draws draws = RandomStream(Seed{1}, Purpose::test).at(0);
  std::vector<double> normal(100000), laplace;
  for (double& value : normal) value = 3.0 + 0.1 * draws.normal();
  for (std::size_t k = 0; k < normal.size(); ++k)
    laplace.push_back((draws.below(2) == 0 ? 1.0 : -1.0) * std::log(draws.uniform()));
  const auto of_normal = unmix::noise_shape(normal), of_laplace = unmix::noise_shape(laplace);
  // Within 5 standard errors; the Gaussian's is sqrt((1 - 3 / pi) / N), here to some percent.
  EXPECT_NEAR(of_normal.ratio, std::sqrt(2.0 / M_PI), 5.0 * of_normal.error);
  EXPECT_NEAR(of_normal.error, std::sqrt((1.0 - 3.0 / M_PI) / 1e5), 2e-5);
  EXPECT_NEAR(of_laplace.ratio, std::sqrt(0.5), 5.0 * of_laplace.error);
  const auto signs = unmix::noise_shape({1.0, -1.0, 1.0, -1.0});
  EXPECT_EQ(signs.ratio, 1.0);
  EXPECT_EQ(signs.error, 0.0);
  EXPECT_EQ(unmix::noise_shape({2.0, 2.0}).ratio, 0.0);
}

TEST(ChangedNoise, TellsThatSomeSamplesWereNotReached) {
  StudyOptions options = study_options();
  for (const double share : {0.9, 0.6}) {
    options.intervened_share = share;
    EXPECT_THAT(codes_of(options, 3), Contains("changed-noise")) << share;
    FitOptions soft = quick();
    soft.intervention = Intervention::soft;
    EXPECT_THAT(codes_of(options, 3, soft), Contains("changed-noise")) << share;
  }
  const auto result =
      fit(Backend::cpu(1), simulate_study(options, Seed{3}).dataset, quick(), Seed{1});
  for (const Finding& finding : result.diagnosis.findings) {
    if (finding.code != "changed-noise") continue;
    EXPECT_EQ(finding.severity, Severity::warning);
    EXPECT_THAT(finding.message, HasSubstr("3 environments changed the shape"));
    EXPECT_THAT(finding.message, HasSubstr("'do1', 'do2', 'do3'"));
  }
}

// 12 fits at a level of .001: one chance in 80 of any alarm if the seeds were others.
TEST(ChangedNoise, IsSilentForAnyNoiseThatIsOnlyRescaled) {
  StudyOptions options = study_options();
  for (const NoiseFamily noise : {NoiseFamily::gaussian, NoiseFamily::laplace, NoiseFamily::student,
                                  NoiseFamily::exponential}) {
    options.latent.noise = noise;
    for (std::uint64_t seed = 0; seed < 3; ++seed)
      EXPECT_THAT(codes_of(options, seed), Not(Contains("changed-noise")))
          << static_cast<int>(noise);
  }
}

// Two Student samples with 5 degrees of freedom: the test's share of p < .01. 2000 pairs: 20 are
// expected at its level, and more than 44 have probability 1e-6.
TEST(ChangedNoise, HasItsLevelUnderHeavyTails) {
  LatentModelOptions options;
  options.latents = 1;
  options.noise = NoiseFamily::student;
  const LatentModel model(options, Seed{1});
  std::size_t alarms = 0;
  for (std::uint32_t r = 0; r < 2000; ++r) {
    const auto shape = [&](std::uint32_t environment) {
      const Matrix z = model.sample(300, {}, RandomStream(Seed{2}, Purpose::test, environment, r));
      return unmix::noise_shape({z.data(), z.data() + 300});
    };
    const auto a = shape(0), b = shape(1);
    alarms += std::abs(a.ratio - b.ratio) > 2.576 * std::hypot(a.error, b.error);
  }
  EXPECT_LE(alarms, 44u);
  EXPECT_GE(alarms, 5u) << "nor is the error far too large";
}

TEST(NonlinearLatents, AreToldFromLinearOnes) {
  StudyOptions options = study_options();
  options.latent.density = 1.0;
  for (const LatentFamily family : {LatentFamily::quadratic, LatentFamily::mlp}) {
    options.latent.family = family;
    EXPECT_THAT(codes_of(options, 3), Contains("nonlinear-latents")) << static_cast<int>(family);
  }
  const auto result =
      fit(Backend::cpu(1), simulate_study(options, Seed{3}).dataset, quick(), Seed{1});
  for (const Finding& finding : result.diagnosis.findings) {
    if (finding.code != "nonlinear-latents") continue;
    EXPECT_EQ(finding.severity, Severity::warning);
    EXPECT_THAT(finding.message, HasSubstr("linearly related (p < .001), most clearly Z"));
    EXPECT_THAT(finding.remedy, HasSubstr("--mechanism additive"));
  }
}

// 24 fits at a level of .001: one chance in 40 of any alarm if the seeds were others.
TEST(NonlinearLatents, AreNotSeenInLinearOnesWithAnyNoise) {
  StudyOptions options = study_options();
  options.latent.density = 1.0;
  for (const NoiseFamily noise : {NoiseFamily::gaussian, NoiseFamily::laplace, NoiseFamily::student,
                                  NoiseFamily::exponential}) {
    options.latent.noise = noise;
    for (std::uint64_t seed = 0; seed < 3; ++seed) {
      EXPECT_THAT(codes_of(options, seed), Not(Contains("nonlinear-latents")))
          << static_cast<int>(noise);
      FitOptions soft = quick();
      soft.intervention = Intervention::soft;
      EXPECT_THAT(codes_of(options, seed, soft), Not(Contains("nonlinear-latents")))
          << static_cast<int>(noise);
    }
  }
}

TEST(NonlinearLatents, NeedTwoLatents) {
  StudyOptions options = study_options();
  options.latent.latents = 1;
  EXPECT_THAT(codes_of(options, 1, quick(1)), Not(Contains("nonlinear-latents")));
}

TEST(LeftOutDiffers, TellsThatALatentIsNotLookedFor) {
  StudyOptions options = study_options();
  options.unhit = 1;
  for (const double noise : {0.0, 0.05}) {
    options.observation_noise = noise;
    EXPECT_THAT(codes_of(options, 2, quick(2)), Contains("left-out-differs")) << noise;
  }
}

FitOptions of_variance(std::size_t latents) {
  FitOptions options = quick(latents);
  options.subspace = SubspaceChoice::variance;
  return options;
}

TEST(MoreDirections, TellsThatALatentIsNotLookedFor) {
  StudyOptions options = study_options();
  options.unhit = 1;
  for (const double noise : {0.0, 0.05}) {
    options.observation_noise = noise;
    EXPECT_THAT(codes_of(options, 2, of_variance(2)), Contains("more-directions")) << noise;
    if (noise > 0.0) options.samples = 200;
    const auto moments = simulate_moments(options, Seed{2}).moments;
    EXPECT_THAT(codes(fit(Backend::cpu(1), moments, of_variance(2))), Contains("more-directions"));
  }
}

TEST(MoreDirections, IsSilentForNoiseOfOneStrength) {
  StudyOptions options = study_options();
  for (const double noise : {0.0, 0.05, 0.5}) {
    options.observation_noise = noise;
    for (std::uint64_t seed = 0; seed < 3; ++seed)
      EXPECT_THAT(codes_of(options, seed), Not(Contains("more-directions"))) << noise;
  }
  Dataset uneven = simulate_study(options, Seed{1}).dataset;
  for (Environment& environment : uneven.environments)
    for (std::size_t k = 0; k < environment.samples.rows(); ++k) environment.samples(k, 0) *= 2.0;
  EXPECT_THAT(codes(fit(Backend::cpu(1), uneven, of_variance(3))), Contains("more-directions"))
      << "the noise of one feature is stronger";
  EXPECT_THAT(codes(fit(Backend::cpu(1), uneven, quick())), Not(Contains("more-directions")))
      << "it is left out";
  options.mixing.observed = 4;
  EXPECT_THAT(codes_of(options, 1), Not(Contains("more-directions")))
      << "one direction can't be compared";
}

// 4000 draws at level .001: 4 alarms are expected, and more than 14 have probability 2e-5.
TEST(MoreDirections, HasItsLevel) {
  std::size_t alarms = 0;
  for (std::uint32_t r = 0; r < 4000; ++r) {
    const auto drawn =
        draw_sample_moments(Matrix::identity(6), 400, RandomStream(Seed{4}, Purpose::test, 0, r));
    Eigen::VectorXd eigenvalues(7);
    eigenvalues(0) = 100.0;
    eigenvalues.tail(6) =
        as_eigen(drawn.covariance).selfadjointView<Eigen::Lower>().eigenvalues().reverse();
    Diagnosis diagnosis;
    unmix::find_directions(eigenvalues, 1, 400.0, diagnosis);
    alarms += diagnosis.findings.size();
  }
  EXPECT_LE(alarms, 14u);
}

}  // namespace
}  // namespace lodestein
