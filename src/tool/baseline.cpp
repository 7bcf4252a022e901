#include "tool/baseline.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <numeric>

#include "core/eigen.hpp"
#include "data/principal.hpp"
#include "evaluate/fast_ica.hpp"
#include "lodestein/data/moments.hpp"

namespace lodestein::tool {
namespace {

Eigen::Map<const Eigen::VectorXd> mean_of(const EnvironmentMoments& moments) {
  return {moments.mean.data(), static_cast<Eigen::Index>(moments.mean.size())};
}

/// Covariance of all samples together, the shifts between environments included.
Eigen::MatrixXd total_covariance(const std::vector<EnvironmentMoments>& moments) {
  Eigen::MatrixXd total = as_eigen(pooled_covariance(moments));
  double samples = 0.0;
  Eigen::VectorXd mean = Eigen::VectorXd::Zero(total.rows());
  for (const auto& m : moments) {
    samples += static_cast<double>(m.samples);
    mean += static_cast<double>(m.samples) * mean_of(m);
  }
  mean /= samples;
  for (const auto& m : moments) {
    const Eigen::VectorXd shift = mean_of(m) - mean;
    total += static_cast<double>(m.samples) / samples * shift * shift.transpose();
  }
  return total;
}

/// Mahalanobis discriminants of the environments, largest shift first. [min(K, n), n]
Eigen::MatrixXd discriminants(const std::vector<EnvironmentMoments>& moments,
                              const Eigen::MatrixXd& components) {
  const Eigen::MatrixXd within =
      components * as_eigen(pooled_covariance(moments)) * components.transpose();
  const Eigen::LDLT<Eigen::MatrixXd> solver(within);
  std::vector<std::pair<double, Eigen::VectorXd>> found;
  for (std::size_t m = 1; m < moments.size(); ++m) {
    const Eigen::VectorXd shift = components * (mean_of(moments[m]) - mean_of(moments[0]));
    const Eigen::VectorXd direction = solver.solve(shift);
    found.emplace_back(shift.dot(direction), direction);
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  const auto count = std::min(static_cast<Eigen::Index>(found.size()), components.rows());
  Eigen::MatrixXd rows(count, components.rows());
  for (Eigen::Index i = 0; i < count; ++i)
    rows.row(i) = found[static_cast<std::size_t>(i)].second.transpose();
  return rows;
}

/// Evenly spaced rows of all environments, at most `most`. [N, d]
Eigen::MatrixXd pooled_rows(const Dataset& dataset, std::size_t most) {
  const std::size_t every = (dataset.sample_count() + most - 1) / most;
  std::vector<const double*> rows;
  std::size_t k = 0;
  for (const Environment& environment : dataset.environments)
    for (std::size_t r = 0; r < environment.samples.rows(); ++r, ++k)
      if (k % every == 0) rows.push_back(environment.samples.row(r));
  const auto d = static_cast<Eigen::Index>(dataset.feature_count());
  Eigen::MatrixXd result(static_cast<Eigen::Index>(rows.size()), d);
  for (std::size_t r = 0; r < rows.size(); ++r)
    result.row(static_cast<Eigen::Index>(r)) = Eigen::Map<const Eigen::RowVectorXd>(rows[r], d);
  return result;
}

/// Fewer than `latents` where the data have fewer dimensions.
Eigen::MatrixXd independent_components(const Dataset& dataset, const PrincipalComponents& all,
                                       std::size_t latents) {
  constexpr std::size_t most_rows = 20'000;
  constexpr double rounding = 1e-12;  // of the largest variance
  std::size_t rank = 0;
  while (rank < latents && all.variance[rank] > rounding * all.variance[0]) ++rank;
  const auto n = static_cast<Eigen::Index>(rank);
  const Eigen::VectorXd scale =
      Eigen::Map<const Eigen::VectorXd>(all.variance.data(), n).cwiseSqrt().cwiseInverse();
  const Eigen::MatrixXd whitening = scale.asDiagonal() * as_eigen(all.directions).topRows(n);
  const Eigen::MatrixXd rows = pooled_rows(dataset, most_rows);
  return fast_ica((rows.rowwise() - rows.colwise().mean()) * whitening.transpose()) * whitening;
}

}  // namespace

std::vector<Baseline> baselines(const Backend& backend, const Dataset& dataset, std::size_t latents,
                                Observer& observer) {
  const std::vector<EnvironmentMoments> moments = compute_moments(backend, dataset, observer);
  const auto n = static_cast<Eigen::Index>(latents);
  const PrincipalComponents all = principal_components(to_matrix(total_covariance(moments)));
  const Eigen::MatrixXd components = as_eigen(all.directions).topRows(n);
  Eigen::MatrixXd shifts = components;
  const Eigen::MatrixXd directions = discriminants(moments, components) * components;
  shifts.topRows(directions.rows()) = directions;
  return {{"pca", to_matrix(components)},
          {"fast_ica", to_matrix(independent_components(dataset, all, latents))},
          {"mean_shift", to_matrix(shifts)}};
}

}  // namespace lodestein::tool
