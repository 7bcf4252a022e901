#pragma once

#include <string>
#include <vector>

#include "lodestein/core/random.hpp"
#include "lodestein/data/dataset.hpp"

namespace lodestein {

/// One named step with its parameter, as a user writes it:
///   log                     natural logarithm; every value must be > 0
///   log1p                   log(1 + x); every value must be > -1
///   counts-per-million      each row scaled to sum 1e6; value: another sum, or "median"
///   centre                  subtract the pooled column mean
///   standardise             subtract the pooled column mean, divide by the pooled column sd
///   highly-variable=K       keep the K columns of largest pooled variance, in their old order
///   drop-constant           drop columns that don't vary within any environment
///   drop-duplicates         drop columns equal to an earlier one
///   minimum-samples=N       drop interventional environments with fewer than N samples
///   pca=R | pca=gap | pca=parallel   principal components of the pooled within-environment
///                           covariance: R of them, or as many as the largest eigenvalue ratio
///                           (gap) or Horn's parallel analysis (parallel) says
struct PreprocessStep {
  std::string name;
  std::string value;
};

/// Parses "log1p,highly-variable=60,standardise".
/// @throws InvalidArgument naming the unknown step and the nearest known one.
std::vector<PreprocessStep> parse_preprocess_steps(const std::string& text);

/// Applies the steps in order; each is recorded in the result's `preprocessing` with what it did.
/// "Pooled" means over all environments, each sample counting once; the pca and standardise
/// variances are within environments (deviations from each environment's own mean).
/// @throws InvalidArgument naming step, environment, column and row where a step can't apply.
/// Deterministic; the seed is used by parallel analysis only.
Dataset preprocess(Dataset dataset, const std::vector<PreprocessStep>& steps, Seed seed = {});

}  // namespace lodestein
