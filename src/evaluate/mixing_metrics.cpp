#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "core/eigen.hpp"
#include "evaluate/checks.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/evaluate/metrics.hpp"

namespace lodestein {
namespace {

void require_square(ConstMatrixView m, std::size_t n, const std::string& what) {
  if (m.rows() != n || m.cols() != n) {
    throw DimensionMismatch(what + " is " + shape(m) + "; it must be [" + std::to_string(n) + ", " +
                            std::to_string(n) + "]");
  }
  require_finite(m, what);
}

/// Largest eigenvalue of a symmetric matrix.
double largest_eigenvalue(const Eigen::MatrixXd& m) {
  return Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd>(m, Eigen::EigenvaluesOnly)
      .eigenvalues()
      .maxCoeff();
}

}  // namespace

Matrix effective_transform(ConstMatrixView encoder, ConstMatrixView mixing) {
  if (encoder.rows() != mixing.cols()) {
    throw DimensionMismatch("effective_transform: encoder " + shape(encoder) + " and mixing " +
                            shape(mixing) + " disagree on the number of latents");
  }
  require_finite(encoder, "effective_transform: encoder");
  require_finite(mixing, "effective_transform: mixing");
  Matrix result = multiply(encoder, mixing);
  for (std::size_t r = 0; r < result.rows(); ++r) {
    auto row = as_eigen(result).row(static_cast<Eigen::Index>(r));
    row.stableNormalize();
    if (result(r, r) < 0.0) row = -row;
  }
  return result;
}

double mixing_error(ConstMatrixView effective, const Digraph& allowed) {
  const std::size_t n = allowed.nodes();
  require_square(effective, n, "mixing_error: effective transform");
  if (n == 0) return 0.0;
  Matrix forbidden(effective);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      if (i == j || allowed.edge(j, i)) forbidden(i, j) = 0.0;
    }
  }
  return Eigen::JacobiSVD<Eigen::MatrixXd>(as_eigen(forbidden)).singularValues()(0);
}

double normalised_error(ConstMatrixView effective, ConstMatrixView latent_second_moment) {
  const std::size_t n = effective.rows();
  require_square(effective, n, "normalised_error: effective transform");
  require_square(latent_second_moment, n, "normalised_error: second moment");
  if (n == 0) return std::numeric_limits<double>::quiet_NaN();
  const Eigen::MatrixXd moment = as_eigen(latent_second_moment);
  const Eigen::MatrixXd deviation =
      as_eigen(effective) - Eigen::MatrixXd::Identity(moment.rows(), moment.cols());
  const double error = largest_eigenvalue(deviation * moment * deviation.transpose());
  // Rounding can push the eigenvalue of an exact recovery below zero.
  return std::sqrt(std::max(0.0, error) / largest_eigenvalue(moment));
}

}  // namespace lodestein
