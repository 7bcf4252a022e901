#include <algorithm>

#include "unmix/linear_unmixing.hpp"
#include "unmix/starts.hpp"

namespace lodestein::unmix {
namespace {

Eigen::VectorXd top_eigenvector(const Eigen::MatrixXd& symmetric) {
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(symmetric);
  return solver.eigenvectors().rightCols<1>();
}

// The published scale: each decoder column, in observed coordinates, has largest |entry| 1.
Eigen::MatrixXd published_scale(const Eigen::MatrixXd& encoder, const Eigen::MatrixXd& basis) {
  Eigen::MatrixXd decoder = basis.transpose() * encoder.inverse();
  for (auto column : decoder.colwise()) column /= column.cwiseAbs().maxCoeff();
  return (basis * decoder).inverse();
}

// Too many latents for the exact search: forward edges of the order with most energy.
Digraph forward_edges(const Digraph& graph, const Eigen::MatrixXd& energy) {
  const Order order = forward_order(energy);
  Digraph forward(graph.nodes());
  for (std::size_t t = 0; t < order.size(); ++t) {
    for (std::size_t u = t + 1; u < order.size(); ++u) {
      const auto from = static_cast<std::size_t>(order[t]), to = static_cast<std::size_t>(order[u]);
      if (graph.edge(from, to)) forward.set_edge(from, to);
    }
  }
  return forward;
}

Digraph threshold_graph(const std::vector<Eigen::MatrixXd>& moments, const Eigen::MatrixXd& encoder,
                        double threshold) {
  const Eigen::Index n = encoder.rows();
  const Eigen::MatrixXd decoder = encoder.inverse();
  Eigen::MatrixXd energy(n, n);
  Digraph graph(static_cast<std::size_t>(n));
  for (Eigen::Index m = 0; m < n; ++m) {
    energy.col(m) =
        (decoder.transpose() * moments[static_cast<std::size_t>(m)] * decoder).diagonal();
    for (Eigen::Index j = 0; j < n; ++j) {
      if (j != m && energy(j, m) >= threshold) {
        graph.set_edge(static_cast<std::size_t>(j), static_cast<std::size_t>(m));
      }
    }
  }
  return graph.nodes() <= 24 ? closest_dag(graph) : forward_edges(graph, energy);
}

// Row m minus its regression on the ancestors in the environment that hit m, where a hard
// intervention makes z_m independent of them.
Eigen::MatrixXd regress_out_ancestors(const LinearProblem& problem, const Eigen::MatrixXd& soft,
                                      const Digraph& graph) {
  Eigen::MatrixXd hard = soft;
  for (std::size_t m = 0; m < graph.nodes(); ++m) {
    const std::vector<std::size_t> ancestors = graph.parents(m);
    if (ancestors.empty()) continue;
    const std::vector<Eigen::Index> an(ancestors.begin(), ancestors.end());
    const auto row = static_cast<Eigen::Index>(m);
    const Eigen::MatrixXd cov = soft * problem.covariance[m + 1] * soft.transpose();
    const Eigen::MatrixXd among = cov(an, an);
    const Eigen::VectorXd with = cov(an, row);
    const Eigen::VectorXd u = among.ldlt().solve(with);
    hard.row(row) -= u.transpose() * soft(an, Eigen::all);
  }
  return hard;
}

}  // namespace

std::vector<Eigen::MatrixXd> difference_moments(const LinearProblem& problem,
                                                const std::vector<Eigen::MatrixXd>& precision) {
  std::vector<Eigen::MatrixXd> result;
  for (std::size_t m = 1; m < precision.size(); ++m) {
    const Eigen::MatrixXd difference = precision[m] - precision[0];
    result.push_back(difference * problem.covariance[0] * difference);
  }
  return result;
}

LinearUnmixing lscale(const LinearProblem& problem, const std::vector<Eigen::MatrixXd>& moments,
                      const Eigen::MatrixXd& basis, Intervention intervention,
                      double edge_threshold) {
  LinearUnmixing result;
  result.encoder.resize(problem.latents(), problem.latents());
  for (Eigen::Index m = 0; m < problem.latents(); ++m) {
    result.encoder.row(m) = top_eigenvector(moments[static_cast<std::size_t>(m)]).transpose();
  }
  result.encoder = published_scale(result.encoder, basis);
  result.graph = threshold_graph(moments, result.encoder, edge_threshold);
  if (intervention == Intervention::hard) {
    result.encoder = regress_out_ancestors(problem, result.encoder, result.graph);
    const Digraph pruned = threshold_graph(moments, result.encoder, edge_threshold);
    result.order = topological_order(result.graph).value_or(std::vector<std::size_t>{});
    result.graph = pruned;
  }
  result.order = topological_order(result.graph).value_or(result.order);
  return result;
}

}  // namespace lodestein::unmix
