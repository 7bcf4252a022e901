#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "lodestein/core/backend.hpp"
#include "lodestein/core/finding.hpp"
#include "lodestein/core/intervention.hpp"
#include "lodestein/core/matrix.hpp"
#include "lodestein/core/observer.hpp"
#include "lodestein/core/random.hpp"
#include "lodestein/data/dataset.hpp"
#include "lodestein/data/moments.hpp"
#include "lodestein/score/gaussian.hpp"
#include "lodestein/unmix/learned_model.hpp"
#include "lodestein/unmix/noise_removal.hpp"
#include "lodestein/unmix/subspace_choice.hpp"

namespace lodestein {

/// likelihood: of linear latents, started from combinations of rank one that need no threshold.
/// published: UMNI-CRL (Varici et al., NeurIPS 2024) with its absolute thresholds.
enum class UmniProcedure { likelihood, published };

struct UmniOptions {
  std::size_t latents = 0;  ///< 0: one per interventional environment
  Intervention intervention = Intervention::hard;
  UmniProcedure procedure = UmniProcedure::likelihood;
  SubspaceChoice subspace = SubspaceChoice::automatic;       ///< published: always of most variance
  NoiseRemoval observation_noise = NoiseRemoval::automatic;  ///< published: always none
  GaussianScoreOptions score{};
  std::size_t bootstrap = 0;  ///< replicates for edge support; 0 = none

  // Of the published procedure only.
  int largest_coefficient = 2;         ///< combinations have entries in -this..this
  double eigenvalue_threshold = 5e-2;  ///< absolute; ranks count what is above
  double coefficient_change = 0.1;     ///< norm that tells hit regressions from observational ones
  double edge_level = 0.05;            ///< of partial correlation tests, hard interventions
};

/// z = encoder (x - centre); latents at unit observational variance.
struct UmniResult {
  std::vector<double> centre;     ///< [d]
  Matrix encoder;                 ///< [n, d]
  Matrix decoder;                 ///< [d, n]
  Digraph graph;                  ///< soft: its transitive closure is what is identified
  std::vector<LatentEdge> edges;  ///< p-values by the likelihood procedure only
  /// Bootstrap frequency of every ordered pair (soft: of the ancestor relation); may be empty. [n,
  /// n]
  Matrix edge_support;
  std::vector<std::size_t> order;  ///< parents first
  /// Latents that each interventional environment hits, ascending; empty if published.
  std::vector<std::vector<std::size_t>> targets;
  /// Column i: the combination of environments in which only latent i (published, and before
  /// ancestors are separated: and earlier ones) has another mechanism. [K, n]
  Matrix combinations;
  double objective = 0.0;         ///< profile negative log-likelihood per sample; NaN if published
  double deviance_per_dof = 0.0;  ///< about 1 if the model holds; NaN if published
  std::vector<double> deviances;  ///< of each interventional environment; empty if published
  std::vector<Finding> findings;
  std::string identified;
  std::vector<std::string> assumptions;
  std::vector<StageTime> timings;

  bool failed() const {
    for (const Finding& finding : findings)
      if (finding.severity == Severity::failure) return true;
    return false;
  }
};

/// Unmixing under interventions on unknown sets of latents: at least as many interventional
/// environments as latents, their 0/1 target matrix of full rank; a latent has one and the same
/// other mechanism wherever it is hit. Linear mixing, linear latents (second moments carry the
/// signal). A statistical failure comes back as a result whose findings say what happened.
/// Replicates of the bootstrap draw every environment's rows anew and keep the latent subspace. The
/// likelihood goes on from the full fit, with order, edges and targets free; the published
/// procedure starts from scratch, and correlations match its latents with those of the full fit.
/// Same seed, same bits for any thread count.
/// @throws InvalidArgument for unusable data or options; Cancelled.
UmniResult umni(const Backend& backend, const Dataset& dataset, const UmniOptions& options = {},
                Seed seed = {}, Observer& observer = silent());

/// The same from sufficient statistics. Bootstrap then draws covariances from their Gaussian law.
UmniResult umni(const Backend& backend, const std::vector<EnvironmentMoments>& moments,
                const UmniOptions& options = {}, Seed seed = {}, Observer& observer = silent());

/// The published procedure from moments R^ij of score differences however they were estimated
/// (all_difference_moments): block (i, j) of [K n, K n]. As many variables as latents; moments of
/// the environments in the same variables serve hard interventions and the scale of latents.
/// @throws DimensionMismatch if sizes disagree; InvalidArgument if options ask for the likelihood
/// or a bootstrap, for which the differences would have to be estimated anew.
UmniResult umni(const Backend& backend, const std::vector<EnvironmentMoments>& moments,
                ConstMatrixView difference_moments, const UmniOptions& options,
                Observer& observer = silent());

/// The result in the shape of all methods; `dataset` is what its moments are of.
LearnedModel learned_model(const UmniResult& result, const Dataset& dataset);

}  // namespace lodestein
