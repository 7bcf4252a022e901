#pragma once

#include <string>
#include <vector>

#include "lodestein/core/observer.hpp"
#include "lodestein/unmix/fit.hpp"
#include "unmix/linear_problem.hpp"
#include "unmix/refine.hpp"

namespace lodestein::unmix {

/// Whether the method's own graph is the transitive closure whatever the interventions are.
inline bool finds_closure(const FitOptions& options) {
  return options.method == UnmixMethod::finite_sample;
}

/// Published methods know of no noise, and latents that aren't linear go by samples.
inline bool may_remove_noise(const FitOptions& options) {
  return options.method == UnmixMethod::likelihood && options.mechanism == Mechanism::linear;
}

/// What a linear method says about one set of moments.
struct Identified {
  Eigen::MatrixXd encoder;  ///< [n, n], z = encoder y, latents at unit observational variance
  Digraph graph;
  Order order;
  Targets targets;            ///< per interventional environment
  std::vector<double> gains;  ///< log-likelihood gain of each target over the next best; or NaN
  std::vector<RefinedEdge> edges;  ///< of the likelihood method; else empty
  double objective = 0.0;          ///< of the likelihood method; else NaN
  std::vector<double> deviance;    ///< per dof and interventional environment; NaN like it
  std::string failure;             ///< not empty if the method broke down
};

/// Runs the likelihood method or a published one. `precision` are the shrunken precisions
/// of all environments, `moments` those of score differences of the interventional ones; `basis`
/// [n, d] maps x to y; latent i is the one that environment chosen[i] hit, and the other
/// environments are assigned by likelihood.
Identified identify(const LinearProblem& problem, const std::vector<Eigen::MatrixXd>& precision,
                    const std::vector<Eigen::MatrixXd>& moments, const Eigen::MatrixXd& basis,
                    const std::vector<std::size_t>& chosen, const FitOptions& options,
                    Observer& observer);

/// One interventional environment (0-based) per latent: all of them, or the strongest ones.
std::vector<std::size_t> choose_environments(const LinearProblem& problem,
                                             const std::vector<Eigen::MatrixXd>& precision);

/// Latents at unit variance in the observational environment, largest entry of encoder basis
/// positive.
void standardise(const LinearProblem& problem, const Eigen::MatrixXd& basis,
                 Eigen::MatrixXd& encoder);

/// Shrunken precision matrices. [n, n] each. @throws InvalidArgument as gaussian_scores.
std::vector<Eigen::MatrixXd> shrunken_precisions(const LinearProblem& problem,
                                                 const std::vector<std::string>& names,
                                                 const GaussianScoreOptions& options);

}  // namespace lodestein::unmix
