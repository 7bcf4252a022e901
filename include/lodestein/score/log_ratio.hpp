#pragma once

#include <cstddef>
#include <vector>

#include "lodestein/core/backend.hpp"
#include "lodestein/core/observer.hpp"
#include "lodestein/core/random.hpp"
#include "lodestein/data/dataset.hpp"
#include "lodestein/score/difference.hpp"
#include "lodestein/score/score.hpp"

namespace lodestein {

/// Features of x in coordinates whitened with the pooled covariance: monomials and random Fourier
/// features cos(w . y + b) of a Gaussian kernel.
struct RatioFeatures {
  unsigned degree = 2;      ///< of the monomials, 1 to 4; 0: none
  std::size_t fourier = 0;  ///< number of Fourier features
  double bandwidth = 0.0;   ///< of the kernel; 0: sqrt(2 d), the typical distance of two points
  /// Ridges in units of the features' second moments; each environment takes the one with the least
  /// held-out loss.
  std::vector<double> ridges = {1e-2, 1e-4, 1e-6};
  double held_out = 0.1;  ///< share of every environment
  bool operator==(const RatioFeatures&) const = default;
};

/// newton: logistic regression of each environment against the observational one at equal weights,
/// by damped Newton steps; the maximum likelihood estimate. moments: the average over t in [0, 1]
/// of the least-squares fit to (p_m - p_0) / ((1 - t) p_0 + t p_m), whose integral over t is the
/// log-ratio: one generalised eigenproblem and no iteration, biased where those quotients aren't
/// combinations of the features; for rich features and very many environments.
enum class RatioFit { newton, moments };

struct LogRatioOptions {
  RatioFeatures features{};
  RatioFit fit = RatioFit::newton;
  std::size_t iterations = 30;  ///< of Newton's method at most, per ridge
  bool operator==(const LogRatioOptions&) const = default;
};

/// Score differences from log p_m / p_0 = theta_m . features. Degree 2 without Fourier features is
/// exact for Gaussian environments and degrades gracefully elsewhere; for N below some thousands it
/// is the choice. Penalised coefficients are bounded for separable environments too, which are a
/// finding of the summary.
/// @throws InvalidArgument for options out of range, data that validate() refuses and environments
/// of fewer than 10 samples; Cancelled. Same seed, same bits for any thread count.
/// Cost per iteration: (K N_0 + sum_m N_m) m^2 flops for m features, K m^3 / 3.
ScoreDifferences log_ratio_differences(const Backend& backend, const Dataset& dataset,
                                       const LogRatioOptions& options = {}, Seed seed = {},
                                       Observer& observer = silent());

/// Score differences by score matching of the difference at the samples of environment m, with the
/// observational score given: the gradient of a combination of features that minimises
/// E_m[1/2 |delta|^2 + delta . s_0 + div delta], delta = s_m - s_0. Shrinks the difference, not the
/// scores, to 0. Closed form; held_out_loss is that criterion. The overlap is that of Gaussian
/// fits.
/// @throws as log_ratio_differences(); DimensionMismatch if the score has other variables.
ScoreDifferences residual_differences(const Backend& backend, const Dataset& dataset,
                                      const Score& observational, const RatioFeatures& options = {},
                                      Seed seed = {}, Observer& observer = silent());

}  // namespace lodestein
