#include "lodestein/unmix/umni.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "core/eigen.hpp"
#include "lodestein/core/error.hpp"
#include "unmix/bootstrap.hpp"
#include "unmix/combinations.hpp"
#include "unmix/identify.hpp"
#include "unmix/input_checks.hpp"
#include "unmix/latent_edges.hpp"
#include "unmix/mechanism_split.hpp"
#include "unmix/multi_node.hpp"
#include "unmix/observation_noise.hpp"
#include "unmix/resample.hpp"
#include "unmix/stopwatch.hpp"
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

void describe(UmniResult& result, const UmniOptions& options, const std::string& scores) {
  const bool hard = options.intervention == Intervention::hard;
  result.identified = hard ? "latents up to permutation and scaling; the DAG"
                           : "latents up to mixing with their ancestors; the DAG up to its "
                             "transitive closure";
  if (options.procedure == UmniProcedure::likelihood)
    result.identified += "; the targets of every environment";
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
  result.identified.clear();
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

bool positive_definite(const LinearProblem& problem) {
  return std::all_of(problem.covariance.begin(), problem.covariance.end(),
                     [](const MatrixXd& s) { return s.llt().info() == Eigen::Success; });
}

Digraph graph_of(const unmix::MultiNodeFit& fit) {
  Digraph graph(fit.refined.order.size());
  for (const unmix::RefinedEdge& edge : fit.refined.edges) {
    graph.set_edge(static_cast<std::size_t>(edge.from), static_cast<std::size_t>(edge.to));
  }
  return graph;
}

// Everything from moments in n dimensions on.
class Fitting {
 public:
  Fitting(const Backend& backend, const LinearProblem& problem, const unmix::Subspace& subspace,
          const unmix::ObservationNoise& noise, std::vector<std::string> names,
          const UmniOptions& options, Seed seed, Observer& observer, UmniResult& result)
      : backend_(backend),
        problem_(problem),
        subspace_(subspace),
        noise_(noise),
        names_(std::move(names)),
        options_(options),
        seed_(seed),
        observer_(observer),
        result_(result) {}

  /// From Gaussian scores. What replicates do; nothing if the fit fails.
  unmix::Replicate run(const unmix::Resampler* resampler) {
    std::vector<MatrixXd> precision;
    try {
      precision = unmix::shrunken_precisions(problem_, names_, options_.score);
    } catch (const InvalidArgument& error) {
      fail(result_, "covariance-not-positive-definite", error.what(),
           "ask for fewer latents, drop the environment, or use shrinkage");
      return {};
    }
    if (options_.procedure == UmniProcedure::likelihood)
      return run_likelihood(precision, resampler);
    const MatrixXd encoder = run_published(gaussian_moments(precision, problem_.covariance[0]));
    if (encoder.size() == 0) return {};
    return [this, resampler, encoder](std::size_t number, Observer& observer) {
      return published_again(resampler->bootstrap(number), encoder, observer);
    };
  }

  /// The encoder in coordinates of the problem; empty if the procedure fails.
  MatrixXd run_published(const PairMoments& differences) {
    result_.objective = result_.deviance_per_dof = nan;
    unmix::PublishedUmni fit =
        unmix::umni_published(backend_.operations(), problem_, differences, options_, observer_);
    if (!fit.failure.empty()) {
      fail(result_, "unmixing-failed", fit.failure,
           "the thresholds are absolute: scale the features, or use the likelihood procedure");
      return {};
    }
    result_.combinations = to_matrix(fit.combinations.cast<double>());
    for (std::size_t i = 0; i < fit.graph.nodes(); ++i) result_.order.push_back(i);
    result_.graph = std::move(fit.graph);
    record(problem_, subspace_, fit.encoder, {}, result_);
    return fit.encoder;
  }

 private:
  std::optional<Digraph> published_again(const LinearProblem& drawn, const MatrixXd& encoder,
                                         Observer& observer) const {
    const auto precision = unmix::shrunken_precisions(drawn, names_, options_.score);
    const unmix::PublishedUmni again =
        unmix::umni_published(Backend::cpu(1).operations(), drawn,
                              gaussian_moments(precision, drawn.covariance[0]), options_, observer);
    if (!again.failure.empty() || !again.encoder.allFinite()) return {};
    return unmix::matched(again.graph, again.encoder, encoder, problem_.covariance[0]);
  }

  unmix::Replicate run_likelihood(const std::vector<MatrixXd>& precision,
                                  const unmix::Resampler* resampler) {
    const Index n = problem_.latents();
    const MatrixXd observational = precision[0].llt().solve(MatrixXd::Identity(n, n));
    const PairMoments differences = gaussian_moments(precision, observational);
    const MatrixXd root = observational.llt().matrixL();
    const unmix::MultiNodeFit fit =
        unmix::fit_multi_node(backend_.operations(), problem_, differences, root,
                              options_.intervention, seed_, observer_);
    if (!std::isfinite(fit.refined.objective) || !fit.refined.encoder.allFinite()) {
      fail(result_, "unmixing-failed", "the likelihood has no finite minimum",
           "ask for fewer latents, or drop environments with few samples");
      return {};
    }
    record_likelihood(fit, differences);
    return [this, resampler, fit](std::size_t number, Observer& observer) {
      return likelihood_again(noise_.removed_from(resampler->bootstrap(number)), fit, observer);
    };
  }

  std::optional<Digraph> likelihood_again(const LinearProblem& drawn,
                                          const unmix::MultiNodeFit& fit,
                                          Observer& observer) const {
    if (!positive_definite(drawn)) return {};
    const unmix::MultiNodeFit again =
        unmix::refit_multi_node(drawn, fit, options_.intervention, observer);
    if (!std::isfinite(again.refined.objective)) return {};
    const Digraph graph = graph_of(again);
    return options_.intervention == Intervention::soft ? transitive_closure(graph) : graph;
  }

  void record_likelihood(const unmix::MultiNodeFit& fit, const PairMoments& differences) {
    result_.graph = graph_of(fit);
    result_.order.assign(fit.refined.order.begin(), fit.refined.order.end());
    for (const auto& set : fit.targets) result_.targets.emplace_back(set.begin(), set.end());
    result_.objective = fit.refined.objective;
    result_.deviance_per_dof = fit.deviance_per_dof;
    result_.deviances = unmix::deviances(problem_, fit.refined.encoder, fit.refined.parents,
                                         options_.intervention, fit.targets);
    const MatrixXd combinations = isolating_combinations(fit.targets, problem_.latents());
    result_.combinations = to_matrix(combinations);
    MatrixXd encoder = fit.refined.encoder;
    if (options_.intervention == Intervention::soft) {
      choose_soft_representatives(differences, combinations, result_.graph, encoder);
    }
    record(problem_, subspace_, std::move(encoder), fit.refined.edges, result_);
    find_misfits(fit, names_, result_);
  }

  const Backend& backend_;
  const LinearProblem& problem_;
  const unmix::Subspace& subspace_;
  const unmix::ObservationNoise& noise_;
  std::vector<std::string> names_;
  const UmniOptions& options_;
  Seed seed_;
  Observer& observer_;
  UmniResult& result_;
};

// The published axes have length 1.
void to_unit_axes(unmix::Subspace& subspace) {
  const double length = subspace.basis.row(0).norm();
  subspace.basis /= length;
  subspace.inverse *= length;
}

// `result` has what is known of the time that moments took.
UmniResult run(const Backend& backend, const std::vector<EnvironmentMoments>& moments,
               const UmniOptions& options, Seed seed, Observer& observer,
               const unmix::MakeResampler& make_resampler, UmniResult result) {
  unmix::Stopwatch stopwatch;
  unmix::check_moments(speaker, moments, 2);
  const std::size_t latents = latent_count(options, moments.size() - 1);
  const bool published = options.procedure == UmniProcedure::published;
  if (published) check_combinations(options, moments.size() - 1);
  unmix::Subspace subspace = unmix::latent_subspace(
      moments, latents, published ? SubspaceChoice::variance : options.subspace);
  unmix::check_rank(speaker, subspace, latents);
  if (published) to_unit_axes(subspace);
  const LinearProblem observed =
      unmix::linear_problem(transformed(moments, to_matrix(subspace.basis)));
  unmix::ObservationNoise noise;
  if (!published && options.observation_noise == NoiseRemoval::automatic)
    noise = unmix::observation_noise(subspace, observed);
  const LinearProblem problem = noise.removed_from(observed);
  result.centre = moments.front().mean;
  describe(result, options,
           "Gaussian scores: second moments carry the signal (linear latents; quasi-likelihood for "
           "other noise)");
  std::unique_ptr<unmix::Resampler> resampler;
  if (options.bootstrap > 0) resampler = make_resampler(observed, subspace.basis);
  Fitting fitting(backend, problem, subspace, noise, names_of(moments), options, seed, observer,
                  result);
  const unmix::Replicate replicate = fitting.run(resampler.get());
  stopwatch.lap(result.timings, "unmixing");
  if (!result.failed()) {
    unmix::find_left_out(subspace, result.findings, result.assumptions);
    unmix::find_noise(noise, result.findings);
  }
  if (published && !result.failed())
    result.findings.push_back(
        {Severity::note, "not-checked",
         "the published procedure has neither a test of its assumptions nor targets",
         "fit with --procedure likelihood, which has both"});
  if (options.bootstrap == 0 || !replicate) return result;
  unmix::record_support(
      unmix::edge_support(options.bootstrap, backend.threads(), replicate, observer), result.edges,
      result.edge_support, result.findings);
  stopwatch.lap(result.timings, "bootstrap");
  return result;
}

}  // namespace

