#include "unmix/identify.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/eigen.hpp"
#include "core/shuffle.hpp"
#include "unmix/linear_unmixing.hpp"
#include "unmix/starts.hpp"
#include "unmix/targets.hpp"

namespace lodestein::unmix {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double clear_misfit = 3.0;  // deviance per degree of freedom
constexpr std::size_t most_restarts = 8;
constexpr int most_assignments = 4;  // rounds of assigning the surplus environments

Order to_order(const std::vector<std::size_t>& order) { return {order.begin(), order.end()}; }

// The same environments with covariances as the shrunken precisions say.
LinearProblem shrunken(const LinearProblem& problem, const std::vector<MatrixXd>& precision) {
  LinearProblem result = problem;
  for (std::size_t e = 0; e < precision.size(); ++e) {
    result.covariance[e] =
        precision[e].llt().solve(MatrixXd::Identity(precision[e].rows(), precision[e].cols()));
  }
  return result;
}

LinearUnmixing published(const LinearProblem& problem, const std::vector<MatrixXd>& precision,
                         std::vector<MatrixXd> moments, const MatrixXd& basis,
                         const FitOptions& options) {
  if (options.method == UnmixMethod::lscale) {
    return lscale(problem, moments, basis, options.intervention, options.lscale_edge_threshold);
  }
  if (options.method == UnmixMethod::finite_sample) {
    for (MatrixXd& r : moments)
      r *= basis.row(0).squaredNorm();  // the published axes have length 1
    return finite_sample(moments, options.finite_eigenvalue_threshold,
                         options.finite_orthogonality_threshold);
  }
  return lcd(problem, precision, basis, options.lcd_rank_one_acceptance,
             options.lcd_edge_threshold);
}

double bic(const ProfileLikelihood& likelihood, const Refined& fit) {
  return likelihood.ratio(fit.objective, 0.0) +
         std::log(likelihood.total_samples()) * static_cast<double>(fit.edges.size());
}

bool misfit(const LinearProblem& problem, const ProfileLikelihood& likelihood, const Refined& fit,
            Intervention intervention) {
  for (std::size_t k = 0; k < problem.interventions(); ++k) {
    if (deviance_per_dof(problem, likelihood, fit, k, intervention) > clear_misfit) return true;
  }
  return false;
}

Order random_order(std::size_t n, std::uint64_t number) {
  Order order(n);
  std::iota(order.begin(), order.end(), Index{0});
  shuffle(order, RandomStream(Seed{0}, Purpose::restart).at(number));
  return order;
}

// The refinement of n environments on n latents. A fit that misses the moments may be a local
// minimum: it is tried again from encoders deflated along the fitted and along random orders.
Refined fit_core(const LinearProblem& problem, const LinearProblem& regular,
                 const ProfileLikelihood& likelihood, const std::vector<Start>& starts,
                 Intervention intervention, Observer& observer) {
  Refined best = refine(likelihood, starts, observer);
  const std::size_t n = best.order.size();
  for (std::size_t r = 0; r <= most_restarts && n <= 12; ++r) {
    if (!std::isfinite(best.objective) || !misfit(problem, likelihood, best, intervention)) break;
    const Order order = r == 0 ? best.order : random_order(n, r);
    Refined again = refine(likelihood, {deflation_start(regular, order)}, observer);
    if (bic(likelihood, again) < bic(likelihood, best)) best = std::move(again);
  }
  return best;
}

// More environments than latents: the surplus ones are assigned by likelihood, and all refitted.
Refined with_surplus(const LinearProblem& problem, const std::vector<std::size_t>& chosen,
                     const ProfileLikelihood& core, Refined fit, Targets& targets,
                     Intervention intervention, Observer& observer) {
  targets = assign_targets(problem, core, fit, targets, chosen, intervention);
  for (int round = 0; round < most_assignments; ++round) {
    const ProfileLikelihood likelihood(problem, targets, intervention);
    fit = refine(likelihood, {{fit.encoder, fit.order}}, observer);
    Targets next = assign_targets(problem, likelihood, fit, targets, chosen, intervention);
    if (next == targets) return fit;
    targets = std::move(next);
  }
  return refine(ProfileLikelihood(problem, targets, intervention), {{fit.encoder, fit.order}},
                observer);
}

// Under soft interventions a latent is identified up to mixing with its ancestors, and the
// likelihood is flat there. The representative is LSCALE-I's: the direction in the span of the
// latent and its ancestors in which the score difference of its environment is largest.
void choose_soft_representatives(const std::vector<MatrixXd>& moments, const Digraph& graph,
                                 const Targets& targets, MatrixXd& encoder) {
  const Digraph closure = transitive_closure(graph);
  const MatrixXd fitted = encoder;
  for (std::size_t k = targets.size(); k-- > 0;) {  // the first environment of a latent decides
    if (targets[k] == no_target) continue;
    const std::vector<std::size_t> ancestors =
        closure.parents(static_cast<std::size_t>(targets[k]));
    std::vector<Index> rows(ancestors.begin(), ancestors.end());
    rows.push_back(targets[k]);
    const MatrixXd span = fitted(rows, Eigen::all).transpose();
    const MatrixXd q = MatrixXd(Eigen::HouseholderQR<MatrixXd>(span).householderQ())
                           .leftCols(static_cast<Index>(rows.size()));
    const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(q.transpose() * moments[k] * q);
    encoder.row(targets[k]) = (q * eigen.eigenvectors().rightCols<1>()).transpose();
  }
}

void describe_environments(const LinearProblem& problem, const ProfileLikelihood& likelihood,
                           const Refined& fit, Intervention intervention, Identified& result) {
  for (std::size_t k = 0; k < problem.interventions(); ++k) {
    result.deviance.push_back(deviance_per_dof(problem, likelihood, fit, k, intervention));
    const Eigen::VectorXd gains = target_gains(problem, likelihood, fit, k, intervention);
    const Index target = result.targets[k];
    const double best = target == no_target ? 0.0 : gains(target);
    double next = target == no_target ? -infinity : 0.0;  // "none" gains 0
    for (Index i = 0; i < gains.size(); ++i) {
      if (i != target) next = std::max(next, gains(i));
    }
    result.gains.push_back(best - next);
  }
}

Identified without_refinement(const LinearProblem& problem, const LinearUnmixing& unmixing,
                              const MatrixXd& basis, Identified result) {
  result.failure = unmixing.failure;
  if (!result.failure.empty()) return result;
  result.encoder = unmixing.encoder;
  result.graph = unmixing.graph;
  result.order = to_order(unmixing.order);
  result.objective = nan;
  result.gains.assign(problem.interventions(), nan);
  result.deviance.assign(problem.interventions(), nan);
  standardise(problem, basis, result.encoder);
  return result;
}

std::vector<Start> all_starts(const LinearProblem& regular, const LinearUnmixing& lcd_start,
                              Intervention intervention) {
  std::vector<Start> starts{
      deflation_start(regular),
      eigenvector_start(regular, intervention, Metric::latent_subspace),
      eigenvector_start(regular, intervention, Metric::observational),
  };
  if (lcd_start.failure.empty()) {
    starts.push_back({lcd_start.encoder, to_order(lcd_start.order)});
  }
  return starts;
}

}  // namespace

