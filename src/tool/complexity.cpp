#include "tool/complexity.hpp"

#include <fmt/format.h>

#include <cmath>

#include "tool/text.hpp"

namespace lodestein::tool {

std::string complexity_text(const SampleComplexity& complexity) {
  const std::string eta =
      std::isnan(complexity.eta) ? "unknown (too many environments)" : number(complexity.eta);
  return fmt::format("Sample complexity: eta* {}, gamma* {}, beta {}, beta_min {}", eta,
                     number(complexity.gamma), number(complexity.beta),
                     number(complexity.beta_min));
}

nlohmann::ordered_json complexity_json(const std::optional<SampleComplexity>& complexity) {
  using Json = nlohmann::ordered_json;
  if (!complexity) return {};
  return {{"eta", std::isnan(complexity->eta) ? Json() : Json(complexity->eta)},
          {"gamma", complexity->gamma},
          {"beta", complexity->beta},
          {"beta_min", complexity->beta_min}};
}

}  // namespace lodestein::tool
