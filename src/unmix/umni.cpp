#include "lodestein/unmix/umni.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/eigen.hpp"
#include "lodestein/core/error.hpp"
#include "unmix/combinations.hpp"
#include "unmix/identify.hpp"
#include "unmix/input_checks.hpp"
#include "unmix/latent_edges.hpp"
#include "unmix/mechanism_split.hpp"
#include "unmix/multi_node.hpp"
#include "unmix/subspace.hpp"
#include "unmix/umni_published.hpp"

namespace lodestein {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using unmix::LinearProblem;
using unmix::PairMoments;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double most_combinations = 2e6;  // spectra of all of them are kept
constexpr unmix::Speaker speaker{"umni: ", ""};
constexpr double clear_misfit = 3.0;  // deviance per degree of freedom

std::size_t latent_count(const UmniOptions& options, std::size_t interventions) {
  return unmix::latent_count(speaker, options.latents, interventions,
                             "their target sets must tell all latents apart");
}

void check_options(const UmniOptions& options) {
  const auto positive = [](double value, const char* name) {
    if (value > 0.0) return;
    throw InvalidArgument(std::string("umni: ") + name + " must be positive, not " +
                          std::to_string(value));
  };
  positive(options.largest_coefficient, "largest_coefficient");
  positive(options.eigenvalue_threshold, "eigenvalue_threshold");
  positive(options.coefficient_change, "coefficient_change");
  positive(options.edge_level, "edge_level");
  if (options.edge_level >= 1.0) throw InvalidArgument("umni: edge_level must be below 1");
}

void check_combinations(const UmniOptions& options, std::size_t interventions) {
  const double count =
      unmix::combination_count(static_cast<Index>(interventions), options.largest_coefficient);
  if (count <= most_combinations) return;
  throw InvalidArgument(
      "umni: " + std::to_string(interventions) +
      " environments and largest_coefficient = " + std::to_string(options.largest_coefficient) +
      " make " + std::to_string(static_cast<long long>(std::min(count, 9e18))) +
      " combinations; lower it, or use the likelihood procedure, which doesn't "
      "list them");
}

std::vector<std::string> names_of(const std::vector<EnvironmentMoments>& moments) {
  std::vector<std::string> names;
  for (const EnvironmentMoments& m : moments) names.push_back(m.name);
  return names;
}

// R^ij = D_i S_0 D_j of Gaussian scores, D_m = Theta_m - Theta_0.
PairMoments gaussian_moments(const std::vector<MatrixXd>& precision,
                             const MatrixXd& observational) {
  const Index n = observational.rows();
  const auto k = static_cast<Index>(precision.size()) - 1;
  MatrixXd stacked(k * n, n);
  for (Index m = 0; m < k; ++m) {
    stacked.middleRows(m * n, n) = precision[static_cast<std::size_t>(m) + 1] - precision[0];
  }
  return {stacked * observational * stacked.transpose(), k};
}

void describe(UmniResult& result, bool hard, const std::string& scores) {
  result.identified =
      hard ? "latents up to permutation and scaling; the DAG; the targets of every environment"
           : "latents up to mixing with their ancestors; the DAG up to its transitive closure; the "
             "targets of every environment";
  result.assumptions = {
      "linear mixing: x = G z with full column rank",
      "interventions on unknown sets of latents; their 0/1 target matrix has rank n",
      "a latent has one and the same other mechanism wherever it is hit",
      hard ? "hard interventions: targets lose their parents"
           : "soft interventions: targets keep their parents with other coefficients",
      scores};
}

void fail(UmniResult& result, const std::string& code, const std::string& message,
          const std::string& remedy) {
  result.findings.push_back({Severity::failure, code, message, remedy});
}

// W with D W = I for the 0/1 target matrix D: the combinations that isolate single latents.
MatrixXd isolating_combinations(const unmix::TargetSets& targets, Index latents) {
  MatrixXd d = MatrixXd::Zero(latents, static_cast<Index>(targets.size()));
  for (std::size_t k = 0; k < targets.size(); ++k) {
    for (const Index i : targets[k]) d(i, static_cast<Index>(k)) = 1.0;
  }
  return as_eigen(pseudo_inverse(to_matrix(d)));
}

// Soft interventions leave a latent's mixing with ancestors open; the representative is that of
// LSCALE-I: the direction in their span in which the latent's own score difference is largest.
void choose_soft_representatives(const PairMoments& differences, const MatrixXd& combinations,
                                 const Digraph& graph, MatrixXd& encoder) {
  const Digraph closure = transitive_closure(graph);
  const MatrixXd fitted = encoder;
  for (std::size_t i = 0; i < graph.nodes(); ++i) {
    const std::vector<std::size_t> ancestors = closure.parents(i);
    std::vector<Index> rows(ancestors.begin(), ancestors.end());
    const auto latent = static_cast<Index>(i);
    rows.push_back(latent);
    const MatrixXd span = fitted(rows, Eigen::all).transpose();
    const MatrixXd q = MatrixXd(Eigen::HouseholderQR<MatrixXd>(span).householderQ())
                           .leftCols(static_cast<Index>(rows.size()));
    const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(
        q.transpose() * differences.combined(combinations.col(latent)) * q);
    encoder.row(latent) = (q * eigen.eigenvectors().rightCols<1>()).transpose();
  }
}

void record(const LinearProblem& problem, const unmix::Subspace& subspace, MatrixXd encoder,
            const std::vector<unmix::RefinedEdge>& refined, UmniResult& result) {
  unmix::standardise(problem, subspace.basis, encoder);
  result.encoder = to_matrix((encoder * subspace.basis).eval());
  result.decoder = to_matrix((subspace.inverse * encoder.inverse()).eval());
  result.edges = unmix::latent_edges(encoder * problem.covariance[0] * encoder.transpose(),
                                     result.graph, refined);
}

void find_misfits(const unmix::MultiNodeFit& fit, const std::vector<std::string>& names,
                  UmniResult& result) {
  if (fit.deviance_per_dof > clear_misfit) {
    std::size_t worst = 0;
    for (std::size_t k = 0; k < result.deviances.size(); ++k) {
      if (result.deviances[k] > result.deviances[worst]) worst = k;
    }
    result.findings.push_back(
        {Severity::warning, "model-misfit",
         "the model misses the moments: deviance per degree of freedom " +
             std::to_string(fit.deviance_per_dof) + ", largest in environment '" +
             names[worst + 1] + "'",
         "check the number of latents, that a latent's interventions are alike in all "
         "environments, and hard against soft"});
  }
  std::vector<bool> hit(result.graph.nodes(), false);
  for (const auto& set : result.targets) {
    for (const std::size_t i : set) hit[i] = true;
  }
  for (std::size_t i = 0; i < hit.size(); ++i) {
    if (hit[i]) continue;
    result.findings.push_back(
        {Severity::warning, "never-hit",
         "no environment changes latent " + std::to_string(i + 1) + ", so that it isn't identified",
         "ask for fewer latents, or add environments"});
  }
  for (std::size_t k = 0; k < result.targets.size(); ++k) {
    if (!result.targets[k].empty()) continue;
    result.findings.push_back(
        {Severity::note, "no-target",
         "environment '" + names[k + 1] + "' hits none of the latents detectably", "leave it out"});
  }
}

void run_likelihood(const Backend& backend, const LinearProblem& problem,
                    const std::vector<MatrixXd>& precision, const unmix::Subspace& subspace,
                    const std::vector<std::string>& names, const UmniOptions& options, Seed seed,
                    Observer& observer, UmniResult& result) {
  const Index n = problem.latents();
  const MatrixXd observational = precision[0].llt().solve(MatrixXd::Identity(n, n));
  const PairMoments differences = gaussian_moments(precision, observational);
  const MatrixXd root = observational.llt().matrixL();
  const unmix::MultiNodeFit fit = unmix::fit_multi_node(backend.operations(), problem, differences,
                                                        root, options.intervention, seed, observer);
  if (!std::isfinite(fit.refined.objective) || !fit.refined.encoder.allFinite()) {
    fail(result, "unmixing-failed", "the likelihood has no finite minimum",
         "ask for fewer latents, or drop environments with few samples");
    return;
  }
  result.graph = Digraph(static_cast<std::size_t>(n));
  for (const unmix::RefinedEdge& edge : fit.refined.edges) {
    result.graph.set_edge(static_cast<std::size_t>(edge.from), static_cast<std::size_t>(edge.to));
  }
  result.order.assign(fit.refined.order.begin(), fit.refined.order.end());
  for (const auto& set : fit.targets) result.targets.emplace_back(set.begin(), set.end());
  result.objective = fit.refined.objective;
  result.deviance_per_dof = fit.deviance_per_dof;
  result.deviances = unmix::deviances(problem, fit.refined.encoder, fit.refined.parents,
                                      options.intervention, fit.targets);
  const MatrixXd combinations = isolating_combinations(fit.targets, n);
  result.combinations = to_matrix(combinations);
  MatrixXd encoder = fit.refined.encoder;
  if (options.intervention == Intervention::soft) {
    choose_soft_representatives(differences, combinations, result.graph, encoder);
  }
  record(problem, subspace, std::move(encoder), fit.refined.edges, result);
  find_misfits(fit, names, result);
}

void run_published(const Backend& backend, const LinearProblem& problem,
                   const PairMoments& differences, const unmix::Subspace& subspace,
                   const UmniOptions& options, Observer& observer, UmniResult& result) {
  result.objective = result.deviance_per_dof = nan;
  unmix::PublishedUmni fit =
      unmix::umni_published(backend.operations(), problem, differences, options, observer);
  if (!fit.failure.empty()) {
    fail(result, "unmixing-failed", fit.failure,
         "the thresholds are absolute: scale the features, or use the likelihood procedure");
    return;
  }
  result.combinations = to_matrix(fit.combinations.cast<double>());
  for (std::size_t i = 0; i < fit.graph.nodes(); ++i) result.order.push_back(i);
  result.graph = std::move(fit.graph);
  record(problem, subspace, std::move(fit.encoder), {}, result);
}

// The published axes have length 1.
void to_unit_axes(unmix::Subspace& subspace) {
  const double length = subspace.basis.row(0).norm();
  subspace.basis /= length;
  subspace.inverse *= length;
}

}  // namespace

