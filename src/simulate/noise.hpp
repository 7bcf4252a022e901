#pragma once

#include "lodestein/core/random.hpp"
#include "lodestein/simulate/latent_model.hpp"

namespace lodestein {

/// Law of noise with mean 0 and variance 1.
struct NoiseLaw {
  NoiseFamily family = NoiseFamily::gaussian;
  double degrees = 5.0;  ///< of freedom, Student's
};

double draw_noise(const NoiseLaw& law, Draws& draws);

/// -infinity outside the support.
double noise_log_density(const NoiseLaw& law, double value);

/// d log density / d value; for families that have one.
double noise_score(const NoiseLaw& law, double value);

/// Whether the density is continuous. Where it jumps, moments of its logarithm's derivative say
/// nothing about the density (E[s] is not 0), so there is no score to compare with.
bool has_score(NoiseFamily family);

}  // namespace lodestein
