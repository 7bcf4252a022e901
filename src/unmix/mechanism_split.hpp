#pragma once

#include <Eigen/Dense>
#include <vector>

#include "lodestein/core/intervention.hpp"
#include "unmix/linear_problem.hpp"

namespace lodestein::unmix {

/// The environments that hit each latent, given the encoder: a latent has one mechanism in the
/// environments that leave it alone, the observational among them, and another one in the rest
/// (hard: without parents). The likeliest split in two, found from several first guesses, `targets`
/// among them, by assigning environments and refitting both mechanisms in turns.
/// Cost: n K rounds of K regressions.
TargetSets split_mechanisms(const LinearProblem& problem, const Eigen::MatrixXd& encoder,
                            const ParentSets& parents, Intervention intervention,
                            const TargetSets& targets);

/// Likelihood ratio of the likeliest split of one latent's environments in two to mechanisms of
/// their own in all of them, per degree of freedom: about 1 if two mechanisms are all there are,
/// else of the order of the sample size. Soft interventions, which include hard ones. Rows of
/// `encoder` that are not named don't matter.
double split_misfit(const LinearProblem& problem, const Eigen::MatrixXd& encoder,
                    Eigen::Index latent, const std::vector<Eigen::Index>& parents);

/// Row i minus its regression on its predecessors where i is hit: the latent itself if
/// interventions are hard. `order` lists parents first.
void regress_out_predecessors(const LinearProblem& problem, const TargetSets& targets,
                              const std::vector<Eigen::Index>& order, Eigen::MatrixXd& encoder);

/// Deviance of every interventional environment from the fitted model, per degree of freedom: about
/// 1 if the model holds and noise is Gaussian, whatever the sample size. [K]
std::vector<double> deviances(const LinearProblem& problem, const Eigen::MatrixXd& encoder,
                              const ParentSets& parents, Intervention intervention,
                              const TargetSets& targets);

}  // namespace lodestein::unmix
