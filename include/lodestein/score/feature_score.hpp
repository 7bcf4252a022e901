#pragma once

#include <cstddef>
#include <vector>

#include "lodestein/core/backend.hpp"
#include "lodestein/core/observer.hpp"
#include "lodestein/core/random.hpp"
#include "lodestein/data/dataset.hpp"
#include "lodestein/score/score.hpp"

namespace lodestein {

/// energy: s = s_Gauss + grad(theta . psi), an exponential family, one coefficient per feature.
/// vector: s_i = s_Gauss,i + theta_i . psi, d coefficients per feature (Sasaki et al. 2014); not a
/// gradient.
enum class FeatureForm { energy, vector };

struct FeatureScoreOptions {
  FeatureForm form = FeatureForm::energy;
  unsigned degree = 2;        ///< of the monomials, 1 to 4; 0: none
  std::size_t fourier = 256;  ///< number of random Fourier features, cosines and sines in pairs
  /// Of the features' rbf kernel, in units of sqrt(2 d), the typical distance of two whitened
  /// samples; each environment takes the one with the least held-out loss. Ignored without Fourier
  /// features.
  std::vector<double> widths = {0.5, 1.0, 2.0};
  /// In units of the features' second moments, chosen likewise.
  std::vector<double> ridges = {1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6};
  double held_out = 0.1;  ///< share of every environment
  bool operator==(const FeatureScoreOptions&) const = default;
};

/// Closed-form score matching in coordinates whitened with the environment's own covariance: the
/// Gaussian fit plus features, theta = -(A + ridge diag A)^-1 b. One score per environment, of all
/// its samples; width and ridge are those of the least held-out Hyvarinen loss in whitened
/// coordinates, and where nothing is below the Gaussian fit's the score is Gaussian and the finding
/// `gaussian-fit-kept` says so, as does `settings-not-chosen` for fewer than 20 samples. The
/// summary's held-out loss is of the fit without these samples. The split is keyed by the seed and
/// the environment's place; nothing else in the data set matters.
/// Degree 2 without Fourier features is the Gaussian fit, whatever the ridge.
/// Tails: Fourier features keep those of the Gaussian fit. Monomials of degree r make scores grow
/// as |x|^(r-1) and, for odd r or a wrong sign, towards infinite density: evaluate degrees 3 and 4
/// near the samples only.
/// @throws InvalidArgument for options out of range (more than 4096 features), or naming the
/// environment (too few samples, constant or dependent columns); Cancelled. Same seed, same bits
/// for any number of threads.
/// Cost per environment and width for m features: 2 N m^2 flops (4 N m^2 for vector), and m^3 / 3 a
/// ridge. Memory: m^2 doubles a ridge, and a copy of the samples and of their Gaussian scores.
std::vector<Score> feature_scores(const Backend& backend, const Dataset& dataset,
                                  const FeatureScoreOptions& options = {}, Seed seed = {},
                                  Observer& observer = silent());

}  // namespace lodestein
