#include "unmix/multi_node.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "unmix/flag.hpp"
#include "unmix/mechanism_split.hpp"
#include "unmix/newton_frame.hpp"

namespace lodestein::unmix {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;

constexpr std::uint32_t most_attempts = 3;
constexpr std::size_t beam_width = 3;
constexpr int most_rounds = 10;
constexpr double search_tolerance = 1e-2;
// Deviance per degree of freedom: no model is likelier than the saturated one, and below it
// rounding in a singular encoder decides.
constexpr double impossible = -1.0;

// A fit under the complete graph of an order.
struct Fit {
  Start start;
  TargetSets targets;
  double f = std::numeric_limits<double>::infinity();
};

// y' = a y. [n, n]
LinearProblem in_coordinates(const LinearProblem& problem, const MatrixXd& a) {
  LinearProblem result = problem;
  for (MatrixXd& s : result.covariance) s = a * s * a.transpose();
  for (Eigen::VectorXd& mean : result.mean) mean = a * mean;
  return result;
}

// L with L L^T the mean covariance of the interventional environments.
MatrixXd pooled_root(const LinearProblem& problem) {
  MatrixXd sum = MatrixXd::Zero(problem.latents(), problem.latents());
  for (std::size_t e = 1; e < problem.covariance.size(); ++e) sum += problem.covariance[e];
  return (sum / static_cast<double>(problem.interventions())).llt().matrixL();
}

std::size_t edge_count(const ParentSets& parents) {
  std::size_t sum = 0;
  for (const auto& set : parents) sum += set.size();
  return sum;
}

class MultiNode {
 public:
  MultiNode(const LinearProblem& problem, Intervention intervention, Observer& observer)
      : problem_(problem), intervention_(intervention), observer_(observer) {
    const auto n = static_cast<double>(problem.latents());
    for (std::size_t e = 0; e < problem.covariance.size(); ++e) {
      total_ += problem.samples[e];
      saturated_ += problem.samples[e] * log_abs_determinant(problem.covariance[e]);
    }
    const double moments = static_cast<double>(problem.covariance.size()) * n * (n + 3.0) / 2.0;
    residual_ = moments - n * (n - 1.0) - 4.0 * n;
  }

  // An order of directions says which latents may cause which; nothing else is known yet, so the
  // soft model, which contains the hard one, finds the targets.
  Fit from_flag(const Flag& flag, const MatrixXd& root) const {
    const Index n = problem_.latents();
    Order order(static_cast<std::size_t>(n));
    std::iota(order.begin(), order.end(), Index{0});
    Fit fit{{directions(flag, n).transpose() * root.inverse(), order}, {}};
    fit.targets.resize(problem_.interventions());
    split(fit, Intervention::soft);
    fit_targets(fit, Intervention::soft);
    if (intervention_ == Intervention::soft) return fit;
    regress_out_predecessors(problem_, fit.targets, fit.start.order, fit.start.encoder);
    fit_targets(fit, Intervention::hard);
    return fit;
  }

  Refined refined(Fit& fit) const {
    Refined result = refine(likelihood(fit.targets), {fit.start}, observer_);
    for (int round = 0; round < most_rounds && std::isfinite(result.objective); ++round) {
      const TargetSets next =
          split_mechanisms(problem_, result.encoder, result.parents, intervention_, fit.targets);
      if (next == fit.targets) break;
      Refined again = refine(likelihood(next), {{result.encoder, result.order}}, observer_);
      if (!(bic(again) < bic(result))) break;
      fit.targets = next;
      result = std::move(again);
    }
    return result;
  }

