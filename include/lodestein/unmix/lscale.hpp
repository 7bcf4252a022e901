#pragma once

#include <cstddef>
#include <vector>

#include "lodestein/core/intervention.hpp"
#include "lodestein/core/matrix.hpp"
#include "lodestein/data/moments.hpp"
#include "lodestein/graph/digraph.hpp"
#include "lodestein/score/difference.hpp"

namespace lodestein {

struct LscaleOptions {
  Intervention intervention = Intervention::hard;
  double edge_threshold = 1e-3;  ///< edge if [R^m]_jj in latent coordinates is at least this
};

/// z = encoder (x - observational mean); latent i is the one that interventional environment i hit.
struct LscaleResult {
  Matrix encoder;  ///< [n, n]
  Digraph graph;
  std::vector<std::size_t> order;  ///< parents first
};

/// LSCALE-I (Varici et al., JMLR 2025) as published, from moments of score differences however they
/// were estimated; linear mixing, one environment per latent, as many variables as latents. `fit`
/// does the reduction of more variables, and refines what the threshold decides here.
/// Moments of the environments serve to make latents independent of their ancestors in hard ones.
/// @throws DimensionMismatch unless both have the same K environments and K variables;
/// InvalidArgument for a threshold that is not positive or moments that are not finite.
LscaleResult lscale(const std::vector<EnvironmentMoments>& moments,
                    const DifferenceMoments& differences, const LscaleOptions& options = {});

}  // namespace lodestein
