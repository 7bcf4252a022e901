#include "score/stein_augmented.hpp"

namespace lodestein {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::RowVectorXd;
using Eigen::VectorXd;

SteinAugmented::SteinAugmented(RowMajor samples, Whitening whitening, double width, double ridge)
    : samples_(std::move(samples)),
      whitening_(std::move(whitening)),
      width2_(width * width),
      ridge_(ridge) {
  const VectorXd norms = samples_.rowwise().squaredNorm();
  MatrixXd k = -2.0 * samples_ * samples_.transpose();
  k.colwise() += norms;
  k.rowwise() += norms.transpose();
  k = (-0.5 / width2_ * k.cwiseMax(0.0)).array().exp();
  k.diagonal().setOnes();
  const VectorXd sums = k.rowwise().sum();
  const MatrixXd b = (k * samples_ - sums.asDiagonal() * samples_) / width2_;
  k.diagonal().array() += ridge_;
  system_.compute(k);
  g_ = system_.solve(b);
}

struct SteinAugmented::Parts {
  RowMajor u, e;       // x - x_i, E
  VectorXd k, solved;  // k, A k
  RowVectorXd above;   // N
  double below;        // D
};

SteinAugmented::Parts SteinAugmented::parts_at(const RowVectorXd& y) const {
  Parts parts;
  parts.u = (-samples_).rowwise() + y;
  parts.k = (-0.5 / width2_ * parts.u.rowwise().squaredNorm()).array().exp();
  parts.e = parts.k.asDiagonal() * parts.u / width2_;
  parts.solved = system_.solve(parts.k);
  parts.above =
      parts.k.transpose() * g_ + (parts.solved.array() + 1.0).matrix().transpose() * parts.e;
  parts.below = 1.0 + ridge_ - parts.k.dot(parts.solved);
  return parts;
}

RowVectorXd SteinAugmented::placed(ConstMatrixView x, std::size_t row) const {
  const VectorXd centred = as_eigen(x).row(static_cast<Index>(row)).transpose() - whitening_.mean;
  return (whitening_.forward * centred).transpose();
}

Matrix SteinAugmented::evaluate(ConstMatrixView x) const {
  Matrix result(x.rows(), x.cols());
  for (std::size_t row = 0; row < x.rows(); ++row) {
    const Parts parts = parts_at(placed(x, row));
    as_eigen(result).row(static_cast<Index>(row)) = -parts.above * whitening_.forward / parts.below;
  }
  return result;
}

// tr(M J), M = W^2: with grad k = -E, tr(M J_N) = -tr(E^T (G M)) - tr(M E^T A E)
// + sum_i (1 + A k)_i k_i (tr M / h^2 - u^T M u / h^4), and grad D = 2 E^T A k.
std::vector<double> SteinAugmented::divergence(ConstMatrixView x) const {
  const MatrixXd metric = whitening_.forward * whitening_.forward;
  std::vector<double> result(x.rows());
  for (std::size_t row = 0; row < x.rows(); ++row) {
    const Parts parts = parts_at(placed(x, row));
    const MatrixXd solved = system_.solve(MatrixXd(parts.e));
    const MatrixXd inner = parts.e.transpose() * solved;
    const VectorXd squares = ((parts.u * metric).array() * parts.u.array()).rowwise().sum();
    const VectorXd weights = (parts.solved.array() + 1.0) * parts.k.array();
    double above = -(parts.e.array() * (g_ * metric).array()).sum();
    above -= (metric * inner).trace();
    above += (weights.array() * (metric.trace() / width2_ - squares.array() / (width2_ * width2_)))
                 .sum();
    const RowVectorXd slope = 2.0 * parts.solved.transpose() * parts.e;
    result[row] = -above / parts.below +
                  (parts.above * metric * slope.transpose()).value() / (parts.below * parts.below);
  }
  return result;
}

}  // namespace lodestein
