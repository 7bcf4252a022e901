#pragma once

#include <Eigen/Dense>
#include <string>
#include <vector>

#include "lodestein/core/matrix.hpp"

namespace lodestein {

/// Coordinates y = W (x - mean) in which samples have mean 0 and covariance I, W = covariance^-1/2
/// (symmetric). Estimators work in y: s_x(x) = W s_y(y), div s_x(x) = tr(W J_y W).
struct Whitening {
  Eigen::VectorXd mean;
  Eigen::MatrixXd forward;   ///< W [d, d]
  Eigen::MatrixXd backward;  ///< W^-1 [d, d]

  /// y by rows in fp32, as the bulk operations want it. [N, d] -> N d values.
  /// Same bits for any split of the rows.
  std::vector<float> apply(ConstMatrixView x) const;
  /// s_x = W s_y by rows. [N, d] -> [N, d].
  Matrix scores(const std::vector<float>& whitened_scores) const;
};

/// Of the samples of one or several environments together.
/// @throws InvalidArgument naming `what`, for fewer samples than variables + 1, a constant column,
/// values that are not finite, or a covariance without full rank (duplicate columns, more observed
/// variables than latents), with the remedy.
Whitening whiten(const std::string& what, const std::vector<ConstMatrixView>& samples);

}  // namespace lodestein
