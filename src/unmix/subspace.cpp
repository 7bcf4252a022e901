#include "unmix/subspace.hpp"

#include <algorithm>
#include <cmath>

#include "core/eigen.hpp"
#include "data/principal.hpp"

namespace lodestein::unmix {

std::size_t Subspace::rank() const {
  const double cut = 1e-12 * std::max(eigenvalues(0), 0.0);
  return static_cast<std::size_t>((eigenvalues.array() > cut).count());
}

Subspace latent_subspace(const std::vector<EnvironmentMoments>& moments, std::size_t latents) {
  const PrincipalComponents components = principal_components(pooled_covariance(moments));
  const auto d = static_cast<Eigen::Index>(components.variance.size());
  Subspace result;
  result.eigenvalues = Eigen::Map<const Eigen::VectorXd>(components.variance.data(), d);
  result.basis =
      as_eigen(components.directions).topRows(std::min(static_cast<Eigen::Index>(latents), d));
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
