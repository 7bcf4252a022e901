#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "lodestein/core/matrix.hpp"

namespace lodestein {

/// Samples taken under one condition.
struct Environment {
  std::string name;
  std::vector<std::string> targets;  ///< what the intervention aimed at, if known; often empty
  Matrix samples;                    ///< [samples, features]
};

/// A preprocessing step as it was applied, kept with the data and in every result.
struct AppliedStep {
  std::string name;    ///< e.g. "log1p"
  std::string detail;  ///< e.g. "60 of 299 columns kept"
};

/// One observational environment (always the first) and K >= 0 interventional ones over the same
/// features.
struct Dataset {
  std::vector<std::string> features;
  std::vector<Environment> environments;
  std::vector<AppliedStep> preprocessing;

  std::size_t feature_count() const { return features.size(); }
  std::size_t interventions() const { return environments.empty() ? 0 : environments.size() - 1; }
  std::size_t sample_count() const;
  const Environment& observational() const { return environments.front(); }
};

/// Checks what every method needs and says everything that is wrong in one message: at least
/// `minimum_interventions` interventional environments, 0 or 1, equal numbers of features, finite
/// values (count and first place), no column constant within every environment, no two equal
/// columns, at least `minimum_samples` samples per environment.
/// @throws InvalidArgument naming environment and column, with the remedy.
/// Cost: two passes over the data.
void validate(const Dataset& dataset, std::size_t minimum_samples,
              std::size_t minimum_interventions = 1);

}  // namespace lodestein
