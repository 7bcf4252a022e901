#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <limits>

#include "bench/studies/studies.hpp"
#include "core/eigen.hpp"

namespace lodestein::studies {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;

// Varici et al., NeurIPS 2024 (poster): linear latents, d = 50, N = 1e5, 100 runs.
struct Row {
  std::size_t latents;
  double soft_shd, soft_mcc, hard_shd, hard_mcc;
};
constexpr Row rows[] = {{4, .77, .96, .66, .98},
                        {5, 1.93, .93, 1.80, .98},
                        {6, 3.39, .92, 3.05, .95},
                        {7, 4.62, .91, 6.12, .91},
                        {8, 8.26, .90, 9.01, .88}};
constexpr std::size_t most_published = 6;  // latents; the search takes 5^n eigenproblems

// D(i, k) = 1 if environment k hits latent i. [n, K]
MatrixXd target_matrix(const std::vector<std::vector<std::size_t>>& targets, std::size_t latents) {
  MatrixXd d = MatrixXd::Zero(static_cast<Index>(latents), static_cast<Index>(targets.size()));
  for (std::size_t k = 0; k < targets.size(); ++k) {
    for (const std::size_t i : targets[k]) d(static_cast<Index>(i), static_cast<Index>(k)) = 1.0;
  }
  return d;
}

MatrixXd true_targets(const LinearStudy& study) {
  std::vector<std::vector<std::size_t>> targets;
  for (std::size_t e = 1; e < study.truth.interventions.size(); ++e) {
    targets.push_back(study.truth.interventions[e].targets);
  }
  return target_matrix(targets, study.truth.model.latents());
}

// |correlation| of true (row) and estimated latents, exact.
MatrixXd correlations(const LinearStudy& study, const UmniResult& fit) {
  const Matrix covariance = study.truth.model.covariance({});
  const MatrixXd c = as_eigen(covariance);
  const MatrixXd effective = as_eigen(fit.encoder) * as_eigen(study.truth.mixing.layers().front());
  const Eigen::VectorXd own = (effective * c * effective.transpose()).diagonal();
  return (own.cwiseSqrt().cwiseInverse().asDiagonal() * effective * c *
          c.diagonal().cwiseSqrt().cwiseInverse().asDiagonal())
      .transpose()
      .cwiseAbs();
}

// Estimated latents are named by the environments that hit them; correlations break ties.
std::vector<std::size_t> named_by_targets(const MatrixXd& truth, const MatrixXd& estimate,
                                          const MatrixXd& correlation) {
  MatrixXd cost = 0.5 - 0.5 * correlation.array();
  for (Index i = 0; i < truth.rows(); ++i) {
    for (Index j = 0; j < truth.rows(); ++j) {
      cost(i, j) += (truth.row(i) - estimate.row(j)).cwiseAbs().sum();
    }
  }
  return minimum_cost_assignment(to_matrix(cost));
}

/// The published way: of all causal orders of the truth the one that makes (D W) most triangular.
class PublishedNames {
 public:
  PublishedNames(const Digraph& graph, MatrixXd product)
      : graph_(graph), product_(product.cwiseAbs()), used_(graph.nodes(), false) {
    extend();
  }
  // Latent found for each true one.
  std::vector<std::size_t> names() const {
    std::vector<std::size_t> result(best_.size());
    for (std::size_t t = 0; t < best_.size(); ++t) result[best_[t]] = t;
    return result;
  }

 private:
  void extend() {
    if (order_.size() == graph_.nodes()) {
      double mass = 0.0;
      for (std::size_t s = 0; s < order_.size(); ++s) {
        for (std::size_t t = 0; t < s; ++t) {
          mass += product_(static_cast<Index>(order_[s]), static_cast<Index>(t));
        }
      }
      if (mass < least_) {
        least_ = mass;
        best_ = order_;
      }
      return;
    }
    for (std::size_t i = 0; i < graph_.nodes(); ++i) {
      if (used_[i]) continue;
      const std::vector<std::size_t> parents = graph_.parents(i);
      if (!std::all_of(parents.begin(), parents.end(),
                       [&](std::size_t p) { return static_cast<bool>(used_[p]); })) {
        continue;
      }
      used_[i] = true;
      order_.push_back(i);
      extend();
      order_.pop_back();
      used_[i] = false;
    }
  }

