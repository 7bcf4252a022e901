#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "lodestein/core/error.hpp"
#include "lodestein/evaluate/metrics.hpp"
#include "lodestein/unmix/do_interventions.hpp"
#include "unmix_support.hpp"

namespace lodestein {
namespace {

struct Held {
  LatentModel model;
  Matrix mixing;
  std::vector<EnvironmentMoments> moments;
};

// Environment k holds latent targets[k] at constant k + 1 (up to 1e-14 of variance, which the
// simulator wants). Exact moments.
Held held(std::size_t n, std::size_t d, const std::vector<std::size_t>& targets,
          std::uint64_t seed) {
  LatentModelOptions latent;
  latent.latents = n;
  MixingOptions mixing;
  mixing.observed = d;
  Held result{LatentModel(latent, Seed{seed}), Mixing(n, mixing, Seed{seed}).layers().front(), {}};
  std::vector<EnvironmentMoments> z{test::exact_moments(result.model, {}, "obs", 10000)};
  for (std::size_t k = 0; k < targets.size(); ++k) {
    InterventionSpec spec;
    spec.targets = {targets[k]};
    spec.variance = 1e-14;
    z.push_back(test::exact_moments(result.model, spec, "do" + std::to_string(k + 1), 10000));
    z.back().mean[targets[k]] = static_cast<double>(k + 1);
  }
  result.moments = transformed(z, result.mixing);
  return result;
}

bool has(const DoInterventionResult& result, const std::string& code) {
  return std::any_of(result.findings.begin(), result.findings.end(),
                     [&](const Finding& f) { return f.code == code; });
}

void expect_latent(const Held& h, const DoInterventionResult& result, std::size_t row,
                   std::size_t latent) {
  const Matrix effective = multiply(result.encoder, h.mixing);
  const Matrix covariance = h.model.covariance({});
  for (std::size_t j = 0; j < effective.cols(); ++j) {
    const double expected = j == latent ? 1.0 / std::sqrt(covariance(j, j)) : 0.0;
    EXPECT_NEAR(std::abs(effective(row, j)), expected, 1e-6);
  }
}

TEST(DoInterventions, EveryLatentUpToScale) {
  const std::vector<std::size_t> targets{3, 0, 2, 1};
  const Held h = held(4, 9, targets, 1);
  const DoInterventionResult result = do_interventions(Backend::cpu(1), h.moments);
  ASSERT_EQ(result.latents.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) {
    expect_latent(h, result, i, targets[i]);
    EXPECT_LT(result.latents[i].variance_ratio, 1e-10);
    EXPECT_GT(result.latents[i].next_ratio, 1e-3);
  }
  EXPECT_TRUE(result.findings.empty());
}

TEST(DoInterventions, SomeOfTheLatents) {
  const Held h = held(5, 8, {2, 4}, 2);
  const DoInterventionResult result = do_interventions(Backend::cpu(1), h.moments, {5});
  ASSERT_EQ(result.encoder.rows(), 2u);
  expect_latent(h, result, 0, 2);
  expect_latent(h, result, 1, 4);
}

TEST(DoInterventions, EnvironmentsOfOneTargetArePooledAcrossConstants) {
  Held h = held(3, 3, {0, 1, 0, 2}, 3);
  h.moments[1].targets = h.moments[3].targets = {"a"};
  const DoInterventionResult result = do_interventions(Backend::cpu(1), h.moments);
  ASSERT_EQ(result.latents.size(), 3u);
  EXPECT_EQ(result.latents[0].environments, (std::vector<std::string>{"do1", "do3"}));
  for (std::size_t i = 0; i < 3; ++i) expect_latent(h, result, i, i);
}

TEST(DoInterventions, RepeatsAreNoted) {
  const Held h = held(4, 6, {0, 1, 0}, 3);
  const DoInterventionResult result = do_interventions(Backend::cpu(1), h.moments, {4});
  EXPECT_EQ(result.latents.size(), 3u);
  EXPECT_TRUE(has(result, "same-latent"));
}

TEST(DoInterventions, SaysWhereNothingIsConstant) {
  Held h = held(3, 3, {0, 1, 2}, 4);
  h.moments[2].covariance = h.moments[0].covariance;
  EXPECT_TRUE(has(do_interventions(Backend::cpu(1), h.moments), "no-effect"));
  h.moments[2].covariance = h.moments[0].covariance;
  for (std::size_t i = 0; i < 9; ++i) h.moments[2].covariance.data()[i] *= 0.2;
  EXPECT_TRUE(has(do_interventions(Backend::cpu(1), h.moments), "not-constant"));
}

TEST(DoInterventions, EveryBackendAgrees) {
  const Held h = held(3, 6, {1, 2, 0}, 5);
  const Matrix cpu = do_interventions(Backend::cpu(2), h.moments).encoder;
  const Matrix reference = do_interventions(Backend::reference(), h.moments).encoder;
  for (std::size_t i = 0; i < cpu.rows() * cpu.cols(); ++i) {
    EXPECT_NEAR(cpu.data()[i], reference.data()[i], 1e-6);
  }
}

TEST(DoInterventions, RefusesWhatCannotBeUsed) {
  const Held h = held(3, 6, {1, 2, 0}, 6);
  const Backend backend = Backend::cpu(1);
  EXPECT_THROW(do_interventions(backend, {h.moments[0]}), InvalidArgument);
  EXPECT_THROW(do_interventions(backend, h.moments, {2}), InvalidArgument);
  EXPECT_THROW(do_interventions(backend, h.moments, {5}), InvalidArgument);  // rank 3
  auto moments = h.moments;
  moments[1].mean.pop_back();
  EXPECT_THROW(do_interventions(backend, moments), DimensionMismatch);
  moments = h.moments;
  moments[1].covariance(0, 0) = std::numeric_limits<double>::infinity();
  EXPECT_THROW(do_interventions(backend, moments), InvalidArgument);
}

}  // namespace
}  // namespace lodestein
