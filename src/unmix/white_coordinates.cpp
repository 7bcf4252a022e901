#include "unmix/white_coordinates.hpp"

#include "lodestein/core/error.hpp"

namespace lodestein::unmix {

using Eigen::MatrixXd;

WhiteCoordinates::WhiteCoordinates(ConstMatrixView points) {
  const auto y = as_eigen(points);
  centre_ = y.colwise().mean();
  const MatrixXd centred = y.rowwise() - centre_;
  const MatrixXd covariance = centred.transpose() * centred / static_cast<double>(y.rows());
  const Eigen::LLT<MatrixXd> cholesky(covariance);
  root_ = cholesky.matrixL();
  if (cholesky.info() != Eigen::Success || !(root_.diagonal().minCoeff() > 0.0))
    throw InvalidArgument(
        "gscale: the points have a covariance without inverse; their dimension is less than that "
        "of the latents");
  inverse_ =
      root_.triangularView<Eigen::Lower>().solve(MatrixXd::Identity(root_.rows(), root_.cols()));
}

}  // namespace lodestein::unmix
