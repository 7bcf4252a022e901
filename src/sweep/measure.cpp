#include "sweep/measure.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/eigen.hpp"
#include "lodestein/evaluate/evaluate.hpp"
#include "sweep/batch_data.hpp"

namespace lodestein {
namespace sweep {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// (i, k) = 1 if interventional environment k hits latent i. [n, K]
MatrixXd target_matrix(const std::vector<std::vector<std::size_t>>& targets, std::size_t latents) {
  MatrixXd hits = MatrixXd::Zero(static_cast<Index>(latents), static_cast<Index>(targets.size()));
  for (std::size_t k = 0; k < targets.size(); ++k) {
    for (const std::size_t i : targets[k]) hits(static_cast<Index>(i), static_cast<Index>(k)) = 1.0;
  }
  return hits;
}

MatrixXd true_targets(const StudyTruth& truth) {
  std::vector<std::vector<std::size_t>> targets;
  for (std::size_t e = 1; e < truth.interventions.size(); ++e) {
    targets.push_back(truth.interventions[e].targets);
  }
  return target_matrix(targets, truth.model.latents());
}

// Hamming distances of the rows. [n, n]
MatrixXd distances(const MatrixXd& truth, const MatrixXd& estimate) {
  MatrixXd result(truth.rows(), estimate.rows());
  for (Index i = 0; i < truth.rows(); ++i) {
    for (Index j = 0; j < estimate.rows(); ++j)
      result(i, j) = (truth.row(i) - estimate.row(j)).cwiseAbs().sum();
  }
  return result;
}

/// Estimate of each true latent, or `unmatched`, at least total cost. [n, m]
std::vector<std::size_t> cheapest(const MatrixXd& cost) {
  if (cost.rows() <= cost.cols()) return minimum_cost_assignment(to_matrix(cost));
  const auto truths = minimum_cost_assignment(to_matrix(cost.transpose().eval()));
  std::vector<std::size_t> match(static_cast<std::size_t>(cost.rows()), unmatched);
  for (std::size_t j = 0; j < truths.size(); ++j) match[truths[j]] = j;
  return match;
}

// Latents are named by the environments that hit them; correlations break ties.
std::vector<std::size_t> named_by_targets(MatrixXd cost, const Truth& truth,
                                          const Estimate& estimate) {
  const bool clear = ((cost.array() == 0.0).rowwise().count() == 1).all() &&
                     ((cost.array() == 0.0).colwise().count() == 1).all();
  if (!clear) {
    const Matrix correlation =
        absolute_correlations(truth.latents, estimate.latents, Correlation::pearson);
    cost.array() += 0.5 - 0.5 * as_eigen(correlation).array();
  }
  return cheapest(cost);
}

// What hits latents without a partner, true or estimated, is wrong.
double wrong_targets(const MatrixXd& truth, const MatrixXd& estimate,
                     const std::vector<std::size_t>& match) {
  double wrong = estimate.sum();
  for (Index i = 0; i < truth.rows(); ++i) {
    wrong += truth.row(i).sum();
    if (match[static_cast<std::size_t>(i)] == unmatched) continue;
    const auto j = static_cast<Index>(match[static_cast<std::size_t>(i)]);
    wrong -= 2.0 * truth.row(i).cwiseProduct(estimate.row(j)).sum();
  }
  return wrong;
}

}  // namespace

std::vector<double> measure(BatchData& data, const Learned& learned) {
  const StudyTruth& study = data.truth();
  Truth truth{true_latents(data), {}, study.model.graph()};
  if (!learned.rows.empty()) truth.latents = picked_rows(truth.latents, learned.rows);
  if (!learned.encoder.empty()) {
    truth.mixing = study.mixing.layers().front();
    truth.second_moment = data.second_moment();
  }
  Estimate estimate{learned.latents, learned.encoder, learned.graph, learned.order};
  double wrong = nan;
  if (!learned.targets.empty()) {
    const MatrixXd hit = true_targets(study);
    const MatrixXd found = target_matrix(learned.targets, learned.graph.nodes());
    estimate.match = named_by_targets(distances(hit, found), truth, estimate);
    wrong = wrong_targets(hit, found, estimate.match);
  }
  const Evaluation e = evaluate(truth, estimate);
  const auto number = [](auto value) { return static_cast<double>(value); };
  const auto& complexity = data.complexity();
  return {e.mcc,
          data.dataset() ? e.mcc_spearman : nan,  // ranks need samples
          e.r_squared,
          number(e.graph.shd),
          number(e.graph.shd_reversal_counts_two),
          e.graph.precision,
          e.graph.recall,
          e.graph.f1,
          number(e.graph.closure_exact),
          number(e.closure.shd),
          number(e.closure.shd_reversal_counts_two),
          number(e.order_errors),
          e.mixing_error,
          e.mixing_error_soft,
          e.normalised_error,
          wrong,
          number(truth.graph.edge_count()),
          number(estimate.graph.edge_count()),
          complexity ? complexity->eta : nan,
          complexity ? complexity->gamma : nan,
          complexity ? complexity->beta : nan};
}

}  // namespace sweep

const std::vector<SweepMetric>& sweep_metrics() {
  using Better = SweepMetric::Better;
  static const std::vector<SweepMetric> metrics{
      {"mcc", "mean correlation coefficient of latents", Better::higher},
      {"mcc_spearman", "the same of ranks; unknown with data = \"moments\"", Better::higher},
      {"r_squared", "of true latents on estimated ones", Better::higher},
      {"shd", "structural Hamming distance, a reversal counts once", Better::lower},
      {"shd_reversal_counts_two", "the same, a reversal counts twice", Better::lower},
      {"edge_precision", "of directed edges", Better::higher},
      {"edge_recall", "of directed edges", Better::higher},
      {"edge_f1", "of directed edges", Better::higher},
      {"closure_exact", "1 if the transitive closure is right", Better::higher},
      {"closure_shd", "distance of the transitive closures", Better::lower},
      {"closure_shd_reversal_counts_two", "the same, a reversal counts twice", Better::lower},
      {"order_errors", "true edges against the estimated order", Better::lower},
      {"mixing_error", "spectral norm of what an encoder mixes in", Better::lower},
      {"mixing_error_soft", "the same, true parents allowed", Better::lower},
      {"normalised_error", "|| E z - z || / || z ||, E the normalised effective transform",
       Better::lower},
      {"wrong_targets", "wrong entries of the matrix of latents by environments", Better::lower},
      {"true_edges", "edges of the true graph", Better::neither},
      {"edges", "edges of the estimated graph", Better::neither},
      {"eta", "eta* of the true model, which thresholds on ranks have to be below",
       Better::neither},
      {"gamma", "gamma* of the true mixing, 1 if its columns are orthogonal", Better::neither},
      {"beta", "beta of the true model, 1 / (2 max_m E |d^m|^2)", Better::neither}};
  return metrics;
}

}  // namespace lodestein
