#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "lodestein/core/backend.hpp"
#include "lodestein/core/finding.hpp"
#include "lodestein/core/matrix.hpp"
#include "lodestein/core/observer.hpp"
#include "lodestein/data/dataset.hpp"
#include "lodestein/data/moments.hpp"
#include "lodestein/unmix/learned_model.hpp"
#include "lodestein/unmix/subspace_choice.hpp"

namespace lodestein {

struct DoInterventionOptions {
  std::size_t latents = 0;  ///< of the whole model, hit or not; 0: as many as are hit
  SubspaceChoice subspace = SubspaceChoice::automatic;
};

/// The latent that some environments hold constant.
struct ConstantLatent {
  std::vector<std::string> environments;
  double variance_ratio = 0.0;  ///< variance under do over observational; 0 if truly constant
  double next_ratio = 0.0;      ///< of the next direction: far above if the latent is identified
};

/// z = encoder (x - centre), latents at unit observational variance; latent i is the one that
/// latents[i].environments hold constant.
struct DoInterventionResult {
  std::vector<double> centre;  ///< [d]
  Matrix encoder;              ///< [m, d], m the number of latents that are hit
  std::vector<ConstantLatent> latents;
  std::vector<Finding> findings;
  std::string identified;
  std::vector<std::string> assumptions;
};

/// Unmixing by do-interventions, which hold one latent constant (Ahuja, Mahajan, Wang, Bengio, ICML
/// 2023): the direction of least variance under do relative to the observational one, smallest
/// generalised eigenvector of (S_do, S_0). No value of the constant has to be known. Environments
/// that name the same targets hold the same latent, perhaps at other constants: their
/// within-environment covariances are pooled; without targets each has its own latent. Linear
/// mixing of any latents, or a representation that is linear in them. All eigenproblems are one
/// batch of the backend, in n directions.
/// @throws InvalidArgument for unusable moments or options, DimensionMismatch if sizes disagree;
/// Cancelled. Deterministic. Cost: d^3 + m n^3.
DoInterventionResult do_interventions(const Backend& backend,
                                      const std::vector<EnvironmentMoments>& moments,
                                      const DoInterventionOptions& options = {},
                                      Observer& observer = silent());

/// The result in the shape of all methods; `dataset` is what its moments are of.
LearnedModel learned_model(const DoInterventionResult& result, const Dataset& dataset);

}  // namespace lodestein
