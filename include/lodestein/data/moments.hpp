#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "lodestein/core/backend.hpp"
#include "lodestein/core/matrix.hpp"
#include "lodestein/core/observer.hpp"
#include "lodestein/data/dataset.hpp"

namespace lodestein {

/// The sufficient statistics of one environment for linear-Gaussian methods.
struct EnvironmentMoments {
  std::string name;
  std::vector<std::string> targets;
  std::size_t samples = 0;
  std::vector<double> mean;  ///< [d]
  Matrix covariance;         ///< [d, d], centred, divided by `samples`
};

/// Means and covariances of all environments in one pass over the data. The observational
/// environment stays first. Deterministic: same bits for any thread count.
/// Cost: N d^2 / 2 multiply-adds in total. @throws Cancelled.
std::vector<EnvironmentMoments> compute_moments(const Backend& backend, const Dataset& dataset,
                                                Observer& observer = silent());

/// Environments pooled: sample-weighted mean of the within-environment covariances. [d, d]
Matrix pooled_covariance(const std::vector<EnvironmentMoments>& moments);

/// Moments of y = a x. [r, d] -> moments in r dimensions.
std::vector<EnvironmentMoments> transformed(const std::vector<EnvironmentMoments>& moments,
                                            ConstMatrixView a);

}  // namespace lodestein
