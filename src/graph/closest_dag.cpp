#include <bit>
#include <cmath>
#include <string>

#include "lodestein/core/error.hpp"
#include "lodestein/graph/digraph.hpp"

namespace lodestein {
namespace {

constexpr std::size_t largest = 24;
using Set = std::uint32_t;  ///< bit i stands for node i

/// Total weight of the edges from one node into a set, in two look-ups: half the nodes each.
class Outflow {
 public:
  Outflow(const double* weights, std::size_t n)
      : low_bits_(n / 2), low_mask_((Set{1} << low_bits_) - 1) {
    low_ = sums(weights, low_bits_);
    high_ = sums(weights + low_bits_, n - low_bits_);
  }
  double operator()(Set into) const { return low_[into & low_mask_] + high_[into >> low_bits_]; }

 private:
  static std::vector<double> sums(const double* weights, std::size_t n) {
    std::vector<double> result(std::size_t{1} << n, 0.0);
    for (Set set = 1; set < result.size(); ++set) {
      const auto last = static_cast<std::size_t>(std::bit_width(set) - 1);
      result[set] = result[set ^ (Set{1} << last)] + weights[last];
    }
    return result;
  }

  std::size_t low_bits_;
  Set low_mask_;
  std::vector<double> low_, high_;
};

/// The order whose forward edges weigh most: best(S) = max over the node i that comes first in S of
/// weight(i -> S without i) + best(S without i). [n, n] weights, 0 where there is no edge.
class OrderSearch {
 public:
  OrderSearch(const std::vector<double>& weights, std::size_t n) : best_(std::size_t{1} << n, 0.0) {
    for (std::size_t i = 0; i < n; ++i) outflow_.emplace_back(weights.data() + i * n, n);
    for (Set set = 1; set < best_.size(); ++set) best_[set] = gain(set, first(set));
  }

  std::vector<std::size_t> order() const {
    std::vector<std::size_t> result;
    for (Set set = static_cast<Set>(best_.size() - 1); set != 0;) {
      result.push_back(first(set));
      set ^= Set{1} << result.back();
    }
    return result;
  }

 private:
  double gain(Set set, std::size_t i) const {
    const Set rest = set ^ (Set{1} << i);
    return outflow_[i](rest) + best_[rest];
  }

  /// Smallest index wins a tie, so that the whole order is the lexicographically first optimum.
  std::size_t first(Set set) const {
    auto winner = static_cast<std::size_t>(std::countr_zero(set));
    double most = gain(set, winner);
    for (Set left = set & (set - 1); left != 0; left &= left - 1) {
      const auto i = static_cast<std::size_t>(std::countr_zero(left));
      const double candidate = gain(set, i);
      if (candidate > most) {
        most = candidate;
        winner = i;
      }
    }
    return winner;
  }

  std::vector<Outflow> outflow_;
  std::vector<double> best_;
};

/// Weights of the edges alone; everything else is 0.
std::vector<double> edge_weights(const Digraph& graph, const std::vector<double>& weights) {
  const std::size_t n = graph.nodes();
  if (weights.size() != n * n) {
    throw DimensionMismatch("closest_dag: " + std::to_string(weights.size()) + " weights for " +
                            std::to_string(n) + " nodes; give one for each ordered pair, " +
                            std::to_string(n * n));
  }
  std::vector<double> result(n * n, 0.0);
  for (const auto& [from, to] : graph.edges()) {
    const double weight = weights[from * n + to];
    if (!(weight >= 0.0) || !std::isfinite(weight)) {
      throw InvalidArgument("closest_dag: the weight of edge " + std::to_string(from) + " -> " +
                            std::to_string(to) + " is " + std::to_string(weight) +
                            "; give a finite number >= 0");
    }
    result[from * n + to] = weight;
  }
  return result;
}

Digraph forward_edges(const Digraph& graph, const std::vector<std::size_t>& order) {
  Digraph result(graph.nodes());
  for (std::size_t a = 0; a < order.size(); ++a) {
    for (std::size_t b = a + 1; b < order.size(); ++b) {
      if (graph.edge(order[a], order[b])) result.set_edge(order[a], order[b]);
    }
  }
  return result;
}

}  // namespace

Digraph closest_dag(const Digraph& graph) {
  return closest_dag(graph, std::vector<double>(graph.nodes() * graph.nodes(), 1.0));
}

Digraph closest_dag(const Digraph& graph, const std::vector<double>& weights) {
  const auto checked = edge_weights(graph, weights);
  if (is_acyclic(graph)) return graph;
  if (graph.nodes() > largest) {
    throw InvalidArgument("closest_dag: a cyclic graph of " + std::to_string(graph.nodes()) +
                          " nodes is too large for the exact search; " + std::to_string(largest) +
                          " is the most. Break the cycles by an order of your own");
  }
  return forward_edges(graph, OrderSearch(checked, graph.nodes()).order());
}

}  // namespace lodestein
