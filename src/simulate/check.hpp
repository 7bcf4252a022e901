#pragma once

#include <cmath>
#include <cstddef>
#include <sstream>
#include <string_view>

#include "lodestein/core/error.hpp"
#include "lodestein/simulate/study.hpp"

namespace lodestein {

/// @throws InvalidArgument naming the option, its value and the allowed range.
template <class Value>
void check_option(bool allowed, std::string_view name, Value value, std::string_view range) {
  if (allowed) return;
  std::ostringstream message;
  message << "option " << name << " = " << value << ": must be " << range;
  throw InvalidArgument(message.str());
}

inline void check_finite(std::string_view name, double value) {
  check_option(std::isfinite(value), name, value, "a finite number");
}
inline void check_positive(std::string_view name, double value) {
  check_option(value > 0.0 && std::isfinite(value), name, value, "greater than 0 and finite");
}
inline void check_not_negative(std::string_view name, double value) {
  check_option(value >= 0.0 && std::isfinite(value), name, value, "at least 0 and finite");
}

void check(const LatentModelOptions& options);
void check(const MixingOptions& options, std::size_t latents);
void check(const StudyOptions& options);

/// Whether score differences are linear in the latents, so that their moments have a closed form.
bool linear_differences(const LatentModel& model,
                        const std::vector<InterventionSpec>& interventions);

/// Environments of a study, the observational one among them.
std::size_t environment_count(const StudyOptions& options);

}  // namespace lodestein
