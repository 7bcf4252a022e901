#pragma once

#include <Eigen/Dense>

namespace lodestein::unmix {

/// Moments R^ij = E[d^i d^jT] of K score differences in n coordinates.
class PairMoments {
 public:
  /// Block (i, j) of `blocks` [K n, K n] is R^ij.
  PairMoments(Eigen::MatrixXd blocks, Eigen::Index environments);

  Eigen::Index environments() const { return environments_; }
  Eigen::Index dimension() const { return dimension_; }
  auto block(Eigen::Index i, Eigen::Index j) const {
    return blocks_.block(i * dimension_, j * dimension_, dimension_, dimension_);
  }

  /// Moment of sum_m w_m d^m. [K] -> [n, n]. Cost: K^2 n^2.
  Eigen::MatrixXd combined(const Eigen::VectorXd& w) const;
  /// u^T R^ij u for all pairs. [n] -> [K, K]
  Eigen::MatrixXd along(const Eigen::VectorXd& u) const;
  /// tr R^ij for all pairs. [K, K]
  Eigen::MatrixXd traces() const;

  /// Moments of a^T d^m. [n, k]
  PairMoments in_coordinates(const Eigen::MatrixXd& a) const;
  /// Moments of the q differences sum_m e(m, .) d^m. [K, q]
  PairMoments recombined(const Eigen::MatrixXd& e) const;

 private:
  Eigen::MatrixXd blocks_;
  Eigen::Index environments_, dimension_;
};

}  // namespace lodestein::unmix
