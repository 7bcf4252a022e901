#pragma once

#include <Eigen/Dense>
#include <functional>
#include <string>

#include "lodestein/unmix/diagnosis.hpp"
#include "unmix/linear_problem.hpp"
#include "unmix/resample.hpp"

namespace lodestein::unmix {

/// Adds one warning that names all environments `applies(k)` is true of, if any.
void find_environments(Diagnosis& diagnosis, const char* code, const std::string& what,
                       const std::string& remedy, const std::function<bool(std::size_t)>& applies);

/// Adds the finding "more-directions" unless what the latent subspace leaves out looks like noise
/// of one strength in all directions, see even_noise_p_value(). Noise that isn't Gaussian or
/// differs between features is reported, too: the subspace of principal components is then biased.
void find_directions(const Eigen::VectorXd& eigenvalues, std::size_t latents, double samples,
                     Diagnosis& diagnosis);

/// Compares every interventional environment's Theta_m - Theta_0 (whitened by S_0) with
/// `splits` pairs of resampled controls of the same sizes, and tests whether together they span all
/// latent directions. Fills `environments` and adds findings "weak-environment", "several-targets",
/// "few-samples", "no-null" and "rank-too-low".
void diagnose_environments(const LinearProblem& problem,
                           const std::vector<std::string>& environment_names,
                           const Resampler& resampler, std::size_t splits, Diagnosis& diagnosis);

/// Adds the finding "model-misfit" where a deviance per degree of freedom is above 3.
void find_misfits(Diagnosis& diagnosis);

}  // namespace lodestein::unmix
