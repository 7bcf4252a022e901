#include "tool/graph_picture.hpp"

#include <fmt/format.h>
#include <graphviz/gvc.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "lodestein/core/error.hpp"
#include "tool/html.hpp"
#include "tool/text.hpp"

namespace lodestein::tool {
namespace {

constexpr std::size_t environments_shown = 3;

struct ContextDeleter {
  void operator()(GVC_t* context) const { gvFreeContext(context); }
};
struct GraphDeleter {
  void operator()(Agraph_t* graph) const { agclose(graph); }
};
struct RenderDeleter {
  void operator()(char* data) const { gvFreeRenderData(data); }
};

std::vector<std::string> environments_of(const LearnedModel& fit, std::size_t latent) {
  std::vector<std::string> names;
  for (const EnvironmentTarget& target : fit.targets)
    if (std::find(target.latents.begin(), target.latents.end(), latent) != target.latents.end())
      names.push_back(shortened(target.environment, 20));
  if (names.size() > environments_shown) {
    const std::size_t more = names.size() - environments_shown;
    names.resize(environments_shown);
    names.push_back(fmt::format("and {} more", more));
  }
  return names;
}

/// A node's HTML-like label: its name over the environments that hit it.
std::string node_line(const LearnedModel& fit, std::size_t latent) {
  const std::string name = escaped(shortened(fit.latent_names.at(latent), 24));
  std::string label = "<b>" + name + "</b>";
  for (const std::string& environment : environments_of(fit, latent))
    label += "<br/><font point-size=\"10\" color=\"#5b6775\">" + escaped(environment) + "</font>";
  return fmt::format("  n{} [label=<{}>];\n", latent, label);
}

std::string edge_label(const LatentEdge& edge, bool is_short) {
  std::string label = "  " + number(edge.weight);  // room beside the arrow
  if (is_short) return label;
  if (!std::isnan(edge.support))
    label += fmt::format("\\n  {:.0f} %", 100.0 * edge.support);
  else if (!std::isnan(edge.p_value))
    label +=
        fmt::format("\\n  p {}{}", edge.p_value < 1e-16 ? "" : "= ", p_value_text(edge.p_value));
  return label;
}

std::string edge_line(const LatentEdge& edge, bool is_short) {
  const double strength = std::isnan(edge.support) ? std::abs(edge.weight) : edge.support;
  const double width = 1.0 + 3.0 * (std::isfinite(strength) ? std::min(strength, 1.0) : 0.0);
  return fmt::format("  n{} -> n{} [label=\"{}\", penwidth={:.2f}, class=\"{}\"];\n", edge.from,
                     edge.to, edge_label(edge, is_short), width,
                     edge.weight < 0.0 ? "negative" : "positive");
}

std::string dot_text(const LearnedModel& fit) {
  std::string dot =
      "digraph latents {\n"
      "  graph [bgcolor=transparent, pad=0.1, nodesep=0.55, ranksep=0.65];\n"
      "  node [shape=box, style=rounded, fontname=\"Helvetica,Arial,sans-serif\", fontsize=14, "
      "margin=\"0.22,0.10\"];\n"
      "  edge [fontname=\"Helvetica,Arial,sans-serif\", fontsize=10, arrowsize=0.7];\n";
  for (std::size_t i = 0; i < fit.latent_names.size(); ++i) dot += node_line(fit, i);
  for (const LatentEdge& edge : fit.edges) dot += edge_line(edge, fit.edges.size() > many_edges);
  return dot + "}\n";
}

/// Without the XML header, which has no place inside an HTML page.
std::string svg_element(const std::string& document) {
  const std::size_t start = document.find("<svg");
  if (start == std::string::npos) throw Error("Graphviz gave no SVG; reinstall graphviz");
  return document.substr(start);
}

}  // namespace

std::string graph_picture_svg(const LearnedModel& fit) {
  if (fit.graph.nodes() == 0) return "";
  const std::unique_ptr<GVC_t, ContextDeleter> context(gvContext());
  const std::unique_ptr<Agraph_t, GraphDeleter> graph(agmemread(dot_text(fit).c_str()));
  if (!context || !graph) throw Error("Graphviz cannot read the graph");
  if (gvLayout(context.get(), graph.get(), "dot") != 0)
    throw Error("Graphviz cannot lay out the graph; reinstall graphviz");
  char* data = nullptr;
  unsigned int length = 0;
  const int failure = gvRenderData(context.get(), graph.get(), "svg", &data, &length);
  const std::unique_ptr<char, RenderDeleter> owner(data);
  gvFreeLayout(context.get(), graph.get());
  if (failure != 0 || !data) throw Error("Graphviz cannot draw the graph; reinstall graphviz");
  return svg_element(std::string(data, length));
}

}  // namespace lodestein::tool
