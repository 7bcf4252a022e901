#pragma once

#include <Eigen/Dense>

namespace lodestein::unmix {

/// The eigenvalue of largest magnitude of a symmetric matrix: its magnitude, its share of the sum
/// of squares (1 for rank one) and its eigenvector.
struct Leading {
  double magnitude = 0.0, share = 0.0;
  Eigen::VectorXd direction;
};

inline Leading leading(const Eigen::MatrixXd& symmetric) {
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(symmetric);
  Eigen::Index largest = 0;
  const double magnitude = eigen.eigenvalues().cwiseAbs().maxCoeff(&largest);
  const double total = eigen.eigenvalues().squaredNorm();
  return {magnitude, total > 0.0 ? magnitude * magnitude / total : 0.0,
          eigen.eigenvectors().col(largest)};
}

/// Projector on the orthogonal complement of the columns. [n, r] -> [n, n]
inline Eigen::MatrixXd complement(const Eigen::MatrixXd& directions) {
  const Eigen::Index n = directions.rows();
  if (directions.cols() == 0) return Eigen::MatrixXd::Identity(n, n);
  const Eigen::ColPivHouseholderQR<Eigen::MatrixXd> qr(directions);
  const Eigen::MatrixXd q = Eigen::MatrixXd(qr.householderQ()).leftCols(qr.rank());
  return Eigen::MatrixXd::Identity(n, n) - q * q.transpose();
}

}  // namespace lodestein::unmix
