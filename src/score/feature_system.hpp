#pragma once

#include <vector>

#include "score/feature_field.hpp"

namespace lodestein {

/// tr(1/2 theta^T quadratic theta + theta^T linear): the score matching loss of s_base plus
/// features, less that of s_base. One column theta of an energy, d of a vector field.
struct FeatureLoss {
  Eigen::MatrixXd quadratic;  ///< [m, m]
  Eigen::MatrixXd linear;     ///< [m, c]
  double operator()(const Eigen::MatrixXd& theta) const;
};

/// Whitened samples and the base score there, in a backend's memory.
struct FeatureSamples {
  FeatureSamples(const Backend& backend, const std::vector<float>& points,
                 const std::vector<float>& scores);  ///< no scores: base 0
  kernels::Buffer<float> y, base;
};

struct FeatureProblem {
  const FeatureSet* features;
  const FeatureSamples* samples;
};

/// All by one call. energy: s = s_base + J_psi^T theta.
std::vector<FeatureLoss> energy_losses(const Backend& backend,
                                       const std::vector<FeatureProblem>& problems);
/// The same for s = s_base + theta^T psi.
std::vector<FeatureLoss> vector_losses(const Backend& backend,
                                       const std::vector<FeatureProblem>& problems);

/// theta = -(quadratic + ridge diag(scale))^-1 linear for every ridge.
struct RidgePath {
  const FeatureLoss* loss;
  Eigen::VectorXd scale;  ///< [m]
  std::vector<double> ridges;
};
/// By one Cholesky factor each, all in one call. [path][ridge]; empty where there is no factor or
/// the solution isn't finite.
std::vector<std::vector<Eigen::MatrixXd>> solve_paths(const Backend& backend,
                                                      const std::vector<RidgePath>& paths);

}  // namespace lodestein
