#pragma once

#include <Eigen/Dense>
#include <string>
#include <vector>

#include "lodestein/core/intervention.hpp"
#include "lodestein/graph/digraph.hpp"
#include "unmix/linear_problem.hpp"

namespace lodestein::unmix {

/// What LSCALE-I and LCD return: latent i is the one that interventional environment i hit.
struct LinearUnmixing {
  Eigen::MatrixXd encoder;  ///< [n, n], z = encoder y
  Digraph graph;
  std::vector<std::size_t> order;  ///< parents first
  std::string failure;             ///< not empty if the method broke down
};

/// R^m = (Theta_m - Theta_0) S_0 (Theta_m - Theta_0) for every interventional environment.
std::vector<Eigen::MatrixXd> difference_moments(const LinearProblem& problem,
                                                const std::vector<Eigen::MatrixXd>& precision);

/// LSCALE-I (Varici et al., JMLR 2025, as in the authors' code): encoder rows are top eigenvectors
/// of R^m; edge j -> m where [D^T R^m D]_jj >= threshold with the decoder D's columns, in observed
/// coordinates, scaled to largest entry 1; hard interventions then regress out the ancestors in the
/// environment that hit m. `basis` [n, d] maps x to y. Needs one environment per latent.
LinearUnmixing lscale(const LinearProblem& problem, const std::vector<Eigen::MatrixXd>& moments,
                      const Eigen::MatrixXd& basis, Intervention intervention,
                      double edge_threshold);

/// As lodestein::lscale_finite_sample. [d, d] each, d at least their number; encoder [n, d].
LinearUnmixing finite_sample(const std::vector<Eigen::MatrixXd>& moments,
                             double eigenvalue_threshold, double orthogonality_threshold);

/// Linear causal disentanglement (Squires et al., ICML 2023): deflation of Theta_m - Theta_0 by
/// rank-one directions, then a generalised RQ decomposition. Identifies under hard interventions.
/// Fails where a Cholesky factor does not exist.
LinearUnmixing lcd(const LinearProblem& problem, const std::vector<Eigen::MatrixXd>& precision,
                   const Eigen::MatrixXd& basis, double rank_one_acceptance, double edge_threshold);

}  // namespace lodestein::unmix
