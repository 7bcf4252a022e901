#pragma once

#include <Eigen/Dense>
#include <cstddef>
#include <vector>

namespace lodestein::unmix {

/// Second moments of all environments in n latent dimensions: what every linear method works on.
struct LinearProblem {
  std::vector<Eigen::MatrixXd> covariance;  ///< [n, n] each, the observational first
  std::vector<double> samples;              ///< N_e

  Eigen::Index latents() const { return covariance.front().rows(); }
  std::size_t interventions() const { return covariance.size() - 1; }
};

/// parents[i] lists the parents of latent i.
using ParentSets = std::vector<std::vector<Eigen::Index>>;

/// targets[k] is the latent that interventional environment k (0-based) hit, or no_target.
using Targets = std::vector<Eigen::Index>;
inline constexpr Eigen::Index no_target = -1;

}  // namespace lodestein::unmix
