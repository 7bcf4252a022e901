#pragma once

#include "unmix/identify.hpp"
#include "unmix/resample.hpp"

namespace lodestein::unmix {

/// How often each ordered pair is an edge (hard) or an ancestor relation (soft) over bootstrap
/// replicates, each fitted from scratch in the same latent subspace and with the same chosen
/// environments. [n, n]. Threads: replicates; same bits for any number.
Eigen::MatrixXd bootstrap_support(const Resampler& resampler,
                                  const std::vector<std::string>& environment_names,
                                  const Eigen::MatrixXd& basis,
                                  const std::vector<std::size_t>& chosen, const FitOptions& options,
                                  int threads, Observer& observer);

}  // namespace lodestein::unmix
