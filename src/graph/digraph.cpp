#include "lodestein/graph/digraph.hpp"

#include <algorithm>
#include <string>

#include "graph/permutation.hpp"
#include "lodestein/core/error.hpp"

namespace lodestein {
namespace {

std::string edge_name(std::size_t from, std::size_t to) {
  return std::to_string(from) + " -> " + std::to_string(to);
}

bool subset(const std::vector<std::size_t>& small, const std::vector<std::size_t>& large) {
  return std::includes(large.begin(), large.end(), small.begin(), small.end());
}

/// Rows of the adjacency matrix as machine words, so that Warshall's step costs n/64.
class BitRows {
 public:
  explicit BitRows(const Digraph& graph)
      : words_((graph.nodes() + 63) / 64), bits_(graph.nodes() * words_, 0) {
    for (const auto& [from, to] : graph.edges()) {
      bits_[from * words_ + to / 64] |= std::uint64_t{1} << (to % 64);
    }
  }
  bool get(std::size_t i, std::size_t j) const {
    return (bits_[i * words_ + j / 64] >> (j % 64) & 1) != 0;
  }
  void merge(std::size_t into, std::size_t from) {
    for (std::size_t w = 0; w < words_; ++w) bits_[into * words_ + w] |= bits_[from * words_ + w];
  }

 private:
  std::size_t words_;
  std::vector<std::uint64_t> bits_;
};

}  // namespace

Digraph::Digraph(std::size_t nodes, const std::vector<std::pair<std::size_t, std::size_t>>& edges)
    : Digraph(nodes) {
  for (const auto& [from, to] : edges) set_edge(from, to);
}

void Digraph::set_edge(std::size_t from, std::size_t to, bool present) {
  if (from >= nodes_ || to >= nodes_) {
    throw InvalidArgument("graph: edge " + edge_name(from, to) + " leaves the graph of " +
                          std::to_string(nodes_) + " nodes; count nodes from 0");
  }
  if (from == to) {
    throw InvalidArgument("graph: edge " + edge_name(from, to) +
                          " is a self loop; a node can't cause itself");
  }
  adjacency_[from * nodes_ + to] = present ? 1 : 0;
}

std::size_t Digraph::edge_count() const {
  return static_cast<std::size_t>(
      std::count(adjacency_.begin(), adjacency_.end(), std::uint8_t{1}));
}

std::vector<std::pair<std::size_t, std::size_t>> Digraph::edges() const {
  std::vector<std::pair<std::size_t, std::size_t>> result;
  for (std::size_t i = 0; i < nodes_; ++i) {
    for (std::size_t j = 0; j < nodes_; ++j) {
      if (edge(i, j)) result.emplace_back(i, j);
    }
  }
  return result;
}

std::vector<std::size_t> Digraph::parents(std::size_t node) const {
  std::vector<std::size_t> result;
  for (std::size_t i = 0; i < nodes_; ++i) {
    if (edge(i, node)) result.push_back(i);
  }
  return result;
}

std::vector<std::size_t> Digraph::children(std::size_t node) const {
  std::vector<std::size_t> result;
  for (std::size_t j = 0; j < nodes_; ++j) {
    if (edge(node, j)) result.push_back(j);
  }
  return result;
}

std::optional<std::vector<std::size_t>> topological_order(const Digraph& graph) {
  const std::size_t n = graph.nodes();
  std::vector<std::size_t> waiting_for(n);
  for (std::size_t i = 0; i < n; ++i) waiting_for[i] = graph.parents(i).size();

  std::vector<bool> placed(n, false);
  std::vector<std::size_t> order;
  while (order.size() < n) {
    std::size_t next = 0;
    while (next < n && (placed[next] || waiting_for[next] != 0)) ++next;
    if (next == n) return std::nullopt;
    placed[next] = true;
    order.push_back(next);
    for (const std::size_t child : graph.children(next)) --waiting_for[child];
  }
  return order;
}

bool is_acyclic(const Digraph& graph) { return topological_order(graph).has_value(); }

Digraph transitive_closure(const Digraph& graph) {
  const std::size_t n = graph.nodes();
  BitRows reach(graph);
  for (std::size_t k = 0; k < n; ++k) {
    for (std::size_t i = 0; i < n; ++i) {
      if (reach.get(i, k)) reach.merge(i, k);
    }
  }
  Digraph result(n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      if (i != j && reach.get(i, j)) result.set_edge(i, j);
    }
  }
  return result;
}

Digraph transitive_reduction(const Digraph& graph) {
  if (!is_acyclic(graph)) {
    throw InvalidArgument(
        "transitive_reduction: the graph has a cycle, so the reduction isn't unique; "
        "take closest_dag first");
  }
  const Digraph closure = transitive_closure(graph);
  Digraph result = graph;
  for (const auto& [from, to] : graph.edges()) {
    const auto steps = graph.children(from);
    const bool detour = std::any_of(steps.begin(), steps.end(), [&, target = to](std::size_t step) {
      return closure.edge(step, target);
    });
    if (detour) result.set_edge(from, to, false);
  }
  return result;
}

Digraph surrounding_parents(const Digraph& graph) {
  Digraph result(graph.nodes());
  for (const auto& [parent, child] : graph.edges()) {
    if (subset(graph.children(child), graph.children(parent))) result.set_edge(parent, child);
  }
  return result;
}

Digraph permuted(const Digraph& graph, const std::vector<std::size_t>& order) {
  const std::size_t n = graph.nodes();
  require_permutation(order, n, "permuted: order");
  Digraph result(n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      if (graph.edge(order[i], order[j])) result.set_edge(i, j);
    }
  }
  return result;
}

}  // namespace lodestein
