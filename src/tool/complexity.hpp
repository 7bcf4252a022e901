#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "lodestein/simulate/sample_complexity.hpp"

namespace lodestein::tool {

/// "Sample complexity: eta* 0.13, gamma* 1.2, beta 0.004, beta_min 11".
std::string complexity_text(const SampleComplexity& complexity);

/// null where there is none; an unknown eta is null, too.
nlohmann::ordered_json complexity_json(const std::optional<SampleComplexity>& complexity);

}  // namespace lodestein::tool
