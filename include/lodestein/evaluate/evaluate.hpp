#pragma once

#include <cstddef>
#include <vector>

#include "lodestein/core/matrix.hpp"
#include "lodestein/evaluate/metrics.hpp"
#include "lodestein/graph/digraph.hpp"

namespace lodestein {

/// A learned representation, as evaluation needs it. Row i of `encoder` is estimated latent i;
/// z = encoder (x - centre).
struct Estimate {
  Matrix latents;                  ///< estimated latents at the true latents' samples [N, n]
  Matrix encoder;                  ///< [n, d]; may be empty: no mixing errors then
  Digraph graph;                   ///< over estimated latents
  std::vector<std::size_t> order;  ///< causal order of estimated latents
};

struct Truth {
  Matrix latents;  ///< [N, n]
  Matrix mixing;   ///< [d, n]; may be empty
  Digraph graph;
};

/// Everything that is measured against a known truth. Estimated latents are first matched with true
/// ones: by the assignment of largest total |Pearson correlation|.
struct Evaluation {
  double mcc = 0.0;
  double mcc_spearman = 0.0;
  double r_squared = 0.0;
  std::vector<std::size_t> match;  ///< estimated latent of each true one
  GraphError graph;                ///< against the true graph, after renaming
  GraphError closure;              ///< transitive closures compared
  std::size_t order_errors = 0;
  double mixing_error = 0.0;       ///< hard mask (diagonal); NaN without mixing
  double mixing_error_soft = 0.0;  ///< parents allowed; NaN without mixing
  double normalised_error = 0.0;   ///< NaN without mixing
};

/// @throws DimensionMismatch if the shapes disagree.
Evaluation evaluate(const Truth& truth, const Estimate& estimate);

}  // namespace lodestein
