#include "unmix/targets.hpp"

#include <algorithm>
#include <cmath>

namespace lodestein::unmix {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

struct Residual {
  double variance;       // under the mechanism of the environments that leave the latent alone
  double second_moment;  // of this environment's residuals about that mechanism
  double own_variance;   // under an own mechanism (hard: no parents; soft: same parents)
  double own_parameters;
};

// The pooled intercept of latent i is that of the observational environment up to sampling noise;
// the observational mean is used as reference.
Residual residual(const LinearProblem& problem, const ProfileLikelihood& likelihood,
                  const Refined& fit, Index i, std::size_t environment, Intervention intervention) {
  const auto& parents = fit.parents[static_cast<std::size_t>(i)];
  const ProfileLikelihood::Mechanism mechanism = likelihood.mechanism(fit.encoder, parents, i);
  Eigen::RowVectorXd b = fit.encoder.row(i);
  for (std::size_t p = 0; p < parents.size(); ++p) {
    b -= mechanism.coefficients(static_cast<Index>(p)) * fit.encoder.row(parents[p]);
  }
  const MatrixXd& s = problem.covariance[environment + 1];
  const double shift = b.dot(problem.mean[environment + 1] - problem.mean[0]);
  Residual result{mechanism.variance, (b * s * b.transpose()).value() + shift * shift, 0.0, 2.0};
  const VectorXd h = fit.encoder.row(i).transpose();
  result.own_variance = h.dot(s * h);
  if (intervention == Intervention::soft && !parents.empty()) {
    const MatrixXd rows = fit.encoder(parents, Eigen::all);
    const VectorXd cross = rows * s * h;
    result.own_variance -= cross.dot((rows * s * rows.transpose()).ldlt().solve(cross));
    result.own_parameters += static_cast<double>(parents.size());
  }
  return result;
}

// -2 log-likelihood of a latent's residuals per sample, up to constants.
double untouched_cost(const Residual& r) {
  return std::log(r.variance) + r.second_moment / r.variance;
}
double touched_cost(const Residual& r) { return std::log(r.own_variance) + 1.0; }

}  // namespace

VectorXd target_gains(const LinearProblem& problem, const ProfileLikelihood& likelihood,
                      const Refined& fit, std::size_t environment, Intervention intervention) {
  const double samples = problem.samples[environment + 1];
  VectorXd gains(problem.latents());
  for (Index i = 0; i < gains.size(); ++i) {
    const Residual r = residual(problem, likelihood, fit, i, environment, intervention);
    gains(i) = 0.5 * samples * (untouched_cost(r) - touched_cost(r)) -
               0.5 * r.own_parameters * std::log(samples);
  }
  return gains;
}

Targets assign_targets(const LinearProblem& problem, const ProfileLikelihood& likelihood,
                       const Refined& fit, Targets targets, const std::vector<std::size_t>& fixed,
                       Intervention intervention) {
  for (std::size_t k = 0; k < targets.size(); ++k) {
    if (std::find(fixed.begin(), fixed.end(), k) != fixed.end()) continue;
    const VectorXd gains = target_gains(problem, likelihood, fit, k, intervention);
    Index best = 0;
    targets[k] = gains.maxCoeff(&best) > 0.0 ? best : no_target;
  }
  return targets;
}

double deviance_per_dof(const LinearProblem& problem, const ProfileLikelihood& likelihood,
                        const Refined& fit, std::size_t environment, Intervention intervention) {
  const Index n = problem.latents();
  const double samples = problem.samples[environment + 1];
  const Index target = likelihood.targets()[environment];
  double cost = -2.0 * log_abs_determinant(fit.encoder);
  double own = 0.0;
  for (Index i = 0; i < n; ++i) {
    const Residual r = residual(problem, likelihood, fit, i, environment, intervention);
    cost += i == target ? touched_cost(r) : untouched_cost(r);
    if (i == target) own = r.own_parameters;
  }
  const double log_det = log_abs_determinant(problem.covariance[environment + 1]);
  const double deviance = samples * (cost - log_det - static_cast<double>(n));
  const auto moments = static_cast<double>(n * (n + 3)) / 2.0;
  return deviance / std::max(1.0, moments - own);
}

}  // namespace lodestein::unmix
