#include <gmock/gmock.h>

#include <cmath>

#include "core/eigen.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/simulate/sample_complexity.hpp"
#include "lodestein/simulate/study.hpp"
#include "simulate_support.hpp"

namespace lodestein {
namespace {

using ::testing::HasSubstr;

SampleComplexity sample_complexity(const StudyTruth& truth, Seed seed = {}) {
  return lodestein::sample_complexity(truth.model, truth.mixing, truth.interventions, seed);
}

StudyTruth truth_of(LatentModel model, Matrix mixing, std::vector<InterventionSpec> specs) {
  return {std::move(model), Mixing(std::move(mixing)), std::move(specs), {}, 0};
}

InterventionSpec on(std::size_t target, double scale = 0.25) {
  InterventionSpec spec;
  spec.targets = {target};
  spec.variance_scale = scale;
  return spec;
}

// One latent of variance v with d = (1 / cv - 1 / v) z and x = g z: E|d|^2 = (1/c - 1)^2 / (v g^2).
TEST(SampleComplexity, OfOneLatentIsAFormula) {
  const double v = 1.5, c = 0.25, g = 2.0;
  const SampleComplexity s =
      sample_complexity(truth_of(LatentModel(Matrix{{0}}, {v}), Matrix{{g}}, {{}, on(0, c)}));
  const double energy = (1.0 / c - 1.0) * (1.0 / c - 1.0) / (v * g * g);
  EXPECT_NEAR(s.eta, energy, 1e-12);
  EXPECT_NEAR(s.gamma, 1.0, 1e-12);
  EXPECT_NEAR(s.beta, 1.0 / (2.0 * energy), 1e-12);
  EXPECT_NEAR(s.beta_min, 4.0 * energy, 1e-12);
}

// Independent latents behind G = [e_1, e_1 + e_2]: R^1 and R^2 have rank one, along rows of G^+.
TEST(SampleComplexity, IsTheLeastOverSetsOfEnvironments) {
  const Matrix mixing{{1, 1}, {0, 1}, {0, 0}};  // G^+ has rows (1, -1, 0) and (0, 1, 0)
  const SampleComplexity s = sample_complexity(
      truth_of(LatentModel(Matrix(2, 2), {1.0, 1.0}), mixing, {{}, on(0, 0.5), on(1, 0.25)}));
  const double first = 1.0, second = 9.0;  // (1/c - 1)^2
  Eigen::Matrix2d both;
  both << first, -first, -first, first + second;
  const double least = both.selfadjointView<Eigen::Lower>().eigenvalues()(0);
  EXPECT_NEAR(s.eta, std::min({2.0 * first, second, least}), 1e-12);
  EXPECT_NEAR(s.gamma, std::sqrt(2.0), 1e-12);
  EXPECT_NEAR(s.beta, 1.0 / (2.0 * second), 1e-12);
  EXPECT_NEAR(s.beta_min, 4.0 * 2.0 * first, 1e-12);
}

TEST(SampleComplexity, OfAScaledMixing) {
  StudyOptions options;
  options.mixing.observed = 8;
  const LinearStudy study = simulate_moments(options, Seed{3});
  const SampleComplexity before = sample_complexity(study.truth);
  Matrix mixing = study.truth.mixing.layers().front();
  as_eigen(mixing) *= 10.0;
  LatentModel model(study.truth.model.weights(), study.truth.model.noise_variances());
  const SampleComplexity after =
      sample_complexity(truth_of(std::move(model), mixing, study.truth.interventions));
  EXPECT_GT(before.eta, 0.0);
  EXPECT_GE(before.gamma, 1.0);
  EXPECT_NEAR(after.eta / before.eta, 1e-2, 1e-8);
  EXPECT_NEAR(after.gamma, before.gamma, 1e-9);
  EXPECT_NEAR(after.beta / before.beta, 1e2, 1e-6);
  EXPECT_NEAR(after.beta_min / before.beta_min, 1e-2, 1e-8);
}

// A quadratic mechanism of one parent is |l z|: linear on each side, so that with an orthonormal
// mixing, where only squares count, samples give what the linear model of weight l has exactly.
TEST(SampleComplexity, OfNonlinearLatentsIsAMeanOverSamples) {
  StudyOptions options;
  options.latent.latents = 2;
  options.latent.density = 1.0;
  options.latent.family = LatentFamily::quadratic;
  options.mixing.observed = 3;
  options.samples = 10;
  Study study = simulate_study(options, Seed{5});
  const Matrix mixing{{1, 0}, {0, 0}, {0, 1}};
  const StudyTruth truth =
      truth_of(std::move(study.truth.model), mixing, study.truth.interventions);
  const LatentModel& model = truth.model;
  const auto [from, to] = model.graph().edges().front();
  Matrix unit(1, 2), at(1, 2);
  unit(0, from) = 1.0;  // with z_to = 0: s_from = -z_from / v + r l, r = -l z / v_to
  const double v = model.noise_variances()[to];
  at = model.score(unit, {});
  const double square = -v * (at(0, from) + 1.0 / model.noise_variances()[from]);
  Matrix weights(2, 2);
  weights(from, to) = std::sqrt(square);
  const SampleComplexity exact = sample_complexity(
      truth_of(LatentModel(weights, model.noise_variances()), mixing, truth.interventions));
  const SampleComplexity sampled = sample_complexity(truth, Seed{1});
  // 20,000 samples of squares of Gaussians: relative standard deviation about 1 %.
  EXPECT_NEAR(sampled.beta / exact.beta, 1.0, 0.06);
  EXPECT_NEAR(sampled.beta_min / exact.beta_min, 1.0, 0.06);
  EXPECT_GT(sampled.eta, 0.0);
  EXPECT_EQ(sampled.eta, sample_complexity(truth, Seed{1}).eta);
  EXPECT_NE(sampled.eta, sample_complexity(truth, Seed{2}).eta);
}

// A Laplace latent of variance v has s = -sign(z) sqrt(2 / v), so that with c = 1/4 |d|^2 is 2 / v
// everywhere: not what a Gaussian of that variance has. Uniform noise has no score.
TEST(SampleComplexity, IsThatOfTheNoiseFamily) {
  StudyOptions options;
  options.latent.latents = options.mixing.observed = 1;
  options.latent.noise = NoiseFamily::laplace;
  options.samples = 10;
  const Study laplace = simulate_study(options, Seed{5});
  const double g = laplace.truth.mixing.layers().front()(0, 0);
  const double energy = 2.0 / (laplace.truth.model.noise_variances()[0] * g * g);
  EXPECT_NEAR(lodestein::sample_complexity(laplace).value().eta, energy, 1e-9 * energy);
  options.latent.noise = NoiseFamily::uniform;
  EXPECT_FALSE(lodestein::sample_complexity(simulate_study(options, Seed{5})).has_value());
}

TEST(SampleComplexity, OfManyEnvironmentsHasNoEta) {
  StudyOptions options;
  options.latent.latents = most_summed + 1;
  options.mixing.observed = 20;
  options.mixing.minimum_conditioning = 0.01;
  const SampleComplexity s = sample_complexity(simulate_moments(options, Seed{3}).truth);
  EXPECT_TRUE(std::isnan(s.eta));
  EXPECT_GT(s.beta, 0.0);
}

TEST(SampleComplexity, NeedsALinearMixingAndInterventions) {
  StudyOptions options;
  options.latent.latents = options.mixing.observed = 2;
  options.samples = 10;
  options.mixing.family = MixingFamily::tanh;
  const Study study = simulate_study(options, Seed{5});
  EXPECT_THAT(test::message_of<InvalidArgument>([&] { sample_complexity(study.truth); }),
              HasSubstr("linear"));
  EXPECT_THAT(test::message_of<InvalidArgument>([&] {
                sample_complexity(truth_of(LatentModel(Matrix{{0}}, {1}), Matrix{{1}}, {{}}));
              }),
              HasSubstr("no interventional"));
}

}  // namespace
}  // namespace lodestein
