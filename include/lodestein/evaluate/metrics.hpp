#pragma once

#include <cstddef>
#include <limits>
#include <vector>

#include "lodestein/core/matrix.hpp"
#include "lodestein/graph/assignment.hpp"
#include "lodestein/graph/digraph.hpp"

namespace lodestein {

/// Stands for "no estimated latent" in a matching.
inline constexpr std::size_t unmatched = std::numeric_limits<std::size_t>::max();

enum class Correlation { pearson, spearman };

/// |correlation| of every estimated with every true latent. [N, n], [N, m] -> [n, m], row = true,
/// column = estimate. A constant column gives 0; ties share their average rank in Spearman's.
/// @throws DimensionMismatch if the samples differ in number, InvalidArgument for NaN or infinity.
Matrix absolute_correlations(ConstMatrixView truth, ConstMatrixView estimate, Correlation kind);

struct MatchedCorrelation {
  double mean = 0.0;                  ///< MCC; NaN if there is no true latent
  std::vector<std::size_t> estimate;  ///< estimated latent of each true one, or `unmatched`
};

/// Mean correlation coefficient: |correlation| over the best one-to-one matching, averaged over the
/// true latents. [N, n], [N, m]; with m < n the unmatched true latents count 0, with m > n the
/// surplus estimates are ignored. Throws as absolute_correlations. In sample.
MatchedCorrelation mean_correlation_coefficient(ConstMatrixView truth, ConstMatrixView estimate,
                                                Correlation kind = Correlation::pearson);

/// R^2 of the linear regression with intercept of each true latent on all estimated ones, averaged.
/// [N, n], [N, m]. In sample, so near 1 whenever m is near N; collinear estimates are fine; a
/// constant true latent counts 0; NaN if there is no true latent. Throws as absolute_correlations.
double linear_r_squared(ConstMatrixView truth, ConstMatrixView estimate);

/// Graph error against the truth, counted pair of nodes by pair. A reversal counts once in `shd`
/// and twice in `shd_reversal_counts_two` (false positives plus false negatives). Both are metrics.
struct GraphError {
  std::size_t extra = 0, missing = 0, reversed = 0;
  std::size_t shd = 0;
  std::size_t shd_reversal_counts_two = 0;
  /// Of directed edges. Precision is 1 without estimated edges, recall is 1 without true ones.
  double precision = 0.0, recall = 0.0, f1 = 0.0;
  bool closure_exact = false;  ///< transitive closures are equal
};
/// @throws DimensionMismatch if the graphs differ in size.
GraphError graph_error(const Digraph& truth, const Digraph& estimate);

/// Number of true edges that point backwards in `order`.
/// @throws InvalidArgument unless `order` names every node once.
std::size_t order_errors(const Digraph& truth, const std::vector<std::size_t>& order);

/// Effective transform E = encoder * mixing with each row scaled to norm 1 and a positive diagonal.
/// [n, d] [d, n] -> [n, n]; rows must already be in the order of the true latents. A zero row stays
/// zero. @throws DimensionMismatch if the shapes disagree, InvalidArgument for NaN or infinity (so
/// do the two errors below).
Matrix effective_transform(ConstMatrixView encoder, ConstMatrixView mixing);

/// Spectral norm of E with the allowed entries set to zero: the diagonal is always allowed, and
/// entry (i, j) if `allowed.edge(j, i)`.
double mixing_error(ConstMatrixView effective, const Digraph& allowed);

/// Spectral norm ratio ||E z - z||_2 / ||z||_2 over all samples, given E and the second moment
/// matrix E[z z^T] (not centred) of the true latents. [n, n], [n, n]. The published definition
/// takes E from effective_transform. NaN if the latents are all zero.
double normalised_error(ConstMatrixView effective, ConstMatrixView latent_second_moment);

}  // namespace lodestein
