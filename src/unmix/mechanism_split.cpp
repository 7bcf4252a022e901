#include "unmix/mechanism_split.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace lodestein::unmix {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr int most_rounds = 20;
constexpr double infinity = std::numeric_limits<double>::infinity();

// z_i = row-difference z + intercept + noise: `row` is 1 at the latent, minus the coefficients at
// its parents, all in the coordinates of y.
struct Regression {
  Eigen::RowVectorXd row;
  double intercept = 0.0, variance = 0.0;

  // -2 log-likelihood per sample of environment e, up to constants.
  double cost(const LinearProblem& problem, std::size_t e) const {
    const double off = row.dot(problem.mean[e]) - intercept;
    const double square = (row * problem.covariance[e] * row.transpose()).value() + off * off;
    return variance > 0.0 ? std::log(variance) + square / variance : infinity;
  }
};

Regression regress(const LinearProblem& problem, const std::vector<std::size_t>& environments,
                   const MatrixXd& encoder, Index latent, const std::vector<Index>& parents) {
  double samples = 0.0;
  for (const std::size_t e : environments) samples += problem.samples[e];
  const Pooled pooled = pool(problem, environments, samples);
  Regression result{encoder.row(latent)};
  if (!parents.empty()) {
    const MatrixXd rows = encoder(parents, Eigen::all);
    const MatrixXd image = rows * pooled.covariance;
    const VectorXd cross = image * encoder.row(latent).transpose();
    result.row -= (image * rows.transpose()).ldlt().solve(cross).transpose() * rows;
  }
  result.intercept = result.row.dot(pooled.mean);
  result.variance = (result.row * pooled.covariance * result.row.transpose()).value();
  return result;
}

// Splits of one latent's environments.
class Splitter {
 public:
  Splitter(const LinearProblem& problem, const MatrixXd& encoder, Index latent,
           const std::vector<Index>& parents, Intervention intervention)
      : problem_(problem), encoder_(encoder), latent_(latent), parents_(parents) {
    if (intervention == Intervention::soft) touched_parents_ = parents;
  }

  // Alternates until nothing changes. Returns -2 log-likelihood.
  double settle(SplitEnvironments& split) const {
    double best = infinity;
    for (int round = 0; round < most_rounds; ++round) {
      const Regression left = untouched(split);
      if (split.touched.empty()) return total(left, split.untouched);
      const Regression hit = touched(split);
      const double cost = total(left, split.untouched) + total(hit, split.touched);
      if (!(cost < best)) return best;
      best = cost;
      SplitEnvironments next{{0}, {}};
      for (std::size_t e = 1; e < problem_.covariance.size(); ++e) {
        const bool is_hit = hit.cost(problem_, e) < left.cost(problem_, e);
        (is_hit ? next.touched : next.untouched).push_back(e);
      }
      split = std::move(next);
    }
    return best;
  }

  Regression untouched(const SplitEnvironments& split) const {
    return regress(problem_, split.untouched, encoder_, latent_, parents_);
  }
  Regression touched(const SplitEnvironments& split) const {
    return regress(problem_, split.touched, encoder_, latent_, touched_parents_);
  }

 private:
  double total(const Regression& regression, const std::vector<std::size_t>& environments) const {
    double sum = 0.0;
    for (const std::size_t e : environments) {
      sum += problem_.samples[e] * regression.cost(problem_, e);
    }
    return sum;
  }

  const LinearProblem& problem_;
  const MatrixXd& encoder_;
  Index latent_;
  std::vector<Index> parents_, touched_parents_;
};

// First guess that environment k, and nobody else, hits the latent: what looks like it joins.
SplitEnvironments seeded(const Splitter& splitter, const LinearProblem& problem, std::size_t k) {
  const Regression left = splitter.untouched({{0}, {}});
  const Regression hit = splitter.touched({{0}, {k}});
  SplitEnvironments result{{0}, {}};
  for (std::size_t e = 1; e < problem.covariance.size(); ++e) {
    const bool is_hit = e == k || hit.cost(problem, e) < left.cost(problem, e);
    (is_hit ? result.touched : result.untouched).push_back(e);
  }
  return result;
}

