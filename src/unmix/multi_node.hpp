#pragma once

#include <Eigen/Dense>
#include <vector>

#include "kernels/operations.hpp"
#include "lodestein/core/intervention.hpp"
#include "lodestein/core/observer.hpp"
#include "lodestein/core/random.hpp"
#include "unmix/pair_moments.hpp"
#include "unmix/refine.hpp"

namespace lodestein::unmix {

/// A linear latent model under interventions on unknown sets of latents.
struct MultiNodeFit {
  Refined refined;
  TargetSets targets;
  double deviance_per_dof = 0.0;  ///< of the whole model; about 1 if it holds
};

/// Maximum likelihood: flags (see FlagSearch) start it; each is fitted with complete parents,
/// environments split by mechanism, both in turns until the targets stay; the likeliest goes
/// through order search and pruning, or the next where that runs into a singular encoder. The flags
/// are searched again, from other starts and more beginnings, while the model misses the moments.
/// `differences` are moments in the coordinates of `problem`, and `root` a factor of its
/// observational covariance, S_0 = root root^T.
MultiNodeFit fit_multi_node(const kernels::Operations& operations, const LinearProblem& problem,
                            const PairMoments& differences, const Eigen::MatrixXd& root,
                            Intervention intervention, Seed seed, Observer& observer);

/// The same on other moments of the same coordinates, from the answer `full` alone: order search,
/// pruning and targets start from it, so that its latents keep their numbers. Infinite objective:
/// there is no minimum.
MultiNodeFit refit_multi_node(const LinearProblem& problem, const MultiNodeFit& full,
                              Intervention intervention, Observer& observer);

}  // namespace lodestein::unmix
