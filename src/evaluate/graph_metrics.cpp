#include <algorithm>
#include <string>

#include "graph/permutation.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/evaluate/metrics.hpp"

namespace lodestein {
namespace {

/// 1 where there was nothing to find.
double ratio(std::size_t part, std::size_t whole) {
  return whole == 0 ? 1.0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

GraphError graph_error(const Digraph& truth, const Digraph& estimate) {
  if (truth.nodes() != estimate.nodes()) {
    throw DimensionMismatch("graph_error: the true graph has " + std::to_string(truth.nodes()) +
                            " nodes, the estimated one " + std::to_string(estimate.nodes()) +
                            "; compare graphs over the same nodes");
  }
  GraphError error;
  std::size_t found = 0;
  for (std::size_t i = 0; i < truth.nodes(); ++i) {
    for (std::size_t j = i + 1; j < truth.nodes(); ++j) {
      std::size_t extra = 0, missing = 0;
      for (const auto& [from, to] : {std::pair{i, j}, std::pair{j, i}}) {
        const bool there = truth.edge(from, to), said = estimate.edge(from, to);
        found += there && said;
        extra += said && !there;
        missing += there && !said;
      }
      const std::size_t reversed = std::min(extra, missing);
      error.extra += extra - reversed;
      error.missing += missing - reversed;
      error.reversed += reversed;
    }
  }
  error.shd = error.extra + error.missing + error.reversed;
  error.shd_reversal_counts_two = error.shd + error.reversed;
  error.precision = ratio(found, estimate.edge_count());
  error.recall = ratio(found, truth.edge_count());
  error.f1 = ratio(2 * found, estimate.edge_count() + truth.edge_count());
  error.closure_exact = transitive_closure(truth) == transitive_closure(estimate);
  return error;
}

std::size_t order_errors(const Digraph& truth, const std::vector<std::size_t>& order) {
  require_permutation(order, truth.nodes(), "order_errors: order");
  std::size_t backwards = 0;
  for (std::size_t a = 0; a < order.size(); ++a) {
    for (std::size_t b = a + 1; b < order.size(); ++b) backwards += truth.edge(order[b], order[a]);
  }
  return backwards;
}

}  // namespace lodestein
