#include "tool/fit_summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tool/text.hpp"
#include "tool/trust.hpp"
#include "unmix/option_names.hpp"

namespace lodestein::tool {
namespace {

std::string edge_text(const LearnedModel& fit, const LatentEdge& edge) {
  std::string text = fmt::format("  {} -> {}   weight {:>6}", fit.latent_names.at(edge.from),
                                 fit.latent_names.at(edge.to), number(edge.weight));
  if (!std::isnan(edge.p_value))
    text += "   p " + p_value_text(edge.p_value);
  else if (!std::isnan(edge.likelihood_ratio))
    text += "   likelihood ratio " + number(edge.likelihood_ratio);
  if (!std::isnan(edge.support)) text += fmt::format("   support {:.0f} %", 100.0 * edge.support);
  return text + "\n";
}

std::string graph_text(const LearnedModel& fit) {
  const bool tested = !fit.edges.empty() && !std::isnan(fit.edges.front().p_value);
  const std::string doubt =
      tested && misfits(fit) ? fmt::format("  p-values {}:\n", if_the_model_held) : "";
  std::string text = fmt::format("Graph: {}, {}\n", counted(fit.latent_names.size(), "latent"),
                                 counted(fit.edges.size(), "edge"));
  text += doubt;
  for (const LatentEdge& edge : fit.edges) text += edge_text(fit, edge);
  return text;
}

/// A method without a graph says how many latents it found.
std::string no_graph_text(const LearnedModel& fit) {
  return counted(fit.latent_names.size(), "latent") + "; this method finds no graph\n";
}

std::string target_text(const LearnedModel& fit, const EnvironmentTarget& target) {
  const std::string latent = hit_latents(fit, target);
  if (uncertain(target))
    return fmt::format("probably hit {}, uncertain (gain {})", latent, number(target.gain));
  return "hit " + latent +
         (std::isnan(target.gain) ? "" : fmt::format("   gain {}", number(target.gain)));
}

std::string targets_text(const LearnedModel& fit) {
  if (fit.targets.empty()) return "";
  std::size_t width = 0;
  for (const EnvironmentTarget& target : fit.targets)
    width = std::max(width, target.environment.size());
  std::string text = "Environments\n";
  for (const EnvironmentTarget& target : fit.targets) {
    text += fmt::format("  {:<{}} {}\n", target.environment, width, target_text(fit, target));
  }
  return text;
}

/// The most severe first.
std::string findings_text(const LearnedModel& fit) {
  std::string text = "Diagnosis\n";
  std::vector<Finding> findings = fit.diagnosis.findings;
  std::stable_sort(findings.begin(), findings.end(),
                   [](const Finding& x, const Finding& y) { return x.severity > y.severity; });
  for (const Finding& finding : findings) {
    text += fmt::format("  {}: {}\n", name_of(severity_names, finding.severity), finding.message);
    if (!finding.remedy.empty()) text += "    " + finding.remedy + "\n";
  }
  if (findings.empty()) text += "  nothing speaks against the assumptions\n";
  return text;
}

}  // namespace

std::string fit_summary(const LearnedModel& fit) {
  if (fit.failed()) {
    const std::string text = "The fit failed.\n" + findings_text(fit);
    return has_graph(fit) ? text + "Not to be trusted:\n" + graph_text(fit) + targets_text(fit)
                          : text;
  }
  std::string text = has_graph(fit) ? graph_text(fit) : no_graph_text(fit);
  text += targets_text(fit) + findings_text(fit);
  if (!fit.identified.empty())
    text += fmt::format("Identified{}: {}\n",
                        misfits(fit) ? fmt::format(", {}", if_the_model_held) : "", fit.identified);
  return text;
}

}  // namespace lodestein::tool
