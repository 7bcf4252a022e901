#pragma once

#include <string>
#include <vector>

#include "lodestein/core/observer.hpp"
#include "lodestein/unmix/fit.hpp"
#include "unmix/linear_problem.hpp"
#include "unmix/refine.hpp"

namespace lodestein::unmix {

/// What a linear method says about one set of moments.
struct Identified {
  Eigen::MatrixXd encoder;  ///< [n, n], z = encoder y, latents at unit observational variance
  Digraph graph;
  Order order;
  Targets targets;            ///< per interventional environment
  std::vector<double> gains;  ///< log-likelihood gain of each target over the next best; or NaN
  std::vector<RefinedEdge> edges;  ///< empty without refinement
  double objective = 0.0;          ///< NaN without refinement
  std::vector<double> deviance;    ///< per dof and interventional environment; NaN without
  std::string failure;             ///< not empty if the method broke down
};

/// Runs the chosen method and refinement. `scores` are the shrunken precisions of all environments;
/// `basis` [n, d] maps x to y. Latent i is the one hit by the i-th environment, or by the i-th of
/// the n strongest ones where there are more environments than latents.
Identified identify(const LinearProblem& problem, const std::vector<Eigen::MatrixXd>& precision,
                    const Eigen::MatrixXd& basis, const FitOptions& options, Observer& observer);

/// Shrunken precision matrices. [n, n] each. @throws InvalidArgument as gaussian_scores.
std::vector<Eigen::MatrixXd> shrunken_precisions(const LinearProblem& problem,
                                                 const std::vector<std::string>& names,
                                                 const GaussianScoreOptions& options);

}  // namespace lodestein::unmix
