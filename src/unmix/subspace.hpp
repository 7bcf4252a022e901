#pragma once

#include <Eigen/Dense>
#include <vector>

#include "lodestein/data/moments.hpp"

namespace lodestein::unmix {

/// The latent subspace: principal axes of the pooled within-environment covariance, in units in
/// which y has mean variance 1, so that no result depends on the units of x.
struct Subspace {
  Eigen::MatrixXd basis;        ///< [n, d], orthogonal rows of one length; y = basis x
  Eigen::MatrixXd inverse;      ///< [d, n], x = inverse y within the subspace
  Eigen::VectorXd eigenvalues;  ///< all d of the pooled covariance, descending
  double explained = 0.0;       ///< share of variance kept

  /// Number of eigenvalues above rounding level.
  std::size_t rank() const;
};

Subspace latent_subspace(const std::vector<EnvironmentMoments>& moments, std::size_t latents);

}  // namespace lodestein::unmix
