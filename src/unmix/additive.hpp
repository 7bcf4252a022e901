#pragma once

#include "lodestein/core/backend.hpp"
#include "lodestein/data/dataset.hpp"
#include "unmix/additive_refine.hpp"
#include "unmix/bootstrap.hpp"
#include "unmix/identify.hpp"
#include "unmix/starts.hpp"

namespace lodestein::unmix {

/// LSCALE-I from moments R^m = E[d^m d^mT] of estimated score differences, without thresholds.
/// Latent i is the one that environment i hit; S are the moments of `problem`, coordinates alike.
/// Hard interventions. [n, n] each.
///
/// eigenvectors: top eigenvector of each R^m, the order with the most evidence pointing forward.
/// deflation: sources first; the next environment is the one whose R^m, with the rows found so far
/// projected out, is closest to rank one. Exact in the population whatever the variance change.
/// Both then regress all predecessors out in the environment that hit the latent.
Start eigenvector_start(const LinearProblem& problem, const std::vector<Eigen::MatrixXd>& moments);
Start deflation_start(const LinearProblem& problem, const std::vector<Eigen::MatrixXd>& moments);

/// Search at few samples, then minimisation and pruning at many, of AdditiveLikelihood in y = basis
/// x. Several environments may hit one latent. The encoder of `starts` and result is of y; rows
/// have any length. Infinite objective: there is no minimum.
AdditiveFit refine_additive(const Backend& backend, const Dataset& dataset,
                            const Eigen::MatrixXd& basis, const Targets& targets,
                            std::vector<Start> starts, Seed seed, Observer& observer);

/// Bootstrap replicates of refine_additive() from its own answer `full`, which names the latents,
/// on the samples that it used.
Replicate additive_replicate(const Dataset& dataset, const Eigen::MatrixXd& basis,
                             const Targets& targets, const Start& full, Seed seed);

/// Latents with additive noise and nonlinear mechanisms: refinement of AdditiveLikelihood from
/// LSCALE-I on score differences of a classifier and from `linear`, the linear-Gaussian answer.
/// `basis` [n, d] maps x to y; one environment per latent, hard interventions.
Identified identify_additive(const Backend& backend, const Dataset& dataset,
                             const LinearProblem& problem, const Eigen::MatrixXd& basis,
                             const Identified& linear, Seed seed, Observer& observer);

}  // namespace lodestein::unmix