  const Digraph& graph_;
  MatrixXd product_;
  std::vector<bool> used_;
  std::vector<std::size_t> order_, best_;
  double least_ = std::numeric_limits<double>::infinity();
};

Score score_of(const LinearStudy& study, const UmniOptions& options, const UmniResult& fit,
               double seconds) {
  Score result;
  result.seconds = seconds;
  result.failed = fit.failed();
  if (result.failed) return result;
  const Digraph& graph = study.truth.model.graph();
  const std::size_t n = graph.nodes();
  const MatrixXd truth = true_targets(study), correlation = correlations(study, fit);
  std::vector<std::size_t> names;
  if (options.procedure == UmniProcedure::published) {
    names = PublishedNames(graph, truth * as_eigen(fit.combinations)).names();
  } else {
    const MatrixXd estimate = target_matrix(fit.targets, n);
    names = named_by_targets(truth, estimate, correlation);
    for (std::size_t i = 0; i < n; ++i) {
      result.wrong_targets +=
          (truth.row(static_cast<Index>(i)) - estimate.row(static_cast<Index>(names[i])))
              .cwiseAbs()
              .sum();
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    result.mcc +=
        correlation(static_cast<Index>(i), static_cast<Index>(names[i])) / static_cast<double>(n);
  }
  const Digraph named = permuted(fit.graph, names);
  const bool soft = options.intervention == Intervention::soft;
  const GraphError error = soft ? graph_error(transitive_closure(graph), transitive_closure(named))
                                : graph_error(graph, named);
  result.shd = static_cast<double>(error.shd_reversal_counts_two);
  return result;
}

Score run_one(std::size_t latents, Intervention intervention, UmniProcedure procedure,
              std::size_t run) {
  StudyOptions options;
  options.latent.latents = latents;
  options.mixing.observed = 50;
  options.mixing.normalise_columns = false;
  options.samples = 100000;
  options.design = InterventionDesign::multi;
  options.intervention = intervention;
  const LinearStudy study = simulate_moments(options, Seed{7000 + run});
  UmniOptions fit_options;
  fit_options.intervention = intervention;
  fit_options.procedure = procedure;
  const auto start = std::chrono::steady_clock::now();
  const UmniResult fit = umni(Backend::cpu(1), study.moments, fit_options, Seed{run});
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  return score_of(study, fit_options, fit, taken.count());
}

using Results = std::vector<std::vector<Score>>;

Results run_all(std::size_t runs, std::size_t latents, Intervention intervention,
                UmniProcedure procedure) {
  return run_models(runs, [&](std::size_t run) {
    return std::vector<Score>{run_one(latents, intervention, procedure, run)};
  });
}

std::string of_finished(const Results& results, double Score::*field) {
  const Results kept = finished(results);
  return kept.empty() ? "" : mean_se(kept, 0, field, 2);
}

std::string failures(const Results& results) {
  return results.empty() ? "" : std::to_string(results.size() - finished(results).size());
}

double largest(const Results& results, double Score::*field) {
  double value = 0.0;
  for (const auto& run : results) value = std::max(value, run.front().*field);
  return value;
}

}  // namespace

void umni(std::size_t runs) {
  std::printf(
      "| interventions | n | SHD: published | reproduced | lodestein | MCC: published | reproduced "
      "| "
      "lodestein | wrong targets | failed: reproduced | lodestein | longest fit (s) |\n"
      "|---|---|---|---|---|---|---|---|---|---|---|---|\n");
  for (const Intervention intervention : {Intervention::soft, Intervention::hard}) {
    const bool soft = intervention == Intervention::soft;
    for (const Row& row : rows) {
      Results reproduced;
      if (row.latents <= most_published)
        reproduced = run_all(runs, row.latents, intervention, UmniProcedure::published);
      const Results ours = run_all(runs, row.latents, intervention, UmniProcedure::likelihood);
      std::printf(
          "| %s | %zu | %.2f | %s | %s | %.2f | %s | %s | %.0f | %s | %s | %.2f |\n",
          soft ? "soft" : "hard", row.latents, soft ? row.soft_shd : row.hard_shd,
          of_finished(reproduced, &Score::shd).c_str(), of_finished(ours, &Score::shd).c_str(),
          soft ? row.soft_mcc : row.hard_mcc, of_finished(reproduced, &Score::mcc).c_str(),
          of_finished(ours, &Score::mcc).c_str(),
          mean(ours, 0, &Score::wrong_targets) * static_cast<double>(runs),
          failures(reproduced).c_str(), failures(ours).c_str(), largest(ours, &Score::seconds));
      std::fflush(stdout);
    }
  }
}

}  // namespace lodestein::studies
