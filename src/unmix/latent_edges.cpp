#include "unmix/latent_edges.hpp"

#include <algorithm>
#include <limits>

#include "unmix/chi_square.hpp"

namespace lodestein::unmix {

using Eigen::Index;
using Eigen::MatrixXd;

std::vector<LatentEdge> latent_edges(const MatrixXd& covariance, const Digraph& graph,
                                     const std::vector<RefinedEdge>& refined) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  std::vector<LatentEdge> edges;
  for (const auto& [from, to] : graph.edges()) {
    const std::vector<std::size_t> parents = graph.parents(to);
    const std::vector<Index> pa(parents.begin(), parents.end());
    const MatrixXd among = covariance(pa, pa);
    const Eigen::VectorXd with = covariance(pa, static_cast<Index>(to));
    const Eigen::VectorXd weights = among.ldlt().solve(with);
    const auto place = std::find(parents.begin(), parents.end(), from) - parents.begin();
    edges.push_back({from, to, weights(place), nan, nan, nan});
  }
  for (const RefinedEdge& known : refined) {
    for (LatentEdge& edge : edges) {
      if (edge.from != static_cast<std::size_t>(known.from)) continue;
      if (edge.to != static_cast<std::size_t>(known.to)) continue;
      edge.likelihood_ratio = known.likelihood_ratio;
      if (known.has_law) edge.p_value = chi_square_tail(known.likelihood_ratio, known.degrees);
    }
  }
  return edges;
}

}  // namespace lodestein::unmix
