#include "unmix/edge_tests.hpp"

#include <algorithm>
#include <vector>

namespace lodestein::unmix {
namespace {

// Largest of the p-values that passes; negative if none.
double benjamini_hochberg(std::vector<double> p, double level) {
  std::sort(p.begin(), p.end());
  for (std::size_t k = p.size(); k > 0; --k)
    if (p[k - 1] <= level * static_cast<double>(k) / static_cast<double>(p.size())) return p[k - 1];
  return -1.0;
}

}  // namespace

TestedGraph tested_graph(const Eigen::MatrixXd& p_value, double false_edges) {
  constexpr double least = 1e-300;
  TestedGraph result{forward_order(-p_value.array().max(least).log().matrix()),
                     Digraph(static_cast<std::size_t>(p_value.rows()))};
  const Order& order = result.order;
  const auto doubled = [&](std::size_t t, std::size_t u) {
    return std::min(1.0, 2.0 * p_value(order[t], order[u]));
  };
  std::vector<double> forward;
  for (std::size_t t = 0; t < order.size(); ++t)
    for (std::size_t u = t + 1; u < order.size(); ++u) forward.push_back(doubled(t, u));
  const double largest = benjamini_hochberg(forward, false_edges);
  for (std::size_t t = 0; t < order.size(); ++t) {
    for (std::size_t u = t + 1; u < order.size(); ++u) {
      if (doubled(t, u) <= largest)
        result.graph.set_edge(static_cast<std::size_t>(order[t]),
                              static_cast<std::size_t>(order[u]));
    }
  }
  return result;
}

}  // namespace lodestein::unmix
