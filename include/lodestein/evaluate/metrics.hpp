#pragma once

#include <cstddef>
#include <vector>

#include "lodestein/core/matrix.hpp"
#include "lodestein/graph/digraph.hpp"

namespace lodestein {

/// Assignment of rows to columns that minimises the total cost (Jonker & Volgenant 1987, shortest
/// augmenting paths). [r, c], r <= c -> column of each row. Costs must be finite. Cost: O(r^2 c).
/// Deterministic. @throws InvalidArgument if r > c or a cost is not finite.
std::vector<std::size_t> minimum_cost_assignment(ConstMatrixView cost);

enum class Correlation { pearson, spearman };

/// |correlation| of every estimated with every true latent. [N, n], [N, n] -> [n, n], row = true,
/// column = estimate. A constant column gives 0.
Matrix absolute_correlations(ConstMatrixView truth, ConstMatrixView estimate, Correlation kind);

struct MatchedCorrelation {
  double mean = 0.0;                  ///< MCC
  std::vector<std::size_t> estimate;  ///< estimated latent matched with each true one
};

/// Mean correlation coefficient: mean |correlation| over the best one-to-one matching.
MatchedCorrelation mean_correlation_coefficient(ConstMatrixView truth, ConstMatrixView estimate,
                                                Correlation kind = Correlation::pearson);

/// R^2 of the linear regression with intercept of each true latent on all estimated ones, averaged.
double linear_r_squared(ConstMatrixView truth, ConstMatrixView estimate);

/// Graph error against the truth. A reversal counts once in `shd` and twice in
/// `shd_reversal_counts_two`.
struct GraphError {
  std::size_t extra = 0, missing = 0, reversed = 0;
  std::size_t shd = 0;
  std::size_t shd_reversal_counts_two = 0;
  double precision = 0.0, recall = 0.0, f1 = 0.0;  ///< of directed edges; 1 if nothing to find
  bool closure_exact = false;                      ///< transitive closures are equal
};
GraphError graph_error(const Digraph& truth, const Digraph& estimate);

/// Number of true edges that point backwards in `order`.
std::size_t order_errors(const Digraph& truth, const std::vector<std::size_t>& order);

/// Effective transform E = encoder * mixing with each row scaled to norm 1 and a positive diagonal.
/// [n, d] [d, n] -> [n, n]; rows must already be in the order of the true latents.
Matrix effective_transform(ConstMatrixView encoder, ConstMatrixView mixing);

/// Spectral norm of E with the allowed entries set to zero: the diagonal is always allowed, and
/// entry (i, j) if `allowed.edge(j, i)`.
double mixing_error(ConstMatrixView effective, const Digraph& allowed);

/// Spectral norm ratio ||E z - z||_2 / ||z||_2 over all samples, given E and the second moment
/// matrix E[z z^T] of the true latents. [n, n], [n, n].
double normalised_error(ConstMatrixView effective, ConstMatrixView latent_second_moment);

}  // namespace lodestein
