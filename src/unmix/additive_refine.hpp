#pragma once

#include <vector>

#include "lodestein/core/observer.hpp"
#include "unmix/additive_likelihood.hpp"
#include "unmix/refine.hpp"

namespace lodestein::unmix {

/// A fit of AdditiveLikelihood.
struct AdditiveFit {
  Eigen::MatrixXd encoder;  ///< [n, n], rows of norm 1
  Order order;
  Mechanisms mechanisms;
  double objective = 0.0;          ///< f at the end
  std::vector<RefinedEdge> edges;  ///< after pruning
  AdditiveLikelihood::Check check{};
};

/// Minimises f over H and all mechanisms by L-BFGS, at most `iterations` of them, and writes the
/// minimum to `objective`.
void minimise(const AdditiveLikelihood& likelihood, AdditiveFit& fit, int iterations);

/// The best of several starts with all predecessors in the order as parents: H, mechanisms and the
/// order are refitted in turn, the order by moves of one latent at fixed H, until nothing changes.
/// A start without order takes the best at its H.
AdditiveFit search_additive(const AdditiveLikelihood& likelihood, const MechanismDraws& draws,
                            const std::vector<Start>& starts, Observer& observer);

/// Swaps neighbours in the order while f, with all refitted, falls.
void swap_neighbours(const AdditiveLikelihood& likelihood, const MechanismDraws& draws,
                     AdditiveFit& fit, Observer& observer);

/// Deletes edges whose likelihood ratio, all refitted where that could decide, is below log N for
/// each parameter that the edge adds (BIC), the weakest first. Fills `edges`.
void prune_additive(const AdditiveLikelihood& likelihood, const MechanismDraws& draws,
                    AdditiveFit& fit, Observer& observer);

}  // namespace lodestein::unmix