// The best split from all first guesses, `split` among them, and its -2 log-likelihood.
double likeliest(const Splitter& splitter, const LinearProblem& problem, SplitEnvironments& split) {
  double cost = splitter.settle(split);
  for (std::size_t k = 1; k < problem.covariance.size(); ++k) {
    SplitEnvironments other = seeded(splitter, problem, k);
    const double found = splitter.settle(other);
    if (!(found < cost)) continue;
    cost = found;
    split = std::move(other);
  }
  return cost;
}

}  // namespace

double split_misfit(const LinearProblem& problem, const MatrixXd& encoder, Index latent,
                    const std::vector<Index>& parents) {
  const Splitter splitter(problem, encoder, latent, parents, Intervention::soft);
  SplitEnvironments split = split_environments(TargetSets(problem.interventions()), latent);
  double ratio = likeliest(splitter, problem, split);
  for (std::size_t e = 0; e < problem.covariance.size(); ++e) {
    const Regression own = regress(problem, {e}, encoder, latent, parents);
    ratio -= problem.samples[e] * own.cost(problem, e);
  }
  const auto environments = static_cast<double>(problem.covariance.size());
  return ratio / (std::max(1.0, environments - 2.0) * static_cast<double>(parents.size() + 2));
}

TargetSets split_mechanisms(const LinearProblem& problem, const MatrixXd& encoder,
                            const ParentSets& parents, Intervention intervention,
                            const TargetSets& targets) {
  TargetSets result(problem.interventions());
  for (Index i = 0; i < problem.latents(); ++i) {
    const Splitter splitter(problem, encoder, i, parents[static_cast<std::size_t>(i)],
                            intervention);
    SplitEnvironments split = split_environments(targets, i);
    likeliest(splitter, problem, split);
    for (const std::size_t e : split.touched) result[e - 1].push_back(i);
  }
  return result;
}

void regress_out_predecessors(const LinearProblem& problem, const TargetSets& targets,
                              const std::vector<Index>& order, MatrixXd& encoder) {
  const MatrixXd mixed = encoder;
  std::vector<Index> predecessors;
  for (const Index i : order) {
    const std::vector<std::size_t> touched = split_environments(targets, i).touched;
    if (!touched.empty()) encoder.row(i) = regress(problem, touched, mixed, i, predecessors).row;
    predecessors.push_back(i);
  }
}

std::vector<double> deviances(const LinearProblem& problem, const MatrixXd& encoder,
                              const ParentSets& parents, Intervention intervention,
                              const TargetSets& targets) {
  const Index n = problem.latents();
  std::vector<double> cost(problem.interventions(), -2.0 * log_abs_determinant(encoder));
  for (Index i = 0; i < n; ++i) {
    const Splitter splitter(problem, encoder, i, parents[static_cast<std::size_t>(i)],
                            intervention);
    const SplitEnvironments split = split_environments(targets, i);
    const Regression left = splitter.untouched(split);
    for (const std::size_t e : split.untouched) {
      if (e > 0) cost[e - 1] += left.cost(problem, e);
    }
    if (split.touched.empty()) continue;
    const Regression hit = splitter.touched(split);
    for (const std::size_t e : split.touched) cost[e - 1] += hit.cost(problem, e);
  }
  const auto moments = static_cast<double>(n * (n + 3)) / 2.0;
  for (std::size_t k = 0; k < cost.size(); ++k) {
    const double saturated =
        log_abs_determinant(problem.covariance[k + 1]) + static_cast<double>(n);
    cost[k] = problem.samples[k + 1] * (cost[k] - saturated) / moments;
  }
  return cost;
}

}  // namespace lodestein::unmix
