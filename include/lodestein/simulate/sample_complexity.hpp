#pragma once

#include <cstddef>
#include <limits>
#include <vector>

#include "lodestein/core/random.hpp"
#include "lodestein/simulate/latent_model.hpp"
#include "lodestein/simulate/mixing.hpp"

namespace lodestein {

/// What the number of samples that score-based unmixing needs depends on, after Acarturk, Varici,
/// Shanmugam, Tajer (NeurIPS 2024): properties of a model, its interventions and its linear mixing
/// x = G z, in the units of x. With d^m = s_0 - s_m the score difference of environment m in x and
/// R^m = E_0[d^m d^mT]:
struct SampleComplexity {
  /// eta*: least nonzero eigenvalue of sum_{m in M} R^m over all nonempty sets M of interventional
  /// environments. A threshold on ranks has to be below it, and noise below the threshold. NaN
  /// above `most_summed` environments.
  double eta = std::numeric_limits<double>::quiet_NaN();
  /// gamma*: least product of the lengths of row i of G^+ and column i of G; 1 if columns are
  /// orthogonal, larger else.
  double gamma = 1.0;
  double beta = 0.0;      ///< 1 / (2 max_m E_0 |d^m|^2)
  double beta_min = 0.0;  ///< 4 min_m E_0 |d^m|^2
};

inline constexpr std::size_t most_summed = 14;

/// `interventions` are one per environment, the observational first.
/// Exact for linear latents with Gaussian noise and interventions that reach all samples; by exact
/// scores at 20 000 observational latents drawn from `seed` for the others. Eigenvalues below 1e-10
/// of a sum's largest count as zero. Observation noise is left out. Deterministic. Cost: 2^K
/// eigenproblems of size n for K interventional environments.
/// @throws InvalidArgument unless the mixing is linear, the noise has a score and there is an
/// interventional environment.
SampleComplexity sample_complexity(const LatentModel& model, const Mixing& mixing,
                                   const std::vector<InterventionSpec>& interventions,
                                   Seed seed = {});

}  // namespace lodestein
