#pragma once

#include "core/eigen.hpp"

namespace lodestein::unmix {

/// Coordinates in which points have mean 0 and covariance I; differences follow by d' = L^T d.
class WhiteCoordinates {
 public:
  /// @throws InvalidArgument if the points span fewer dimensions than they have.
  explicit WhiteCoordinates(ConstMatrixView points);
  Eigen::MatrixXd points(ConstMatrixView y) const {
    return (as_eigen(y).rowwise() - centre_) * inverse_.transpose();
  }
  Eigen::MatrixXd differences(ConstMatrixView d) const { return as_eigen(d) * root_; }
  const Eigen::MatrixXd& inverse() const { return inverse_; }
  const Eigen::RowVectorXd& centre() const { return centre_; }

 private:
  Eigen::RowVectorXd centre_;
  Eigen::MatrixXd root_, inverse_;
};

}  // namespace lodestein::unmix
