#pragma once

#include <cstdint>
#include <numeric>
#include <vector>

#include "lodestein/core/random.hpp"
#include "lodestein/graph/digraph.hpp"

namespace lodestein::testing {

/// Every directed graph on n nodes without self loops, 2^(n(n-1)) of them.
inline std::vector<Digraph> all_digraphs(std::size_t n) {
  std::vector<Digraph> result;
  const std::size_t pairs = n < 2 ? 0 : n * (n - 1);
  for (std::uint32_t code = 0; code < (std::uint32_t{1} << pairs); ++code) {
    Digraph graph(n);
    std::uint32_t bits = code;
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        if (i == j) continue;
        graph.set_edge(i, j, (bits & 1u) != 0);
        bits >>= 1;
      }
    }
    result.push_back(graph);
  }
  return result;
}

inline std::vector<Digraph> all_dags(std::size_t n) {
  std::vector<Digraph> result;
  for (const Digraph& graph : all_digraphs(n)) {
    if (is_acyclic(graph)) result.push_back(graph);
  }
  return result;
}

inline Digraph random_digraph(std::size_t n, double density, Draws& draws) {
  Digraph graph(n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      if (i != j && draws.uniform() < density) graph.set_edge(i, j);
    }
  }
  return graph;
}

inline std::vector<std::size_t> identity_order(std::size_t n) {
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  return order;
}

inline std::vector<std::size_t> random_order(std::size_t n, Draws& draws) {
  auto order = identity_order(n);
  for (std::size_t i = n; i > 1; --i) {
    std::swap(order[i - 1], order[draws.below(static_cast<std::uint32_t>(i))]);
  }
  return order;
}

}  // namespace lodestein::testing
