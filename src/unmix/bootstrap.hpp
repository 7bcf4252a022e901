#pragma once

#include "unmix/identify.hpp"
#include "unmix/resample.hpp"

namespace lodestein::unmix {

/// How often each ordered pair is an edge (hard) or an ancestor relation (soft) over bootstrap
/// replicates, each fitted from scratch. [n, n]. Threads: replicates; same bits for any number.
Eigen::MatrixXd bootstrap_support(const Resampler& resampler,
                                  const std::vector<std::string>& environment_names,
                                  const Eigen::MatrixXd& basis, const FitOptions& options,
                                  int threads, Observer& observer);

}  // namespace lodestein::unmix
