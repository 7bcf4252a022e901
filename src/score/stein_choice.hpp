#pragma once

#include <limits>
#include <span>
#include <vector>

#include "lodestein/core/observer.hpp"
#include "lodestein/score/stein.hpp"
#include "score/kernel_samples.hpp"

namespace lodestein {

/// Settings of one environment's Stein estimate.
struct SteinChoice {
  double width = 0.0, ridge_per_sample = 0.0;
  /// In the coordinates of x; NaN where nothing was held out.
  double held_out_loss = std::numeric_limits<double>::quiet_NaN();
};

/// Whether held-out loss decides; parity and few samples have given settings.
bool chooses(const SteinOptions& options, const KernelSamples& samples);
/// The given settings and, where none are, the usual ones.
SteinChoice given_choice(const SteinOptions& options, const KernelSamples& samples);

/// Widths among which held-out loss decides.
std::vector<double> wanted_widths(const SteinOptions& options, const KernelSamples& samples);
/// Ridges per sample alike, for n samples: the given one, or 10^(smallest / 2) and on by half
/// decades.
std::vector<double> wanted_ridges(const SteinOptions& options, std::size_t n, int smallest);

/// The best by held-out loss of dense fits to at most `most_to_choose_on` samples. All environments
/// share calls of at most `most_factor_floats`, or one factor.
std::vector<SteinChoice> choose_stein(const Backend& backend, const SteinOptions& options,
                                      std::span<const KernelSamples> samples, Seed seed,
                                      const Observer& observer);

/// B = K's own gradients, B_i = sum_j grad_{x_i} k(x_i, x_j). [N, d]
RowMajor stein_right(const Backend& backend, const kernels::RadialKernel& kernel,
                     const Points& points);

/// Of factors that are in memory together: 64 MiB, one of 4096 samples.
constexpr std::size_t most_factor_floats = std::size_t{1} << 24;

}  // namespace lodestein
