#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/eigen.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/score/cross_fit.hpp"
#include "lodestein/unmix/gscale.hpp"
#include "unmix/edge_tests.hpp"
#include "unmix/pairing.hpp"
#include "unmix/starts.hpp"

namespace lodestein {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::RowVectorXd;
using unmix::EnvironmentPairs;

constexpr double rounding = 1.0 / 65536.0;  // of fp32 numbers after some thousand operations
constexpr double beyond_leakage = 2.0;      // the largest leakage seen is no bound of the next

Index at(std::size_t i) { return static_cast<Index>(i); }

RowVectorXd mean_squares(const Matrix& d) { return as_eigen(d).array().square().colwise().mean(); }

// [j, i]: E[d_j^2] / E[d_i^2] of one environment that hits i.
void add_relative(const RowVectorXd& squares, std::size_t hit, double share, MatrixXd& energy) {
  if (!(squares(at(hit)) > 0.0))
    throw InvalidArgument("gscale graph: an intervention on latent " + std::to_string(hit) +
                          " leaves its score as it is; leave the environment out");
  energy.col(at(hit)) += share * squares.transpose() / squares(at(hit));
}

// What a pair shows of latents that it doesn't hit, at [j]: the largest over the others.
Eigen::VectorXd floors(const GscaleResult& result, const PairedDifferences& p) {
  const std::size_t n = result.pairs.size();
  MatrixXd pair_energy = MatrixXd::Zero(at(n), at(n));
  for (std::size_t i = 0; i < n; ++i) {
    const auto& [a, b] = result.pairs[i];
    const Matrix difference =
        to_matrix((as_eigen(p.observational[b]) - as_eigen(p.observational[a])).eval());
    add_relative(mean_squares(result.map.pull(p.points, difference)), i, 1.0, pair_energy);
  }
  pair_energy.diagonal().setZero();
  const Eigen::ArrayXd leaks = pair_energy.rowwise().maxCoeff().array();
  return (beyond_leakage * beyond_leakage * leaks).max(rounding * rounding).matrix();
}

// Moments of both environments of a pair, each in units of its own latent's.
CrossMoments summed_over_pairs(const CrossMoments& moments, const EnvironmentPairs& pairs) {
  CrossMoments result{{}, moments.splits, {}};
  const DifferenceMoments means = moments.mean();
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    result.environments.push_back("pair " + std::to_string(i + 1));
    std::vector<Matrix> sum(moments.values.front().size(), Matrix(pairs.size(), pairs.size()));
    for (const std::size_t m : {pairs[i].first, pairs[i].second}) {
      const double unit = means.own[m](i, i);
      if (!(unit > 0.0)) continue;  // no effect to be seen
      for (std::size_t f = 0; f < sum.size(); ++f)
        as_eigen(sum[f]) += as_eigen(moments.values[m][f]) / (2.0 * unit);
    }
    result.values.push_back(std::move(sum));
  }
  return result;
}

void check(const Dataset& latents, const EnvironmentPairs& pairs, const GraphTestOptions& options) {
  if (!(options.false_edges > 0.0 && options.false_edges < 1.0))
    throw InvalidArgument("gscale graph: false_edges is a share in (0, 1), e.g. 0.05");
  if (latents.feature_count() != pairs.size() || latents.interventions() != 2 * pairs.size())
    throw DimensionMismatch("gscale graph: " + std::to_string(latents.feature_count()) +
                            " latents in " + std::to_string(latents.interventions()) +
                            " interventional environments for " + std::to_string(pairs.size()) +
                            " pairs of environments");
  for (const auto& [a, b] : pairs)
    if (std::max(a, b) >= latents.interventions())
      throw InvalidArgument("gscale graph: a pair names environment " +
                            std::to_string(std::max(a, b)) + " of " +
                            std::to_string(latents.interventions()));
}

}  // namespace

LatentGraph read_off_graph(const GscaleResult& result, const PairedDifferences& differences) {
  const std::size_t n = result.pairs.size();
  if (differences.observational.size() != 2 * n)
    throw DimensionMismatch("gscale graph: differences of " +
                            std::to_string(differences.observational.size()) +
                            " environments against the observational one, 2 for each of " +
                            std::to_string(n) + " latents are needed");
  MatrixXd energy = MatrixXd::Zero(at(n), at(n));
  for (std::size_t i = 0; i < n; ++i)
    for (const std::size_t m : {result.pairs[i].first, result.pairs[i].second})
      add_relative(mean_squares(result.map.pull(differences.points, differences.observational[m])),
                   i, 0.5, energy);
  const Eigen::VectorXd floor = floors(result, differences);
  const MatrixXd evidence = (energy.array().colwise() / floor.array()).max(1.0).log().matrix();
  const unmix::Order order = unmix::forward_order(evidence);
  LatentGraph graph{Digraph(n), {order.begin(), order.end()}, to_matrix(energy), {}};
  graph.p_value = Matrix(n, n, std::numeric_limits<double>::quiet_NaN());
  for (std::size_t t = 0; t < n; ++t)
    for (std::size_t u = t + 1; u < n; ++u)
      if (evidence(order[t], order[u]) > 0.0) graph.graph.set_edge(graph.order[t], graph.order[u]);
  return graph;
}

LatentGraph test_graph(const Backend& backend, const Dataset& latents,
                       const EnvironmentPairs& pairs, const GraphTestOptions& options, Seed seed,
                       Observer& observer) {
  check(latents, pairs, options);
  const CrossMoments moments = cross_fit(backend, latents, classifier_estimator(options.classifier),
                                         {options.splits, MomentPoints::overlap}, seed, observer);
  const std::size_t n = pairs.size();
  const TouchTests tests = touch_tests(summed_over_pairs(moments, pairs), Matrix::identity(n));
  const Matrix p_value = transpose(tests.p_value);
  unmix::TestedGraph tested = unmix::tested_graph(as_eigen(p_value), options.false_edges);
  return {std::move(tested.graph),
          {tested.order.begin(), tested.order.end()},
          transpose(tests.value),
          p_value};
}

}  // namespace lodestein