void standardise(const LinearProblem& problem, const MatrixXd& basis, MatrixXd& encoder) {
  for (Index i = 0; i < encoder.rows(); ++i) {
    const double variance =
        (encoder.row(i) * problem.covariance[0] * encoder.row(i).transpose()).value();
    encoder.row(i) /= std::sqrt(variance);
    const Eigen::RowVectorXd observed = encoder.row(i) * basis;
    Index largest = 0;
    observed.cwiseAbs().maxCoeff(&largest);
    if (observed(largest) < 0.0) encoder.row(i) *= -1.0;
  }
}

std::vector<MatrixXd> shrunken_precisions(const LinearProblem& problem,
                                          const std::vector<std::string>& names,
                                          const GaussianScoreOptions& options) {
  std::vector<EnvironmentMoments> moments;
  for (std::size_t e = 0; e < problem.covariance.size(); ++e) {
    const auto& mean = problem.mean[e];
    moments.push_back({names[e],
                       {},
                       static_cast<std::size_t>(problem.samples[e]),
                       std::vector<double>(mean.data(), mean.data() + mean.size()),
                       to_matrix(problem.covariance[e])});
  }
  std::vector<MatrixXd> result;
  for (const GaussianScore& score : gaussian_scores(moments, options)) {
    result.emplace_back(as_eigen(score.precision));
  }
  return result;
}