  double deviance_per_dof(double f, std::size_t coefficients) const {
    const double left = residual_ - static_cast<double>(coefficients);
    return (2.0 * total_ * f - saturated_) / std::max(1.0, left);
  }
  double deviance_per_dof(const Fit& fit) const {
    const auto n = fit.start.order.size();
    return deviance_per_dof(fit.f, n * (n - 1) / 2);
  }
  bool possible(const Fit& fit) const {
    return std::isfinite(fit.f) && deviance_per_dof(fit) > impossible;
  }
  // Five standard deviations above 1 for Gaussian noise.
  bool misfit(const Fit& fit) const {
    const double n = static_cast<double>(fit.start.order.size());
    const double left = std::max(1.0, residual_ - n * (n - 1.0) / 2.0);
    return !(deviance_per_dof(fit) < 1.0 + 5.0 * std::sqrt(2.0 / left));
  }

 private:
  ProfileLikelihood likelihood(const TargetSets& targets) const {
    return {problem_, targets, intervention_};
  }
  double bic(const Refined& fit) const {
    return 2.0 * total_ * fit.objective +
           std::log(total_) * static_cast<double>(edge_count(fit.parents));
  }
  void split(Fit& fit, Intervention intervention) const {
    fit.targets = split_mechanisms(problem_, fit.start.encoder, complete_parents(fit.start.order),
                                   intervention, fit.targets);
  }
  void fit_targets(Fit& fit, Intervention intervention) const {
    const ParentSets parents = complete_parents(fit.start.order);
    for (int round = 0; round < most_rounds; ++round) {
      check_cancelled(observer_);
      const TargetSets before = fit.targets;
      fit.f = minimise_from_afar(ProfileLikelihood(problem_, before, intervention),
                                 fit.start.encoder, parents, search_tolerance);
      if (!std::isfinite(fit.f)) return;
      split(fit, intervention);
      if (fit.targets == before) return;
    }
  }

  const LinearProblem& problem_;
  Intervention intervention_;
  Observer& observer_;
  double total_ = 0.0, saturated_ = 0.0, residual_ = 0.0;
};

// Of the first that doesn't run into a singular encoder.
MultiNodeFit best_refined(const MultiNode& model, std::vector<Fit> fits) {
  MultiNodeFit result;
  for (Fit& fit : fits) {
    result.refined = model.refined(fit);
    result.targets = fit.targets;
    result.deviance_per_dof =
        model.deviance_per_dof(result.refined.objective, edge_count(result.refined.parents));
    if (result.deviance_per_dof > impossible) return result;
  }
  result.refined.objective = std::numeric_limits<double>::infinity();
  return result;
}

}  // namespace

MultiNodeFit fit_multi_node(const kernels::Operations& operations, const LinearProblem& problem,
                            const PairMoments& differences, const MatrixXd& root,
                            Intervention intervention, Seed seed, Observer& observer) {
  const MultiNode model(problem, intervention, observer);
  std::vector<Fit> fits;  // the likeliest first
  for (std::uint32_t attempt = 0; attempt < most_attempts; ++attempt) {
    observer.progress("multi-node starts", attempt, most_attempts);
    // Unit variance in all environments together shows directions that are faint in the first.
    const MatrixXd metric = attempt == 1 ? pooled_root(problem) : root;
    const LinearProblem whitened = in_coordinates(problem, metric.inverse());
    const FlagSearch search(operations, differences.in_coordinates(metric), whitened);
    for (const Flag& flag : search.beam(beam_width, attempt, seed)) {
      Fit fit = model.from_flag(flag, metric);
      if (model.possible(fit)) fits.push_back(std::move(fit));
    }
    std::stable_sort(fits.begin(), fits.end(),
                     [](const Fit& a, const Fit& b) { return a.f < b.f; });
    if (!fits.empty() && !model.misfit(fits.front())) break;
  }
  return best_refined(model, std::move(fits));
}

MultiNodeFit refit_multi_node(const LinearProblem& problem, const MultiNodeFit& full,
                              Intervention intervention, Observer& observer) {
  const MultiNode model(problem, intervention, observer);
  return best_refined(model, {{{full.refined.encoder, full.refined.order}, full.targets}});
}

}  // namespace lodestein::unmix
