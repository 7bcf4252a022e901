#pragma once

#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "lodestein/core/finding.hpp"
#include "lodestein/unmix/subspace_choice.hpp"

namespace lodestein {

/// How one interventional environment differs from the observational one. NaN is what a method
/// doesn't look at.
struct EnvironmentDiagnosis {
  std::string name;
  std::size_t samples = 0;
  double condition = 0.0;               ///< of its covariance in latent dimensions
  std::vector<double> singular_values;  ///< of Theta_m - Theta_0 (whitened by S_0), descending
  std::size_t rank = 0;                 ///< singular values above the null's 95% quantile
  double eigen_gap = 0.0;               ///< second over first singular value
  double rank_one_ratio = 0.0;          ///< s_1^2 / sum s^2; 1 for a single root-node change
  double null_rank_one_ratio = 0.0;     ///< median over pairs of resampled controls
  double effect = 0.0;                  ///< sqrt(sum s^2)
  double null_effect = 0.0;             ///< median over pairs of resampled controls
  double p_value = 1.0;                 ///< of the effect against the null
  /// Misfit of the refined model in this environment; about 1 if it holds with Gaussian noise. NaN
  /// without refinement.
  double deviance_per_dof = 0.0;
};

struct Diagnosis {
  std::vector<Finding> findings;
  std::vector<EnvironmentDiagnosis> environments;
  std::vector<double> pooled_eigenvalues;  ///< of the pooled covariance, descending, at most 64
  /// How much directions differ between environments, nats a sample, descending, at most 64; empty
  /// where there was nothing to choose.
  std::vector<double> differing;
  SubspaceChoice subspace = SubspaceChoice::variance;  ///< what the latents are sought in
  double explained_variance = 1.0;                     ///< of the kept latent subspace
  double encoder_condition = 0.0;
  /// Misfit of the whole model; about 1 if it holds with Gaussian noise.
  double deviance_per_dof = std::numeric_limits<double>::quiet_NaN();

  bool failed() const {
    for (const Finding& finding : findings)
      if (finding.severity == Severity::failure) return true;
    return false;
  }
};

}  // namespace lodestein
