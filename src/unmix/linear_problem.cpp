#include "unmix/linear_problem.hpp"

#include <algorithm>

namespace lodestein::unmix {

SplitEnvironments split_environments(const TargetSets& targets, Eigen::Index latent) {
  SplitEnvironments result{{0}, {}};
  for (std::size_t k = 0; k < targets.size(); ++k) {
    const bool hit = std::find(targets[k].begin(), targets[k].end(), latent) != targets[k].end();
    (hit ? result.touched : result.untouched).push_back(k + 1);
  }
  return result;
}

Pooled pool(const LinearProblem& problem, const std::vector<std::size_t>& environments,
            double total) {
  const Eigen::Index n = problem.latents();
  Pooled result{0.0, Eigen::VectorXd::Zero(n), Eigen::MatrixXd::Zero(n, n)};
  for (const std::size_t e : environments) {
    const double weight = problem.samples[e] / total;
    result.weight += weight;
    result.covariance += weight * problem.covariance[e];
    result.mean += weight * problem.mean[e];
  }
  result.covariance /= result.weight;
  result.mean /= result.weight;
  for (const std::size_t e : environments) {
    const Eigen::VectorXd shift = problem.mean[e] - result.mean;
    result.covariance += (problem.samples[e] / (total * result.weight)) * shift * shift.transpose();
  }
  return result;
}

}  // namespace lodestein::unmix