UmniResult umni(const Backend& backend, const std::vector<EnvironmentMoments>& moments,
                const UmniOptions& options, Seed seed, Observer& observer) {
  check_options(options);
  unmix::check_moments(speaker, moments, 2);
  const std::size_t latents = latent_count(options, moments.size() - 1);
  const bool published = options.procedure == UmniProcedure::published;
  if (published) check_combinations(options, moments.size() - 1);
  unmix::Subspace subspace = unmix::latent_subspace(moments, latents);
  unmix::check_rank(speaker, subspace, latents);
  if (published) to_unit_axes(subspace);
  const LinearProblem problem =
      unmix::linear_problem(transformed(moments, to_matrix(subspace.basis)));
  const std::vector<std::string> names = names_of(moments);
  UmniResult result;
  result.centre = moments.front().mean;
  describe(result, options.intervention == Intervention::hard,
           "Gaussian scores: second moments carry the signal (linear latents; quasi-likelihood for "
           "other noise)");
  std::vector<MatrixXd> precision;
  try {
    precision = unmix::shrunken_precisions(problem, names, options.score);
  } catch (const InvalidArgument& error) {
    fail(result, "covariance-not-positive-definite", error.what(),
         "ask for fewer latents, drop the environment, or use shrinkage");
    return result;
  }
  if (published) {
    run_published(backend, problem, gaussian_moments(precision, problem.covariance[0]), subspace,
                  options, observer, result);
  } else {
    run_likelihood(backend, problem, precision, subspace, names, options, seed, observer, result);
  }
  return result;
}