std::vector<std::size_t> choose_environments(const LinearProblem& problem,
                                             const std::vector<MatrixXd>& precision) {
  const auto n = static_cast<std::size_t>(problem.latents());
  if (problem.interventions() > n) {
    return strongest_environments(shrunken(problem, precision), n);
  }
  std::vector<std::size_t> all(n);
  std::iota(all.begin(), all.end(), std::size_t{0});
  return all;
}

Identified identify(const LinearProblem& problem, const std::vector<MatrixXd>& precision,
                    const std::vector<MatrixXd>& moments, const MatrixXd& basis,
                    const std::vector<std::size_t>& chosen, const FitOptions& options,
                    Observer& observer) {
  const auto n = static_cast<std::size_t>(problem.latents());
  std::vector<MatrixXd> chosen_precision{precision[0]}, chosen_moments;
  for (const std::size_t k : chosen) {
    chosen_precision.push_back(precision[k + 1]);
    chosen_moments.push_back(moments[k]);
  }
  const LinearProblem core = subset(problem, chosen);
  const Intervention intervention = options.intervention;

  Identified result;
  result.targets.assign(problem.interventions(), no_target);
  for (std::size_t i = 0; i < n; ++i) result.targets[chosen[i]] = static_cast<Index>(i);
  if (options.method != UnmixMethod::likelihood) {
    const LinearUnmixing unmixing =
        published(core, chosen_precision, std::move(chosen_moments), basis, options);
    return without_refinement(problem, unmixing, basis, std::move(result));
  }

  Targets core_targets(n);
  std::iota(core_targets.begin(), core_targets.end(), Index{0});
  const ProfileLikelihood core_likelihood(core, core_targets, intervention);
  const LinearProblem regular = subset(shrunken(problem, precision), chosen);
  const LinearUnmixing lcd_start =
      lcd(core, chosen_precision, basis, FitOptions{}.lcd_rank_one_acceptance,
          FitOptions{}.lcd_edge_threshold);
  Refined fit = fit_core(core, regular, core_likelihood,
                         all_starts(regular, lcd_start, intervention), intervention, observer);
  if (std::isfinite(fit.objective) && n < problem.interventions()) {
    fit = with_surplus(problem, chosen, core_likelihood, std::move(fit), result.targets,
                       intervention, observer);
  }
  if (!fit.encoder.allFinite() || !std::isfinite(fit.objective)) {
    result.failure = "the likelihood has no finite minimum";
    return result;
  }
  result.encoder = fit.encoder;
  result.order = fit.order;
  result.edges = fit.edges;
  result.objective = fit.objective;
  result.graph = Digraph(n);
  for (const RefinedEdge& edge : fit.edges) {
    result.graph.set_edge(static_cast<std::size_t>(edge.from), static_cast<std::size_t>(edge.to));
  }
  const ProfileLikelihood likelihood(problem, result.targets, intervention);
  describe_environments(problem, likelihood, fit, intervention, result);
  if (intervention == Intervention::soft) {
    choose_soft_representatives(moments, result.graph, result.targets, result.encoder);
  }
  standardise(problem, basis, result.encoder);
  return result;
}

}  // namespace lodestein::unmix
