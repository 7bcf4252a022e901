#include "unmix/subspace.hpp"

#include <algorithm>
#include <cmath>

#include "core/eigen.hpp"

namespace lodestein::unmix {

std::size_t Subspace::rank() const {
  const double cut = 1e-12 * std::max(eigenvalues(0), 0.0);
  return static_cast<std::size_t>((eigenvalues.array() > cut).count());
}

Subspace latent_subspace(const std::vector<EnvironmentMoments>& moments, std::size_t latents) {
  const Matrix pooled = pooled_covariance(moments);
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(as_eigen(pooled));
  const auto n = static_cast<Eigen::Index>(latents);
  Subspace result;
  result.eigenvalues = eigen.eigenvalues().reverse();
  result.basis = eigen.eigenvectors()
                     .rightCols(std::min(n, eigen.eigenvectors().cols()))
                     .rowwise()
                     .reverse()
                     .transpose();
  for (Eigen::Index i = 0; i < result.basis.rows();
       ++i) {  // eigenvectors have no sign of their own
    Eigen::Index largest = 0;
    result.basis.row(i).cwiseAbs().maxCoeff(&largest);
    if (result.basis(i, largest) < 0.0) result.basis.row(i) *= -1.0;
  }
  const double total = result.eigenvalues.sum();
  const double variance = result.eigenvalues.head(result.basis.rows()).mean();
  const double unit = variance > 0.0 ? std::sqrt(variance) : 1.0;
  result.inverse = result.basis.transpose() * unit;
  result.basis /= unit;
  result.explained =
      total > 0.0 ? std::min(1.0, result.eigenvalues.head(result.basis.rows()).sum() / total) : 0.0;
  return result;
}

}  // namespace lodestein::unmix
