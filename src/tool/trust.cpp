#include "tool/trust.hpp"

#include <algorithm>

#include "tool/text.hpp"

namespace lodestein::tool {

bool misfits(const LearnedModel& fit) {
  const auto& findings = fit.diagnosis.findings;
  return std::any_of(findings.begin(), findings.end(), [](const Finding& finding) {
    return finding.code == "model-misfit" || finding.code == "leakage";
  });
}

bool has_graph(const LearnedModel& fit) { return fit.graph.nodes() > 0; }

std::string hit_latents(const LearnedModel& fit, const EnvironmentTarget& target) {
  if (target.latents.empty()) return "no latent";
  std::vector<std::string> names;
  for (const std::size_t latent : target.latents) names.push_back(fit.latent_names.at(latent));
  return joined(names);
}

bool uncertain(const EnvironmentTarget& target) {
  return !target.latents.empty() && target.gain < 0.0;
}

}  // namespace lodestein::tool
