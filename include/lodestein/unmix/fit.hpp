#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "lodestein/core/backend.hpp"
#include "lodestein/core/intervention.hpp"
#include "lodestein/core/observer.hpp"
#include "lodestein/core/random.hpp"
#include "lodestein/data/dataset.hpp"
#include "lodestein/data/moments.hpp"
#include "lodestein/score/estimate.hpp"
#include "lodestein/score/gaussian.hpp"
#include "lodestein/unmix/learned_model.hpp"
#include "lodestein/unmix/noise_removal.hpp"
#include "lodestein/unmix/subspace_choice.hpp"

namespace lodestein {

/// likelihood: profile likelihood with order search and likelihood-ratio pruning, from encoders in
/// the manner of the next two. As published, with their own thresholds: lscale: LSCALE-I (Varici et
/// al.). lcd: linear causal disentanglement (Squires et al. 2023). finite_sample: the variant of
/// LSCALE-I for finite samples (Acarturk et al. 2024).
enum class UnmixMethod { likelihood, lscale, lcd, finite_sample };

/// What latents are as functions of their parents, plus noise. linear: second moments carry the
/// signal. additive: any smooth function; samples are needed, one environment per latent, hard
/// interventions, the likelihood method, and moments won't do.
enum class Mechanism { linear, additive };

struct FitOptions {
  std::size_t latents = 0;  ///< 0: one per interventional environment
  UnmixMethod method = UnmixMethod::likelihood;
  Intervention intervention = Intervention::hard;
  Mechanism mechanism = Mechanism::linear;
  SubspaceChoice subspace = SubspaceChoice::automatic;
  NoiseRemoval observation_noise = NoiseRemoval::automatic;  ///< likelihood of linear mechanisms
  GaussianScoreOptions score{};
  /// lscale, finite_sample: estimator of score differences, averaged where environments overlap,
  /// for latents that aren't linear. Nothing: Gaussian scores.
  std::optional<DifferenceMethod> differences{};
  /// lscale: edge if [R^m]_jj in latent coordinates is at least this;
  /// published 1e-3.
  double lscale_edge_threshold = 1e-3;
  /// lcd: share of the largest singular value at which a projected difference
  /// counts as rank one (published 0.99), and the |B_0| entry that counts as an edge (published
  /// 0.04 on real data).
  double lcd_rank_one_acceptance = 0.99;
  double lcd_edge_threshold = 0.04;
  /// finite_sample: as FiniteSampleOptions, published 1e-2 and 0.1.
  double finite_eigenvalue_threshold = 1e-2;
  double finite_orthogonality_threshold = 0.1;
  std::size_t bootstrap = 0;     ///< replicates for edge support; 0 = none
  std::size_t null_splits = 64;  ///< pairs of resampled controls behind the diagnosis
};

struct FitResult : LearnedModel {
  FitOptions options;
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

}  // namespace lodestein
