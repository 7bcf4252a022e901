#pragma once

#include <memory>
#include <span>
#include <vector>

#include "score/stein_choice.hpp"
#include "score/stein_state.hpp"

namespace lodestein {

/// Stein's ridge regression with m random Fourier features psi of the rbf kernel in place of it,
/// k(x, y) about 2 / m psi(x) . psi(y), in whitened coordinates: s = theta^T psi with
/// (A + ridge m / 2 I) theta = -E[d psi], A = E[psi psi^T] and the ridge per sample. Second
/// derivatives alike: (d_l d_j p) / p = rho^T psi with (A + ...) rho = E[d_l d_j psi].
struct FourierStein {
  std::shared_ptr<const SteinFit::State> state;
  std::shared_ptr<const Score::Model> model;
  SteinChoice choice;
};

/// Of several environments by shared calls, each with the bits it has alone. Width and ridge are
/// the best by held-out loss, of those that are not given, and the fit is one to all samples.
std::vector<FourierStein> fit_fourier(const Backend& backend, const SteinOptions& options,
                                      std::span<const KernelSamples> samples, Seed seed,
                                      const Observer& observer);
/// At most so many for one environment: m^2 for every width, twice in host memory, twice in the
/// backend's, a factor, and the partial sums of the moments.
std::size_t fourier_doubles(const SteinOptions& options, const KernelSamples& samples);

}  // namespace lodestein
