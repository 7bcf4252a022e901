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
  Matrix encoder;  ///< [n, d], d = n but for lscale_finite_sample()
  Digraph graph;
  std::vector<std::size_t> order;    ///< parents first
  std::vector<std::size_t> ranks{};  ///< [n] of R^m, of lscale_full_rank() only
};

/// LSCALE-I (Varici et al., JMLR 2025) as published, from moments of score differences however they
/// were estimated; linear mixing, one environment per latent, as many variables as latents. `fit`
/// does the reduction of more variables, and refines what the threshold decides here.
/// Moments of the environments serve to make latents independent of their ancestors in hard ones.
/// @throws DimensionMismatch unless both have the same K environments and K variables;
/// InvalidArgument for a threshold that is not positive or moments that are not finite.
LscaleResult lscale(const std::vector<EnvironmentMoments>& moments,
                    const DifferenceMoments& differences, const LscaleOptions& options = {});

/// Absolute, in units of the variables; defaults as published.
struct FiniteSampleOptions {
  double eigenvalue_threshold = 1e-2;    ///< ranks of sums of R^m count the eigenvalues above
  double orthogonality_threshold = 0.1;  ///< edge if no more than this of a unit vector is left
};

/// The finite-sample variant (Acarturk, Varici, Shanmugam, Tajer, NeurIPS 2024, as in the authors'
/// code), from moments of score differences however they were estimated: the transitive closure of
/// the graph, and latents up to mixing with parents, under soft or hard interventions, one
/// environment per latent. Order and closure by eigenvalues of sums of R^m; row m of the encoder is
/// the top eigenvector of R^m. Takes d >= K variables: those without signal only need eigenvalues
/// below the threshold. The published code takes a sum of rank 0 for one of full rank, which makes
/// an edge; here it makes none.
/// @throws DimensionMismatch unless all moments are [d, d] with d >= K >= 1; InvalidArgument for
/// thresholds out of range, (0, 1) for orthogonality, or moments that are not finite.
/// Deterministic. Cost: K^2 eigenproblems of size d.
LscaleResult lscale_finite_sample(const DifferenceMoments& differences,
                                  const FiniteSampleOptions& options = {});

struct FullRankOptions {
  /// An eigenvalue of R^m, in coordinates of unit observational covariance, counts if it exceeds
  /// this share of the largest one (default: rounding of exact scores), and twice the largest
  /// negative one: moments of cross_fit() show their noise so. Other estimates of R^m have only
  /// positive eigenvalues, and need a tolerance above their noise.
  double rank_tolerance = 1e-6;
  /// Directions are common to two column spaces if the cosine of their angle exceeds 1 less this.
  double angle_tolerance = 0.05;
};

/// The full-rank branch of LSCALE-I for soft interventions: the graph itself, not only its
/// transitive closure, and latents up to mixing with surrounding parents (parents whose children
/// include all of the latent's own). Theorem: Varici et al., sufficient nonlinearity, i.e. R^m has
/// rank |parents| + 1; quadratic and network mechanisms have it, linear ones don't, and this must
/// not be used for them. Where the published code intersects column spaces by an unpivoted
/// elimination with absolute thresholds, here dimensions are counted by principal angles in
/// coordinates of unit observational covariance: no result depends on the units of x. A source's
/// R^m has rank 1: if all have rank n, the tolerance is below the noise and the graph means
/// nothing.
/// @throws DimensionMismatch as lscale(); InvalidArgument for tolerances outside (0, 1) or a
/// singular observational covariance. Deterministic. Cost: n^2 singular value decompositions of
/// size n; the order by an exact search up to n = 20.
LscaleResult lscale_full_rank(const std::vector<EnvironmentMoments>& moments,
                              const DifferenceMoments& differences,
                              const FullRankOptions& options = {});

}  // namespace lodestein
