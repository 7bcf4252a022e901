#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace lodestein {

/// Directed graph on nodes 0..n-1 without self loops; edge(i, j) means i causes j.
class Digraph {
 public:
  Digraph() = default;
  explicit Digraph(std::size_t nodes) : nodes_(nodes), adjacency_(nodes * nodes, 0) {}
  /// @throws InvalidArgument for a self loop or a node out of range.
  Digraph(std::size_t nodes, const std::vector<std::pair<std::size_t, std::size_t>>& edges);

  std::size_t nodes() const { return nodes_; }
  bool edge(std::size_t from, std::size_t to) const { return adjacency_[from * nodes_ + to] != 0; }
  /// @throws InvalidArgument for a self loop or a node out of range.
  void set_edge(std::size_t from, std::size_t to, bool present = true);
  std::size_t edge_count() const;
  /// All edges, ordered by (from, to).
  std::vector<std::pair<std::size_t, std::size_t>> edges() const;
  std::vector<std::size_t> parents(std::size_t node) const;
  std::vector<std::size_t> children(std::size_t node) const;

  friend bool operator==(const Digraph&, const Digraph&) = default;

 private:
  std::size_t nodes_ = 0;
  std::vector<std::uint8_t> adjacency_;
};

/// A causal order (parents first), smallest index first among the possible; nullopt if cyclic.
std::optional<std::vector<std::size_t>> topological_order(const Digraph& graph);
bool is_acyclic(const Digraph& graph);

/// Edge i -> j wherever a directed path i -> j exists (i != j; cycles are fine). Cost: n^3 bit
/// operations.
Digraph transitive_closure(const Digraph& graph);

/// The fewest edges with the same closure. @throws InvalidArgument if cyclic.
Digraph transitive_reduction(const Digraph& graph);

/// Edge j -> i if j is a parent of i and every child of i is a child of j ("surrounding parents").
Digraph surrounding_parents(const Digraph& graph);

/// Nodes renamed: node i of the result is node order[i] of the graph.
/// @throws InvalidArgument unless `order` names every node once.
Digraph permuted(const Digraph& graph, const std::vector<std::size_t>& order);

/// The acyclic subgraph with the most edges, by subset dynamic programme. An acyclic graph of any
/// size comes back unchanged; ties go to the lexicographically first order, as in the published n!
/// search. Exact. Cost: O(2^n n) time, 8 * 2^n bytes. @throws InvalidArgument if the graph is
/// cyclic and n > 24.
Digraph closest_dag(const Digraph& graph);

/// The same with edge weights: keeps the largest total weight. `weights[i*n+j]` >= 0 belongs to
/// edge i -> j; weights without an edge are ignored. A zero weight never keeps an edge by itself,
/// it stays if it happens to point forward. @throws DimensionMismatch unless there are n * n
/// weights, InvalidArgument for a weight that is negative or not finite.
Digraph closest_dag(const Digraph& graph, const std::vector<double>& weights);

}  // namespace lodestein
