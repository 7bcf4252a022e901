#pragma once

#include "lodestein/core/intervention.hpp"
#include "unmix/likelihood.hpp"
#include "unmix/refine.hpp"

namespace lodestein::unmix {

/// Log-likelihood of one environment's samples under each choice of the latent it hit, relative to
/// "none" and penalised by half a log N per extra parameter; entry i is latent i. [n]
Eigen::VectorXd target_gains(const LinearProblem& problem, const ProfileLikelihood& likelihood,
                             const Refined& fit, std::size_t environment,
                             Intervention intervention);

/// The best target of every environment outside `fixed` (which keep theirs in `targets`); no_target
/// where no latent gains anything. `likelihood` may know fewer environments.
Targets assign_targets(const LinearProblem& problem, const ProfileLikelihood& likelihood,
                       const Refined& fit, Targets targets, const std::vector<std::size_t>& fixed,
                       Intervention intervention);

/// Deviance of one environment from the fitted model, per degree of freedom: about 1 if the model
/// holds and the noise is Gaussian.
double deviance_per_dof(const LinearProblem& problem, const ProfileLikelihood& likelihood,
                        const Refined& fit, std::size_t environment, Intervention intervention);

}  // namespace lodestein::unmix
