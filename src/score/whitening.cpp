#include "score/whitening.hpp"

#include <algorithm>
#include <cmath>

#include "core/eigen.hpp"
#include "lodestein/core/error.hpp"
#include "score/chunks.hpp"

namespace lodestein {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

// Below this share of the largest eigenvalue (of a correlation matrix) nothing but rounding of fp32
// data is left.
constexpr double smallest_share = 1e-12;

std::size_t sample_count(const std::vector<ConstMatrixView>& samples) {
  std::size_t count = 0;
  for (const ConstMatrixView& x : samples) count += x.rows();
  return count;
}

void check_size(const std::string& what, std::size_t count, std::size_t d) {
  if (count > d) return;
  throw InvalidArgument(what + ": " + std::to_string(count) + " samples of " + std::to_string(d) +
                        " variables; a score needs at least " + std::to_string(d + 1) +
                        "; gather more samples or reduce the dimension first");
}

void check_variances(const std::string& what, const VectorXd& variance) {
  for (Index j = 0; j < variance.size(); ++j) {
    if (!std::isfinite(variance(j)))
      throw InvalidArgument(what + ": column " + std::to_string(j + 1) +
                            " has values that are not finite; remove or impute them");
    if (!(variance(j) > 0.0))
      throw InvalidArgument(what + ": column " + std::to_string(j + 1) +
                            " is constant; remove it (it has no density)");
  }
}

void check_rank(const std::string& what, const VectorXd& eigenvalues) {
  const double largest = eigenvalues.maxCoeff();
  const auto rank = (eigenvalues.array() > smallest_share * largest).count();
  if (rank == eigenvalues.size()) return;
  throw InvalidArgument(what + ": the covariance of its " + std::to_string(eigenvalues.size()) +
                        " variables has rank " + std::to_string(rank) +
                        "; remove duplicate or linearly dependent columns, or project to " +
                        std::to_string(rank) + " principal components first");
}

}  // namespace

Whitening whiten(const std::string& what, const std::vector<ConstMatrixView>& samples) {
  const std::size_t count = sample_count(samples);
  const auto d = static_cast<Index>(samples.empty() ? 0 : samples.front().cols());
  check_size(what, count, static_cast<std::size_t>(d));

  const auto n = static_cast<double>(count);
  VectorXd mean = VectorXd::Zero(d);
  for (const ConstMatrixView& x : samples) mean += as_eigen(x).colwise().sum().transpose() / n;
  MatrixXd covariance = MatrixXd::Zero(d, d);
  for (const ConstMatrixView& x : samples) {
    by_chunks(x, [&](std::size_t, ConstMatrixView chunk) {
      const MatrixXd centred = as_eigen(chunk).rowwise() - mean.transpose();
      covariance.noalias() += centred.transpose() * centred / n;
    });
  }
  check_variances(what, covariance.diagonal());

  // Rank is judged, and roots are taken, in units of the standard deviations.
  const VectorXd scale = covariance.diagonal().cwiseSqrt();
  const MatrixXd correlation =
      scale.cwiseInverse().asDiagonal() * covariance * scale.cwiseInverse().asDiagonal();
  check_rank(
      what,
      Eigen::SelfAdjointEigenSolver<MatrixXd>(correlation, Eigen::EigenvaluesOnly).eigenvalues());
  const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(covariance);
  // Positive up to rounding, since the correlation matrix has full rank.
  const double floor = 1e-16 * eigen.eigenvalues().maxCoeff();
  const VectorXd root = eigen.eigenvalues().cwiseMax(floor).cwiseSqrt();
  const MatrixXd& v = eigen.eigenvectors();
  return {mean, v * root.cwiseInverse().asDiagonal() * v.transpose(),
          v * root.asDiagonal() * v.transpose()};
}

std::vector<float> Whitening::apply(ConstMatrixView x) const {
  const auto d = static_cast<std::size_t>(mean.size());
  std::vector<float> y(x.rows() * d);
  VectorXd centred(mean.size());
  for (std::size_t k = 0; k < x.rows(); ++k) {
    for (std::size_t j = 0; j < d; ++j)
      centred(static_cast<Index>(j)) = x(k, j) - mean(static_cast<Index>(j));
    for (std::size_t i = 0; i < d; ++i)
      y[k * d + i] = static_cast<float>(forward.row(static_cast<Index>(i)).dot(centred));
  }
  return y;
}

Matrix Whitening::scores(const std::vector<float>& whitened_scores) const {
  const Index d = mean.size();
  const Index n = d == 0 ? 0 : static_cast<Index>(whitened_scores.size()) / d;
  using RowMajorF = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const Eigen::Map<const RowMajorF> s(whitened_scores.data(), n, d);
  return to_matrix(s.cast<double>() * forward);
}

}  // namespace lodestein