UmniResult umni(const Backend& backend, const std::vector<EnvironmentMoments>& moments,
                ConstMatrixView difference_moments, const UmniOptions& options,
                Observer& observer) {
  check_options(options);
  unmix::check_moments(speaker, moments, 2);
  const std::size_t k = moments.size() - 1, latents = latent_count(options, k);
  if (options.procedure != UmniProcedure::published) {
    throw InvalidArgument(
        "umni: from difference moments only the published procedure is there; the likelihood "
        "takes moments of the environments alone");
  }
  check_combinations(options, k);
  const std::size_t d = moments.front().mean.size();
  if (d != latents || difference_moments.rows() != k * d || difference_moments.cols() != k * d) {
    throw DimensionMismatch(
        "umni: difference moments are " + std::to_string(difference_moments.rows()) + " x " +
        std::to_string(difference_moments.cols()) + " for " + std::to_string(k) +
        " environments and " + std::to_string(d) + " features; with " + std::to_string(latents) +
        " latents as many features are needed, and K d rows and columns");
  }
  if (!as_eigen(difference_moments).allFinite()) {
    throw InvalidArgument("umni: the difference moments are not finite");
  }
  UmniResult result;
  result.centre = moments.front().mean;
  describe(result, options.intervention == Intervention::hard,
           "score differences as estimated; linear latents where parents are separated");
  const auto n = static_cast<Index>(d);
  const unmix::Subspace identity{MatrixXd::Identity(n, n), MatrixXd::Identity(n, n),
                                 Eigen::VectorXd::Ones(n), 1.0};
  run_published(backend, unmix::linear_problem(moments),
                PairMoments(as_eigen(difference_moments), static_cast<Index>(k)), identity, options,
                observer, result);
  return result;
}

}  // namespace lodestein
