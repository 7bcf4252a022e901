#pragma once

#include <Eigen/Dense>
#include <cstddef>
#include <vector>

#include "core/eigen.hpp"
#include "lodestein/data/moments.hpp"

namespace lodestein::unmix {

/// Moments of all environments in n latent dimensions: what every linear method works on.
struct LinearProblem {
  std::vector<Eigen::MatrixXd> covariance;  ///< [n, n] each, the observational first
  std::vector<Eigen::VectorXd> mean;        ///< [n] each
  std::vector<double> samples;              ///< N_e

  Eigen::Index latents() const { return covariance.front().rows(); }
  std::size_t interventions() const { return covariance.size() - 1; }
};

/// Moments in dimensions that are already those of the latents.
inline LinearProblem linear_problem(const std::vector<EnvironmentMoments>& moments) {
  LinearProblem problem;
  for (const EnvironmentMoments& m : moments) {
    problem.covariance.emplace_back(as_eigen(m.covariance));
    problem.mean.emplace_back(
        Eigen::Map<const Eigen::VectorXd>(m.mean.data(), static_cast<Eigen::Index>(m.mean.size())));
    problem.samples.push_back(static_cast<double>(m.samples));
  }
  return problem;
}

/// Some of the interventional environments (0-based) with the observational one.
inline LinearProblem subset(const LinearProblem& problem, const std::vector<std::size_t>& keep) {
  LinearProblem result{{problem.covariance[0]}, {problem.mean[0]}, {problem.samples[0]}};
  for (const std::size_t k : keep) {
    result.covariance.push_back(problem.covariance[k + 1]);
    result.mean.push_back(problem.mean[k + 1]);
    result.samples.push_back(problem.samples[k + 1]);
  }
  return result;
}

/// log |det m|, without over- or underflow.
inline double log_abs_determinant(const Eigen::MatrixXd& m) {
  return m.partialPivLu().matrixLU().diagonal().cwiseAbs().array().log().sum();
}

/// parents[i] lists the parents of latent i.
using ParentSets = std::vector<std::vector<Eigen::Index>>;

/// targets[k] is the latent that interventional environment k (0-based) hit, or no_target.
using Targets = std::vector<Eigen::Index>;
inline constexpr Eigen::Index no_target = -1;

/// targets[k] are the latents that interventional environment k (0-based) hit, ascending.
using TargetSets = std::vector<std::vector<Eigen::Index>>;

/// Environments that leave a latent alone (the observational one, 0, is the first), and the others.
struct SplitEnvironments {
  std::vector<std::size_t> untouched, touched;
};
SplitEnvironments split_environments(const TargetSets& targets, Eigen::Index latent);

/// Several environments as one.
struct Pooled {
  double weight = 0.0;  ///< share of `total`
  Eigen::VectorXd mean;
  Eigen::MatrixXd covariance;  ///< within and between them
};
/// `total` is the number of samples that has weight 1.
Pooled pool(const LinearProblem& problem, const std::vector<std::size_t>& environments,
            double total);

}  // namespace lodestein::unmix