UmniResult umni(const Backend& backend, const Dataset& dataset, const UmniOptions& options,
                Seed seed, Observer& observer) {
  check_options(options);
  validate(dataset, latent_count(options, dataset.interventions()) + 1);
  UmniResult result;
  unmix::Stopwatch stopwatch;
  const auto moments = compute_moments(backend, dataset, observer);
  stopwatch.lap(result.timings, "moments");
  return run(
      backend, moments, options, seed, observer,
      [&](const LinearProblem&, const MatrixXd& basis) {
        return unmix::sample_resampler(dataset, basis, true, seed);
      },
      std::move(result));
}

UmniResult umni(const Backend& backend, const std::vector<EnvironmentMoments>& moments,
                const UmniOptions& options, Seed seed, Observer& observer) {
  check_options(options);
  return run(backend, moments, options, seed, observer,
             [&](const LinearProblem& problem, const MatrixXd&) {
               return unmix::gaussian_resampler(problem, seed);
             },
             {});
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
  if (options.bootstrap > 0) {
    throw InvalidArgument(
        "umni: difference moments have no bootstrap, they would have to be estimated anew; give "
        "samples or moments of the environments");
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
  describe(result, options,
           "score differences as estimated; linear latents where parents are separated");
  const auto n = static_cast<Index>(d);
  unmix::Subspace identity;
  identity.basis = identity.inverse = MatrixXd::Identity(n, n);
  identity.components = n;
  const LinearProblem problem = unmix::linear_problem(moments);
  Fitting(backend, problem, identity, {}, names_of(moments), options, {}, observer, result)
      .run_published(PairMoments(as_eigen(difference_moments), static_cast<Index>(k)));
  return result;
}

}  // namespace lodestein
