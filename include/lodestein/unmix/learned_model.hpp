#pragma once

#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "lodestein/core/matrix.hpp"
#include "lodestein/core/random.hpp"
#include "lodestein/data/dataset.hpp"
#include "lodestein/graph/digraph.hpp"
#include "lodestein/score/network_encoder.hpp"
#include "lodestein/unmix/chart.hpp"
#include "lodestein/unmix/diagnosis.hpp"

namespace lodestein {

/// One edge of the latent graph and how sure it is.
struct LatentEdge {
  std::size_t from = 0, to = 0;
  double weight =
      0.0;  ///< (linear part of the) structural coefficient, latents at unit observational variance
  double likelihood_ratio = 0.0;  ///< 2 N (f without - f with); NaN without refinement
  /// Given the order. Of a likelihood: chi-square, one degree of freedom for each coefficient that
  /// the edge adds (1 if mechanisms are linear). NaN if the edge wasn't tested.
  double p_value = 0.0;
  double support = 0.0;  ///< bootstrap frequency; NaN without bootstrap
};

/// Which latents an interventional environment hit.
struct EnvironmentTarget {
  std::string environment;
  std::vector<std::size_t> latents;  ///< ascending; empty: no detectable effect on any latent
  double gain = 0.0;  ///< log-likelihood gain over the next best latent; NaN if not compared
};

struct StageTime {
  std::string stage;
  double seconds = 0.0;
};

/// What a method learned, in one shape for all of them: what result files hold, `evaluate` compares
/// and reports show. encode() gives the latents. What a method has nothing to say about is empty or
/// NaN.
struct LearnedModel {
  Seed seed;
  std::string backend;
  std::vector<std::string> features;
  std::vector<std::string> latent_names;  ///< "Z1", "Z2", ...
  std::vector<AppliedStep> preprocessing;

  /// y = encoder (link^-1(x) - centre). Latents are y, or network(y) where there is one, which may
  /// take more dimensions than there are latents; at unit observational variance.
  Link link = Link::identity;
  std::vector<MonotoneCurve> curves;  ///< part of link^-1 where it was estimated, see Chart
  std::vector<LinkCandidate> link_candidates;
  std::vector<double> centre;  ///< [d]
  Matrix encoder;              ///< [n, d]; of a network [p, d]
  Matrix decoder;              ///< [d, n], link^-1(x) = decoder y + centre; may be empty
  std::optional<NetworkEncoder> network;

  Digraph graph;  ///< without nodes if the method finds none
  std::vector<LatentEdge> edges;
  std::vector<std::size_t> order;  ///< causal, parents first
  Matrix edge_support;  ///< [n, n] bootstrap frequency of every ordered pair; may be empty
  std::vector<EnvironmentTarget> targets;  ///< empty if the method doesn't learn them
  /// sqrt of the diagonal of R^m in latent coordinates: rows latents, columns environments. [n, K]
  Matrix score_differences;
  Matrix combinations;     ///< of umni: environments that isolate latent i in column i [K, n]
  Matrix leakage;          ///< of gscale: as GscaleResult has it, pair by latent [n, n]
  Matrix head_weights;     ///< of contrastive: as ContrastiveUnmixing has them [n, n]
  Matrix variance_ratios;  ///< of do-interventions: variance_ratio and next_ratio [n, 2]
  Matrix box;  ///< of independent support: low, high, fill and thinness of each side [n, 4]
  /// Profile negative log-likelihood per sample; NaN without a likelihood.
  double objective = std::numeric_limits<double>::quiet_NaN();

  std::string identified;                ///< e.g. "latents up to permutation and scaling; DAG"
  std::vector<std::string> assumptions;  ///< what that claim rests on
  Diagnosis diagnosis;
  std::vector<StageTime> timings;

  bool failed() const { return diagnosis.failed(); }
};

/// Latents of x [N, d] -> [N, n]; a row where the link has no inverse is NaN.
/// @throws DimensionMismatch.
Matrix encode(const LearnedModel& model, ConstMatrixView x);

}  // namespace lodestein
