#pragma once

#include <cstddef>
#include <limits>
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
  /// Estimated latent of each true one, or `unmatched`, where it is known otherwise, as from the
  /// environments that hit both; empty: found by correlation.
  std::vector<std::size_t> match{};
};

struct Truth {
  Matrix latents;  ///< [N, n]
  Matrix mixing;   ///< [d, n]; may be empty
  Digraph graph;
  /// E[z z^T] behind normalised_error [n, n]; empty: that of `latents`. Published errors take the
  /// samples of all environments.
  Matrix second_moment{};
};

/// Everything that is measured against a known truth. Estimated latents are first matched with true
/// ones: as the estimate says, or by the assignment of largest total |Pearson correlation|. Their
/// numbers n and m may differ: min(n, m) pairs are matched. Surplus estimates are ignored. True
/// latents without a match count 0 in the MCC, have no edges in the estimated graph, take no part
/// in order_errors, and leave the mixing errors NaN.
struct Evaluation {
  double mcc = 0.0;
  double mcc_spearman = 0.0;
  double r_squared = 0.0;
  std::vector<std::size_t> match;  ///< estimated latent of each true one, or `unmatched`
  GraphError graph;                ///< against the true graph, after renaming
  GraphError closure;              ///< transitive closures compared
  std::size_t order_errors = 0;
  // The three below are NaN without mixing, without encoder, or with an unmatched true latent.
  double mixing_error = std::numeric_limits<double>::quiet_NaN();  ///< only the diagonal allowed
  double mixing_error_soft = std::numeric_limits<double>::quiet_NaN();  ///< true parents allowed
  double normalised_error = std::numeric_limits<double>::quiet_NaN();  ///< over the truth's samples
};

/// @throws DimensionMismatch if the shapes disagree, InvalidArgument if a number is not finite or
/// the order is no permutation or the match names an estimate twice. Deterministic. Cost: O(N (n +
/// m)^2).
Evaluation evaluate(const Truth& truth, const Estimate& estimate);

}  // namespace lodestein
