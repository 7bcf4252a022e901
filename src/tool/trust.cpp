#include "tool/trust.hpp"

#include <algorithm>

namespace lodestein::tool {

bool misfits(const FitResult& fit) {
  const auto& findings = fit.diagnosis.findings;
  return std::any_of(findings.begin(), findings.end(),
                     [](const Finding& finding) { return finding.code == "model-misfit"; });
}

bool has_graph(const FitResult& fit) { return fit.encoder.rows() > 0; }

bool uncertain(const EnvironmentTarget& target) { return target.latent && target.gain < 0.0; }

}  // namespace lodestein::tool
