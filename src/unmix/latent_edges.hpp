#pragma once

#include <Eigen/Dense>
#include <vector>

#include "lodestein/unmix/learned_model.hpp"
#include "unmix/refine.hpp"

namespace lodestein::unmix {

/// The graph's edges with their weights, from regressions on the graph's parents, and what the
/// refinement knows of them. `covariance` is that of the latents, observational. [n, n]
std::vector<LatentEdge> latent_edges(const Eigen::MatrixXd& covariance, const Digraph& graph,
                                     const std::vector<RefinedEdge>& refined);

}  // namespace lodestein::unmix
