#include "unmix/additive.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>

#include "core/eigen.hpp"
#include "lodestein/score/classifier.hpp"
#include "unmix/leading.hpp"

namespace lodestein::unmix {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

// Samples per environment: of the classifier, and of the search; in all environments together,
// where time counts: of the search and of the final fit.
constexpr std::size_t classifier_samples = 10'000, search_samples = 1'500,
                      all_search_samples = 13'500, fewest_samples = 500, final_samples = 80'000;

// y = basis x at evenly spaced samples, at most `most` of each environment. [N_e, n]
std::vector<MatrixXd> projected(const Dataset& dataset, const MatrixXd& basis, std::size_t most) {
  std::vector<MatrixXd> y;
  for (const Environment& e : dataset.environments) {
    const std::size_t total = e.samples.rows(), keep = std::min(most, total);
    MatrixXd rows(static_cast<Index>(keep), basis.rows());
    for (std::size_t k = 0; k < keep; ++k) {
      const Eigen::Map<const VectorXd> x(e.samples.row(k * total / keep),
                                         static_cast<Index>(e.samples.cols()));
      rows.row(static_cast<Index>(k)) = (basis * x).transpose();
    }
    y.push_back(std::move(rows));
  }
  return y;
}

std::size_t final_rows(const Dataset& dataset) {
  return std::max(search_samples, final_samples / dataset.environments.size());
}

Digraph graph_of(const AdditiveFit& fit) {
  Digraph graph(fit.order.size());
  for (const RefinedEdge& edge : fit.edges)
    graph.set_edge(static_cast<std::size_t>(edge.from), static_cast<std::size_t>(edge.to));
  return graph;
}

Dataset as_dataset(const Dataset& dataset, const std::vector<MatrixXd>& y) {
  Dataset result;
  for (Index j = 0; j < y.front().cols(); ++j)
    result.features.push_back("y" + std::to_string(j + 1));
  for (std::size_t e = 0; e < y.size(); ++e)
    result.environments.push_back({dataset.environments[e].name, {}, to_matrix(y[e])});
  return result;
}

// Rows in coordinates where S_0 = I -> `row` with the latents found regressed out in environment m.
VectorXd unmixed(const MatrixXd& covariance, const MatrixXd& found, const VectorXd& row) {
  if (found.cols() == 0) return row;
  const MatrixXd among = found.transpose() * covariance * found;
  const VectorXd with = found.transpose() * covariance * row;
  return row - found * among.ldlt().solve(with);
}

struct Whitened {
  MatrixXd inverse_root;  // y' = L^-1 y, S_0 = L L^T
  std::vector<MatrixXd> covariance, moments;
};

Whitened whitened(const LinearProblem& problem, const std::vector<MatrixXd>& moments) {
  const MatrixXd root = problem.covariance[0].llt().matrixL();
  Whitened result{root.inverse(), {}, {}};
  for (std::size_t m = 0; m < moments.size(); ++m) {
    result.covariance.push_back(result.inverse_root * problem.covariance[m + 1] *
                                result.inverse_root.transpose());
    result.moments.push_back(root.transpose() * moments[m] * root);
  }
  return result;
}

std::vector<Start> score_starts(const Backend& backend, const Dataset& dataset,
                                const LinearProblem& problem, const MatrixXd& basis, Seed seed,
                                Observer& observer) {
  const Dataset y = as_dataset(dataset, projected(dataset, basis, classifier_samples));
  ClassifierOptions options;
  options.hidden = {64, 64};
  const ScoreDifferences differences = classifier_differences(backend, y, options, seed, observer);
  std::vector<Start> starts;
  for (const MomentPoints points : {MomentPoints::overlap, MomentPoints::both}) {
    std::vector<MatrixXd> moments;
    for (const Matrix& own : difference_moments(backend, differences, y, points, observer).own)
      moments.emplace_back(as_eigen(own));
    starts.push_back(deflation_start(problem, moments));
    starts.push_back(eigenvector_start(problem, moments));
  }
  return starts;
}

}  // namespace

Start eigenvector_start(const LinearProblem& problem, const std::vector<MatrixXd>& moments) {
  const Index n = problem.latents();
  const Whitened w = whitened(problem, moments);
  MatrixXd rows(n, n);
  for (Index m = 0; m < n; ++m)
    rows.row(m) = leading(w.moments[static_cast<std::size_t>(m)]).direction.transpose();
  const MatrixXd decoder = rows.inverse();
  MatrixXd evidence(n, n);
  for (Index m = 0; m < n; ++m) {
    evidence.col(m) = (decoder.transpose() * w.moments[static_cast<std::size_t>(m)] * decoder)
                          .diagonal()
                          .cwiseMax(0.0)
                          .array()
                          .log1p();
  }
  Start start{rows, forward_order(evidence)};
  for (std::size_t t = 0; t < start.order.size(); ++t) {
    const std::vector<Index> before(start.order.begin(),
                                    start.order.begin() + static_cast<std::ptrdiff_t>(t));
    const Index m = start.order[t];
    start.encoder.row(m) =
        unmixed(w.covariance[static_cast<std::size_t>(m)],
                MatrixXd(start.encoder(before, Eigen::all)).transpose(), rows.row(m).transpose())
            .normalized()
            .transpose();
  }
  start.encoder *= w.inverse_root;
  return start;
}

