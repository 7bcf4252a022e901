#pragma once

#include "lodestein/unmix/diagnosis.hpp"
#include "unmix/linear_problem.hpp"
#include "unmix/resample.hpp"

namespace lodestein::unmix {

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
