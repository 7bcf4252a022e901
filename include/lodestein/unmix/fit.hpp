#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "lodestein/core/backend.hpp"
#include "lodestein/core/intervention.hpp"
#include "lodestein/core/observer.hpp"
#include "lodestein/core/random.hpp"
#include "lodestein/data/dataset.hpp"
#include "lodestein/data/moments.hpp"
#include "lodestein/graph/digraph.hpp"
#include "lodestein/score/gaussian.hpp"
#include "lodestein/unmix/diagnosis.hpp"

namespace lodestein {

/// lscale: LSCALE-I (Varici et al.). lcd: linear causal disentanglement (Squires et al. 2023). What
/// is returned without refinement; the likelihood refinement starts from encoders in the manner of
/// both and doesn't depend on the choice.
enum class UnmixMethod { lscale, lcd };

/// likelihood: profile-likelihood refinement with order search and likelihood-ratio pruning.
/// none: the method's own encoder and thresholds, as published.
enum class Refinement { likelihood, none };

/// What latents are as functions of their parents, plus noise. linear: second moments carry the
/// signal. additive: any smooth function; samples are needed, one environment per latent, hard
/// interventions, the likelihood refinement, and neither bootstrap nor moments will do.
enum class Mechanism { linear, additive };

struct FitOptions {
  std::size_t latents = 0;  ///< 0: one per interventional environment
  UnmixMethod method = UnmixMethod::lscale;
  Refinement refinement = Refinement::likelihood;
  Intervention intervention = Intervention::hard;
  Mechanism mechanism = Mechanism::linear;
  GaussianScoreOptions score{};
  /// LSCALE-I without refinement: edge if [R^m]_jj in latent coordinates is at least this;
  /// published 1e-3.
  double lscale_edge_threshold = 1e-3;
  /// LCD without refinement: share of the largest singular value at which a projected difference
  /// counts as rank one (published 0.99), and the |B_0| entry that counts as an edge (published
  /// 0.04 on real data).
  double lcd_rank_one_acceptance = 0.99;
  double lcd_edge_threshold = 0.04;
  std::size_t bootstrap = 0;     ///< replicates for edge support; 0 = none
  std::size_t null_splits = 64;  ///< pairs of resampled controls behind the diagnosis
};

/// One edge of the latent graph and how sure it is.
struct LatentEdge {
  std::size_t from = 0, to = 0;
  double weight =
      0.0;  ///< (linear part of the) structural coefficient, latents at unit observational variance
  double likelihood_ratio = 0.0;  ///< 2 N (f without - f with); NaN without refinement
  /// Chi-square given the order, one degree of freedom for each coefficient that the edge adds (1
  /// if mechanisms are linear); NaN without refinement.
  double p_value = 0.0;
  double support = 0.0;  ///< bootstrap frequency; NaN without bootstrap
};

/// Which latent an interventional environment hit.
struct EnvironmentTarget {
  std::string environment;
  std::optional<std::size_t> latent;  ///< empty: no detectable effect on any latent
  double gain = 0.0;  ///< log-likelihood gain over the next best latent; NaN without refinement
};

struct StageTime {
  std::string stage;
  double seconds = 0.0;
};

/// What a fit learned. z = encoder (x - centre), latents at unit observational variance.
struct FitResult {
  FitOptions options;
  Seed seed;
  std::string backend;
  std::vector<std::string> features;
  std::vector<std::string> latent_names;  ///< "Z1", "Z2", ...
  std::vector<AppliedStep> preprocessing;

  std::vector<double> centre;  ///< [d], observational mean
  Matrix encoder;              ///< [n, d]
  Matrix decoder;              ///< [d, n]
  Digraph graph;
  std::vector<LatentEdge> edges;
  std::vector<std::size_t> order;  ///< causal, parents first
  Matrix edge_support;  ///< [n, n] bootstrap frequency of every ordered pair; may be empty
  std::vector<EnvironmentTarget> targets;
  /// sqrt of the diagonal of R^m in latent coordinates: rows latents, columns environments. [n, K]
  Matrix score_differences;
  double objective = 0.0;  ///< profile negative log-likelihood per sample; NaN without refinement

  std::string identified;                ///< e.g. "latents up to permutation and scaling; DAG"
  std::vector<std::string> assumptions;  ///< what that claim rests on
  Diagnosis diagnosis;
  std::vector<StageTime> timings;

  bool failed() const { return diagnosis.failed(); }
};

/// From data to a latent causal graph: moments, subspace, Gaussian score differences, unmixing,
/// refinement, diagnosis, bootstrap. Linear mixing; one latent per environment, targets unknown.
/// Additive mechanisms: score differences by a classifier, then the likelihood of additive noise
/// latents; see docs/methods/additive.md.
/// A statistical failure comes back as a result whose diagnosis says what happened.
/// @throws InvalidArgument for unusable data or options (see validate); Cancelled.
/// Same seed, same bits for any thread count.
FitResult fit(const Backend& backend, const Dataset& dataset, const FitOptions& options = {},
              Seed seed = {}, Observer& observer = silent());

/// The same from sufficient statistics. Bootstrap then draws covariances from their Gaussian law.
FitResult fit(const Backend& backend, const std::vector<EnvironmentMoments>& moments,
              const FitOptions& options = {}, Seed seed = {}, Observer& observer = silent());

/// z = encoder (x - centre). [N, d] -> [N, n].
Matrix encode(const FitResult& fit, ConstMatrixView x);

}  // namespace lodestein
