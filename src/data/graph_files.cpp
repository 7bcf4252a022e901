#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <string>

#include "data/formats.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/data/graph_file.hpp"
#include "lodestein/data/write.hpp"

namespace lodestein {
namespace {

using Edge = std::pair<std::size_t, std::size_t>;
using Labels = std::map<Edge, EdgeLabel>;

Labels checked(const Digraph& graph, const std::vector<std::string>& names,
               const std::vector<EdgeLabel>& labels) {
  if (names.size() != graph.nodes()) {
    throw DimensionMismatch("picture of a graph: " + std::to_string(names.size()) + " names for " +
                            std::to_string(graph.nodes()) + " nodes");
  }
  Labels result;
  for (const auto& label : labels) {
    const bool inside = label.from < graph.nodes() && label.to < graph.nodes();
    if (!inside || !graph.edge(label.from, label.to)) {
      throw InvalidArgument("picture of a graph: there is no edge " + std::to_string(label.from) +
                            " -> " + std::to_string(label.to) + " to label");
    }
    result[{label.from, label.to}] = label;
  }
  return result;
}

template <class Visit>
void for_each_edge(const Digraph& graph, Visit visit) {
  for (std::size_t i = 0; i < graph.nodes(); ++i) {
    for (std::size_t j = 0; j < graph.nodes(); ++j) {
      if (graph.edge(i, j)) visit(i, j);
    }
  }
}

std::string exact(double value) {
  std::array<char, 32> digits;
  return {digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr};
}

/// Three significant digits, for people.
std::string rounded(double value) {
  std::array<char, 32> digits;
  return {digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value,
                                       std::chars_format::general, 3)
                             .ptr};
}

/// Graphviz reads backslash escapes and HTML entities in a quoted name.
std::string dot_quoted(const std::string& name) {
  std::string text = "\"";
  for (const char c : name) {
    if (c == '\n') {
      text += "\\n";
    } else if (c == '&') {
      text += "&amp;";
    } else if (static_cast<unsigned char>(c) >= 0x20) {
      if (c == '"' || c == '\\') text += '\\';
      text += c;
    }
  }
  return text + '"';
}

std::string dot_attributes(const EdgeLabel& label) {
  std::string text = " [label=\"" + rounded(label.weight);
  if (std::isnan(label.support)) return text + "\"]";
  text += "\\n" + rounded(100 * label.support) + "%\", penwidth=";
  return text + rounded(0.5 + 2 * label.support) + "]";
}

/// XML 1.0 forbids control characters altogether.
std::string xml_escaped(const std::string& name) {
  std::string text;
  for (const char c : name) {
    switch (c) {
      case '&':
        text += "&amp;";
        break;
      case '<':
        text += "&lt;";
        break;
      case '>':
        text += "&gt;";
        break;
      case '"':
        text += "&quot;";
        break;
      default:
        if (static_cast<unsigned char>(c) >= 0x20 || c == '\t' || c == '\n') text += c;
    }
  }
  return text;
}

std::string xml_data(const char* key, const std::string& value) {
  return std::string("<data key=\"") + key + "\">" + value + "</data>";
}

}  // namespace

std::string to_dot(const Digraph& graph, const std::vector<std::string>& names,
                   const std::vector<EdgeLabel>& labels) {
  const Labels label_of = checked(graph, names, labels);
  std::string text = "digraph {\n";
  for (const auto& name : names) text += "  " + dot_quoted(name) + ";\n";
  for_each_edge(graph, [&](std::size_t i, std::size_t j) {
    text += "  " + dot_quoted(names[i]) + " -> " + dot_quoted(names[j]);
    const auto label = label_of.find({i, j});
    if (label != label_of.end()) text += dot_attributes(label->second);
    text += ";\n";
  });
  return text + "}\n";
}

std::string to_graphml(const Digraph& graph, const std::vector<std::string>& names,
                       const std::vector<EdgeLabel>& labels) {
  const Labels label_of = checked(graph, names, labels);
  std::string text =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\">\n"
      "  <key id=\"name\" for=\"node\" attr.name=\"name\" attr.type=\"string\"/>\n"
      "  <key id=\"weight\" for=\"edge\" attr.name=\"weight\" attr.type=\"double\"/>\n"
      "  <key id=\"support\" for=\"edge\" attr.name=\"support\" attr.type=\"double\"/>\n"
      "  <graph edgedefault=\"directed\">\n";
  for (std::size_t i = 0; i < names.size(); ++i) {
    text += "    <node id=\"n" + std::to_string(i) + "\">";
    text += xml_data("name", xml_escaped(names[i])) + "</node>\n";
  }
  for_each_edge(graph, [&](std::size_t i, std::size_t j) {
    text += "    <edge source=\"n" + std::to_string(i) + "\" target=\"n" + std::to_string(j);
    const auto label = label_of.find({i, j});
    if (label == label_of.end()) {
      text += "\"/>\n";
      return;
    }
    text += "\">" + xml_data("weight", exact(label->second.weight));
    if (!std::isnan(label->second.support)) {
      text += xml_data("support", exact(label->second.support));
    }
    text += "</edge>\n";
  });
  return text + "  </graph>\n</graphml>\n";
}

Digraph read_graph_csv(const std::filesystem::path& path, const std::vector<std::string>& names) {
  ReadOptions options;
  options.features = names;
  const Matrix matrix = read_csv_samples(path, options, silent()).samples;
  if (matrix.rows() != names.size()) {
    throw IoError(path.string() + ": has " + std::to_string(matrix.rows()) + " rows for " +
                  std::to_string(names.size()) + " latents");
  }
  Digraph graph(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    for (std::size_t j = 0; j < names.size(); ++j) {
      const double value = matrix(i, j);
      if (value == 0.0) continue;
      if (value != 1.0 || i == j) {
        throw IoError(path.string() + ": row " + names[i] + ", column " + names[j] +
                      ": an adjacency matrix has 0 and 1 only, and 0 on its diagonal");
      }
      graph.set_edge(i, j);
    }
  }
  return graph;
}

}  // namespace lodestein
