#include <algorithm>

#include "unmix/linear_unmixing.hpp"

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

Digraph threshold_graph(const std::vector<Eigen::MatrixXd>& moments, const Eigen::MatrixXd& encoder,
                        double threshold) {
  const Eigen::Index n = encoder.rows();
  const Eigen::MatrixXd decoder = encoder.inverse();
  Digraph graph(static_cast<std::size_t>(n));
  for (Eigen::Index m = 0; m < n; ++m) {
    const Eigen::MatrixXd latent =
        decoder.transpose() * moments[static_cast<std::size_t>(m)] * decoder;
    for (Eigen::Index j = 0; j < n; ++j) {
      if (j != m && latent(j, j) >= threshold) {
        graph.set_edge(static_cast<std::size_t>(j), static_cast<std::size_t>(m));
      }
    }
  }
  return graph.nodes() <= 24 ? closest_dag(graph) : graph;
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

std::vector<Eigen::MatrixXd> precisions(const LinearProblem& problem) {
  std::vector<Eigen::MatrixXd> result;
  for (const Eigen::MatrixXd& covariance : problem.covariance) {
    result.push_back(
        covariance.llt().solve(Eigen::MatrixXd::Identity(covariance.rows(), covariance.cols())));
  }
  return result;
}

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
