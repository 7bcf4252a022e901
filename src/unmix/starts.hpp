#pragma once

#include "unmix/refine.hpp"

namespace lodestein::unmix {

/// Sources first: repeatedly the environment whose Theta_m - Theta_0 (whitened by S_0), with the
/// directions found so far projected out, is closest to rank one; its direction, with the latents
/// found so far regressed out in that environment, is the encoder row. Exact for hard interventions
/// in the population, whatever the variance change; a start for the likelihood otherwise.
/// Needs one environment per latent. Cost: n^2 symmetric eigenproblems of size n. With an order,
/// the environments are taken in that order instead: n eigenproblems.
Start deflation_start(const LinearProblem& problem, const Order& order = {});

/// The order with the most weight on forward edges: exact by the subset programme for n <= 20, else
/// greedily the node with the least incoming weight first. [n, n] -> n
Order forward_order(const Eigen::MatrixXd& weight);

/// Coordinates in which score differences are compared.
enum class Metric {
  latent_subspace,  ///< as published: top eigenvectors of R^m, best for shrinking variances
  observational,    ///< S_0 = I: leading eigenvectors of Theta_m - Theta_0, invariant
};

/// LSCALE-I without a threshold: encoder rows are leading eigenvectors in a metric; the order
/// maximises the total evidence for edges that point forward (log ratio of score-difference energy
/// to its sampling noise); under hard
/// interventions all predecessors are regressed out.
Start eigenvector_start(const LinearProblem& problem, Intervention intervention, Metric metric);

/// The n interventional environments with the most independent and strongest effects, ascending:
/// greedy by the largest eigenvalue left after the chosen directions are projected out.
std::vector<std::size_t> strongest_environments(const LinearProblem& problem, std::size_t count);

/// Theta_m - Theta_0 in coordinates where S_0 = I. [n, n] each.
std::vector<Eigen::MatrixXd> whitened_differences(const LinearProblem& problem);

}  // namespace lodestein::unmix
