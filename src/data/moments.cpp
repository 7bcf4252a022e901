#include "lodestein/data/moments.hpp"

#include <string>

#include "core/eigen.hpp"
#include "kernels/operations.hpp"
#include "lodestein/core/error.hpp"

namespace lodestein {
namespace {

constexpr double most_bytes = 8e9;  // of all covariances together

}  // namespace

std::vector<EnvironmentMoments> compute_moments(const Backend& backend, const Dataset& dataset,
                                                Observer& observer) {
  const std::size_t d = dataset.feature_count();
  const double bytes = 8.0 * static_cast<double>(d) * static_cast<double>(d) *
                       static_cast<double>(dataset.environments.size());
  if (bytes > most_bytes) {
    throw InvalidArgument("covariances of " + std::to_string(d) + " features in " +
                          std::to_string(dataset.environments.size()) + " environments need " +
                          std::to_string(static_cast<long>(bytes / 1e9)) +
                          " GB; reduce the features first, e.g. --preprocess "
                          "highly-variable=2000 or pca=50");
  }
  std::vector<EnvironmentMoments> result;
  for (const Environment& environment : dataset.environments) {
    result.push_back({environment.name, environment.targets, environment.samples.rows(),
                      std::vector<double>(d), Matrix(d, d)});
  }
  for (std::size_t e = 0; e < result.size(); ++e) {
    check_cancelled(observer);
    observer.progress("moments", e, result.size());
    kernels::moments_on_host(backend.operations(), dataset.environments[e].samples, nullptr,
                             result[e].mean.data(), result[e].covariance);
  }
  observer.progress("moments", result.size(), result.size());
  return result;
}

Matrix pooled_covariance(const std::vector<EnvironmentMoments>& moments) {
  if (moments.empty()) throw InvalidArgument("pooled_covariance: no environment");
  const std::size_t d = moments.front().covariance.rows();
  Matrix pooled(d, d);
  double total = 0.0;
  for (const EnvironmentMoments& m : moments) {
    as_eigen(pooled) += static_cast<double>(m.samples) * as_eigen(m.covariance);
    total += static_cast<double>(m.samples);
  }
  as_eigen(pooled) /= total;
  return pooled;
}

std::vector<EnvironmentMoments> transformed(const std::vector<EnvironmentMoments>& moments,
                                            ConstMatrixView a) {
  std::vector<EnvironmentMoments> result;
  for (const EnvironmentMoments& m : moments) {
    if (m.covariance.rows() != a.cols()) {
      throw DimensionMismatch("transformed: the map has " + std::to_string(a.cols()) +
                              " columns, environment '" + m.name + "' has " +
                              std::to_string(m.covariance.rows()) + " features");
    }
    const Eigen::Map<const Eigen::VectorXd> mean(m.mean.data(),
                                                 static_cast<Eigen::Index>(m.mean.size()));
    const Eigen::VectorXd moved = as_eigen(a) * mean;
    const Eigen::MatrixXd covariance =
        as_eigen(a) * as_eigen(m.covariance) * as_eigen(a).transpose();
    result.push_back({m.name, m.targets, m.samples,
                      std::vector<double>(moved.data(), moved.data() + moved.size()),
                      to_matrix((0.5 * (covariance + covariance.transpose())).eval())});
  }
  return result;
}

}  // namespace lodestein
