#pragma once

#include <vector>

#include "lodestein/core/observer.hpp"
#include "unmix/additive_likelihood.hpp"
#include "unmix/refine.hpp"

namespace lodestein::unmix {

/// Minimises f over H by L-BFGS, at most `iterations` of them; writes the minimiser and returns the
/// minimum.
double minimise(const AdditiveLikelihood& likelihood, Eigen::MatrixXd& h, const ParentSets& parents,
                int iterations);

/// The best of several starts with all predecessors in the order as parents: H and the order are
/// refitted in turn, the order by moves of one latent at fixed H, until neither changes; then swaps
/// of neighbours with H refitted. A start without order takes the best at its H. `objective` is f
/// at the end; `edges` stay empty.
Refined search_additive(const AdditiveLikelihood& likelihood, const std::vector<Start>& starts,
                        Observer& observer);

/// Deletes edges whose likelihood ratio, H refitted where that could decide, is below log N for
/// each coefficient that the edge adds (BIC), the weakest first. Fills `edges`.
void prune_additive(const AdditiveLikelihood& likelihood, Refined& fit, Observer& observer);

}  // namespace lodestein::unmix