Start deflation_start(const LinearProblem& problem, const std::vector<MatrixXd>& moments) {
  const Index n = problem.latents();
  const Whitened w = whitened(problem, moments);
  MatrixXd found(n, n);
  Start start{MatrixXd::Zero(n, n), {}};
  for (Index r = 0; r < n; ++r) {
    const MatrixXd projector = complement(found.leftCols(r));
    Index picked = -1;
    Leading best;
    for (Index m = 0; m < n; ++m) {
      if (std::find(start.order.begin(), start.order.end(), m) != start.order.end()) continue;
      Leading next = leading(projector * w.moments[static_cast<std::size_t>(m)] * projector);
      if (picked >= 0 && next.share <= best.share) continue;
      best = std::move(next);
      picked = m;
    }
    found.col(r) =
        unmixed(w.covariance[static_cast<std::size_t>(picked)], found.leftCols(r), best.direction)
            .normalized();
    start.encoder.row(picked) = found.col(r).transpose() * w.inverse_root;
    start.order.push_back(picked);
  }
  return start;
}

AdditiveFit refine_additive(const Backend& backend, const Dataset& dataset, const MatrixXd& basis,
                            const Targets& targets, std::vector<Start> starts, Seed seed,
                            Observer& observer) {
  const auto threads = static_cast<std::size_t>(std::max(1, backend.threads()));
  const MechanismDraws draws(basis.rows(), seed);
  const std::size_t few =
      std::clamp(all_search_samples / dataset.environments.size(), fewest_samples, search_samples);
  const AdditiveLikelihood coarse(projected(dataset, basis, few), targets, threads);
  const MatrixXd to_y = coarse.root().inverse();
  for (Start& start : starts) start.encoder *= to_y;
  AdditiveFit fit = search_additive(coarse, draws, starts, observer);
  if (!std::isfinite(fit.objective)) return fit;
  swap_neighbours(coarse, draws, fit, observer);
  const AdditiveLikelihood fine(projected(dataset, basis, final_rows(dataset)), targets, threads);
  fit.encoder = fit.encoder * coarse.root() * fine.root().inverse();
  prune_additive(fine, draws, fit, observer);
  fit.check = fine.check(fit.encoder, fit.mechanisms);
  fit.encoder *= fine.root();
  fit.objective -= log_abs_determinant(fine.root());
  return fit;
}

Replicate additive_replicate(const Dataset& dataset, const MatrixXd& basis, const Targets& targets,
                             const Start& full, Seed seed) {
  const auto y = std::make_shared<const Dataset>(
      as_dataset(dataset, projected(dataset, basis, final_rows(dataset))));
  const Index n = basis.rows();
  return [=](std::size_t number, Observer& observer) -> std::optional<Digraph> {
    const Dataset drawn = resampled(*y, RowDraw::with_replacement, seed, number);
    const AdditiveFit fit = refine_additive(Backend::cpu(1), drawn, MatrixXd::Identity(n, n),
                                            targets, {full}, seed, observer);
    if (!std::isfinite(fit.objective)) return {};
    return graph_of(fit);
  };
}

Identified identify_additive(const Backend& backend, const Dataset& dataset,
                             const LinearProblem& problem, const MatrixXd& basis,
                             const Identified& linear, Seed seed, Observer& observer) {
  std::vector<Start> starts = score_starts(backend, dataset, problem, basis, seed, observer);
  if (linear.failure.empty()) starts.push_back({linear.encoder, linear.order});

  const AdditiveFit fit =
      refine_additive(backend, dataset, basis, linear.targets, std::move(starts), seed, observer);
  Identified result;
  result.targets = linear.targets;
  if (!std::isfinite(fit.objective)) {
    result.failure = "the likelihood has no finite minimum";
    return result;
  }
  result.gains = fit.check.gains;
  result.deviance = fit.check.deviance;
  result.encoder = fit.encoder;
  result.order = fit.order;
  result.edges = fit.edges;
  result.objective = fit.objective;
  result.graph = graph_of(fit);
  standardise(problem, basis, result.encoder);
  return result;
}

}  // namespace lodestein::unmix
