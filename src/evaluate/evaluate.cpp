#include "lodestein/evaluate/evaluate.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "core/eigen.hpp"
#include "graph/permutation.hpp"
#include "lodestein/core/error.hpp"

namespace lodestein {
namespace {

void require_equal(const std::string& one, std::size_t its, const std::string& other,
                   std::size_t others) {
  if (its == others) return;
  throw DimensionMismatch("evaluate: " + one + ": " + std::to_string(its) + ", but " + other +
                          ": " + std::to_string(others) + "; the two must agree");
}

void check_shapes(const Truth& truth, const Estimate& estimate) {
  const std::size_t n = truth.graph.nodes(), m = estimate.graph.nodes();
  const std::string true_nodes = "nodes of the true graph", nodes = "nodes of the estimated graph";
  require_equal("columns of the true latents", truth.latents.cols(), true_nodes, n);
  require_equal("columns of the estimated latents", estimate.latents.cols(), nodes, m);
  require_equal("rows of the estimated latents", estimate.latents.rows(),
                "rows of the true latents", truth.latents.rows());
  require_equal("entries of the estimated order", estimate.order.size(), nodes, m);
  require_permutation(estimate.order, m, "evaluate: estimated order");
  const bool mixing = !truth.mixing.empty(), encoder = !estimate.encoder.empty();
  if (mixing) require_equal("columns of the mixing", truth.mixing.cols(), true_nodes, n);
  if (encoder) require_equal("rows of the encoder", estimate.encoder.rows(), nodes, m);
  if (mixing && encoder) {
    require_equal("columns of the encoder", estimate.encoder.cols(), "rows of the mixing",
                  truth.mixing.rows());
  }
}

void check_match(const std::vector<std::size_t>& match, std::size_t truths, std::size_t estimates) {
  require_equal("entries of the match", match.size(), "nodes of the true graph", truths);
  std::vector<bool> used(estimates, false);
  for (const std::size_t estimate : match) {
    if (estimate == unmatched) continue;
    if (estimate >= estimates || used[estimate]) {
      throw InvalidArgument("evaluate: match names estimated latent " + std::to_string(estimate) +
                            (estimate < estimates ? " twice" : ", which there isn't"));
    }
    used[estimate] = true;
  }
}

/// By the estimate's own match if it has one.
MatchedCorrelation matched_latents(const Truth& truth, const Estimate& estimate) {
  if (estimate.match.empty()) return mean_correlation_coefficient(truth.latents, estimate.latents);
  const std::size_t n = truth.graph.nodes();
  check_match(estimate.match, n, estimate.graph.nodes());
  const Matrix correlation =
      absolute_correlations(truth.latents, estimate.latents, Correlation::pearson);
  MatchedCorrelation result{0.0, estimate.match};
  for (std::size_t i = 0; i < n; ++i) {
    if (estimate.match[i] != unmatched) result.mean += correlation(i, estimate.match[i]);
  }
  result.mean /= static_cast<double>(n);
  return result;
}

/// The estimated graph over the true nodes; nodes without a match have no edges.
Digraph renamed(const Digraph& graph, const std::vector<std::size_t>& match) {
  Digraph result(match.size());
  for (std::size_t i = 0; i < match.size(); ++i) {
    for (std::size_t j = 0; j < match.size(); ++j) {
      if (match[i] == unmatched || match[j] == unmatched) continue;
      if (graph.edge(match[i], match[j])) result.set_edge(i, j);
    }
  }
  return result;
}

/// True edges between matched nodes that point backwards in the estimated order.
std::size_t renamed_order_errors(const Digraph& truth, const std::vector<std::size_t>& order,
                                 const std::vector<std::size_t>& match) {
  std::vector<std::size_t> place(order.size());
  for (std::size_t a = 0; a < order.size(); ++a) place[order[a]] = a;
  const auto backwards = [&](const std::pair<std::size_t, std::size_t>& edge) {
    const std::size_t from = match[edge.first], to = match[edge.second];
    return from != unmatched && to != unmatched && place[from] > place[to];
  };
  const auto edges = truth.edges();
  return static_cast<std::size_t>(std::count_if(edges.begin(), edges.end(), backwards));
}

/// E[z z^T], not centred. [N, n] -> [n, n].
Matrix second_moment(const Matrix& latents) {
  const auto z = as_eigen(latents);
  return to_matrix((z.transpose() * z / static_cast<double>(latents.rows())).eval());
}

void add_mixing_errors(const Truth& truth, const Estimate& estimate, Evaluation& result) {
  const auto& match = result.match;
  const bool partial = std::find(match.begin(), match.end(), unmatched) != match.end();
  if (partial || truth.mixing.empty() || estimate.encoder.empty()) return;
  const Matrix effective = effective_transform(picked_rows(estimate.encoder, match), truth.mixing);
  result.mixing_error = mixing_error(effective, Digraph(truth.graph.nodes()));
  result.mixing_error_soft = mixing_error(effective, truth.graph);
  if (!truth.second_moment.empty()) {
    result.normalised_error = normalised_error(effective, truth.second_moment);
  } else if (truth.latents.rows() > 0) {
    result.normalised_error = normalised_error(effective, second_moment(truth.latents));
  }
}

}  // namespace

Evaluation evaluate(const Truth& truth, const Estimate& estimate) {
  check_shapes(truth, estimate);
  Evaluation result;
  auto matched = matched_latents(truth, estimate);
  result.mcc = matched.mean;
  result.match = std::move(matched.estimate);
  result.mcc_spearman =
      mean_correlation_coefficient(truth.latents, estimate.latents, Correlation::spearman).mean;
  result.r_squared = linear_r_squared(truth.latents, estimate.latents);

  const Digraph graph = renamed(estimate.graph, result.match);
  result.graph = graph_error(truth.graph, graph);
  result.closure = graph_error(transitive_closure(truth.graph), transitive_closure(graph));
  result.order_errors = renamed_order_errors(truth.graph, estimate.order, result.match);
  add_mixing_errors(truth, estimate, result);
  return result;
}

}  // namespace lodestein
