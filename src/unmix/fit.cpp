#include "lodestein/unmix/fit.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <limits>
#include <memory>
#include <utility>

#include "core/eigen.hpp"
#include "lodestein/core/error.hpp"
#include "unmix/additive.hpp"
#include "unmix/bootstrap.hpp"
#include "unmix/diagnose.hpp"
#include "unmix/identify.hpp"
#include "unmix/input_checks.hpp"
#include "unmix/latent_edges.hpp"
#include "unmix/linear_unmixing.hpp"
#include "unmix/mapped.hpp"
#include "unmix/noise_shape.hpp"
#include "unmix/nonlinearity.hpp"
#include "unmix/observation_noise.hpp"
#include "unmix/resample.hpp"
#include "unmix/stopwatch.hpp"
#include "unmix/subspace.hpp"

namespace lodestein {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using unmix::Identified;
using unmix::LinearProblem;
using unmix::MakeResampler;
using unmix::Resampler;
using unmix::Stopwatch;
using unmix::Subspace;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

constexpr unmix::Speaker speaker{"", " (--latents)"};
constexpr Index most_shown = 64;

std::vector<double> first(const Eigen::VectorXd& values, Index most) {
  return to_vector(values.head(std::min(most, values.size())));
}

std::size_t latent_count(const FitOptions& options, std::size_t interventions) {
  if (interventions == 0) {
    throw InvalidArgument(
        "there is only one environment; score differences need an observational and at least one "
        "interventional environment (check --environment-column and --observational)");
  }
  return unmix::latent_count(speaker, options.latents, interventions,
                             "every latent must be hit by one");
}

void check_additive(const FitOptions& options) {
  if (options.intervention == Intervention::soft) {
    throw InvalidArgument(
        "additive mechanisms need hard interventions; use --mechanism linear for soft ones");
  }
  if (options.method != UnmixMethod::likelihood) {
    throw InvalidArgument(
        "additive mechanisms are fitted by --method likelihood, not by a published method");
  }
}

void check_differences(const FitOptions& options) {
  if (!options.differences) return;
  const auto refuse = [](const std::string& what) {
    throw InvalidArgument("estimated score differences " + what);
  };
  if (options.method == UnmixMethod::likelihood || options.method == UnmixMethod::lcd)
    refuse("serve --method lscale and finite-sample; the other two are about second moments");
  if (options.bootstrap > 0)
    refuse("can't be bootstrapped, which draws moments; leave out the bootstrap");
}

void check_one_environment_per_latent(const FitOptions& options, std::size_t latents,
                                      std::size_t interventions) {
  if (options.mechanism == Mechanism::linear || latents == interventions) return;
  throw InvalidArgument(
      "additive mechanisms need one interventional environment per latent; there "
      "are " +
      std::to_string(interventions) + " for " + std::to_string(latents) + " latents");
}

void check_options(const FitOptions& options) {
  const auto positive = [](double value, const char* name) {
    if (!(value > 0.0)) {
      throw InvalidArgument(std::string(name) + " must be positive, not " + std::to_string(value));
    }
  };
  positive(options.lscale_edge_threshold, "lscale_edge_threshold");
  positive(options.lcd_edge_threshold, "lcd_edge_threshold");
  positive(options.lcd_rank_one_acceptance, "lcd_rank_one_acceptance");
  if (options.lcd_rank_one_acceptance >= 1.0) {
    throw InvalidArgument("lcd_rank_one_acceptance must be below 1");
  }
  positive(options.finite_eigenvalue_threshold, "finite_eigenvalue_threshold");
  positive(options.finite_orthogonality_threshold, "finite_orthogonality_threshold");
  if (options.finite_orthogonality_threshold >= 1.0) {
    throw InvalidArgument("finite_orthogonality_threshold must be below 1");
  }
  if (options.mechanism == Mechanism::additive) check_additive(options);
  check_differences(options);
  if (options.method == UnmixMethod::lcd && options.intervention == Intervention::soft) {
    throw InvalidArgument(
        "lcd identifies latents under hard interventions only; use --method lscale for soft ones");
  }
}

// Whether moments hint at what validate() looks for; validate() itself is a pass over all data.
bool suspicious(const std::vector<EnvironmentMoments>& moments) {
  const Matrix pooled = pooled_covariance(moments);
  const std::size_t d = pooled.rows();
  for (std::size_t i = 0; i < d; ++i) {
    const double largest_mean = std::abs(moments.front().mean[i]);
    if (!(pooled(i, i) > 1e-20 * largest_mean * largest_mean) || !std::isfinite(pooled(i, i))) {
      return true;
    }
    for (std::size_t j = 0; j < i; ++j) {
      const double product = pooled(i, i) * pooled(j, j);
      if (!(pooled(i, j) * pooled(i, j) < (1.0 - 1e-12) * product)) return true;
    }
  }
  return false;
}

std::string identified_by(const FitOptions& options) {
  if (unmix::finds_closure(options)) {
    return "latents up to mixing with their parents; the transitive closure of the DAG";
  }
  if (options.intervention == Intervention::hard)
    return "latents up to permutation and scaling; the DAG";
  const bool by_scores = options.method != UnmixMethod::likelihood;
  return std::string("latents up to mixing with their ") + (by_scores ? "parents" : "ancestors") +
         "; the DAG up to its transitive closure";
}

std::string signal(const FitOptions& options) {
  if (options.mechanism == Mechanism::additive)
    return "additive noise: each latent is a smooth function of its parents plus independent noise "
           "(quasi-likelihood for non-Gaussian noise)";
  if (options.differences)
    return "every environment overlaps with the observational one; score differences by " +
           difference_method_name(*options.differences) + " converge";
  return "Gaussian scores: second moments carry the signal (linear latents; quasi-likelihood for "
         "other noise)";
}

std::string kind_of_intervention(const FitOptions& options) {
  if (unmix::finds_closure(options)) {
    return "interventions that change the target's mechanism, hard or soft";
  }
  return options.intervention == Intervention::hard
             ? "hard interventions: the target loses its parents"
             : "soft interventions: the target keeps its parents with other coefficients";
}

void describe_identification(FitResult& result) {
  result.identified = identified_by(result.options);
  result.assumptions = {
      "linear mixing: x = G z with full column rank",
      "each latent is hit by at least one single-node intervention, targets unknown",
      kind_of_intervention(result.options), signal(result.options)};
}

void add_findings(const Subspace& subspace, const unmix::ObservationNoise& noise,
                  FitResult& result) {
  auto& findings = result.diagnosis.findings;
  unmix::find_left_out(subspace, findings, result.assumptions);
  unmix::find_noise(noise, findings);
  if (result.diagnosis.encoder_condition > 1e4) {
    findings.push_back({Severity::warning, "ill-conditioned",
                        "the encoder's condition number is large",
                        "standardise the features (--preprocess standardise) or ask for fewer "
                        "latents"});
  }
  unmix::find_misfits(result.diagnosis);
}

void fill_targets(const Identified& fit, const std::vector<EnvironmentMoments>& moments,
                  FitResult& result) {
  for (std::size_t k = 0; k < fit.targets.size(); ++k) {
    EnvironmentTarget target{moments[k + 1].name, {}, fit.gains[k]};
    if (fit.targets[k] == unmix::no_target && result.options.method != UnmixMethod::likelihood) {
      result.diagnosis.findings.push_back(
          {Severity::note, "not-used",
           "environment '" + target.environment +
               "' is not used: published methods take one "
               "environment per latent",
           "fit with --method likelihood, or ask for more latents"});
    } else if (fit.targets[k] != unmix::no_target) {
      target.latents = {static_cast<std::size_t>(fit.targets[k])};
    } else {
      result.diagnosis.findings.push_back(
          {Severity::note, "no-target",
           "environment '" + target.environment + "' hits none of the latents detectably",
           "ask for more latents, or leave it out"});
    }
    result.targets.push_back(std::move(target));
  }
}

// sqrt diag(D^T R^m D) in latent coordinates. [n, K]
Matrix latent_score_differences(const std::vector<MatrixXd>& moments, const MatrixXd& encoder) {
  const MatrixXd decoder = encoder.inverse();
  MatrixXd result(encoder.rows(), static_cast<Index>(moments.size()));
  for (std::size_t m = 0; m < moments.size(); ++m) {
    result.col(static_cast<Index>(m)) =
        (decoder.transpose() * moments[m] * decoder).diagonal().cwiseMax(0.0).cwiseSqrt();
  }
  return to_matrix(result);
}

class Fitting {
 public:
  /// `dataset` is null where only moments are known.
  Fitting(const Backend& backend, const Dataset* dataset,
          const std::vector<EnvironmentMoments>& moments, const FitOptions& options, Seed seed,
          Observer& observer, FitResult& result)
      : backend_(backend),
        dataset_(dataset),
        moments_(moments),
        options_(options),
        observer_(observer),
        result_(result) {
    result_.options = options;
    result_.seed = seed;
    result_.backend = backend.name();
    describe_identification(result_);
  }

  void run(std::size_t latents, const MakeResampler& make_resampler, Stopwatch& stopwatch) {
    result_.options.latents = latents;
    const Subspace subspace = unmix::latent_subspace(moments_, latents, options_.subspace);
    unmix::check_rank(speaker, subspace, latents);
    const LinearProblem observed =
        unmix::linear_problem(transformed(moments_, to_matrix(subspace.basis)));
    if (unmix::may_remove_noise(options_) && options_.observation_noise == NoiseRemoval::automatic)
      noise_ = unmix::observation_noise(subspace, observed);
    const LinearProblem problem = noise_.removed_from(observed);
    record_subspace(subspace);
    for (const EnvironmentMoments& m : moments_) names_.push_back(m.name);

    std::vector<MatrixXd> precision;
    try {
      precision = unmix::shrunken_precisions(problem, names_, options_.score);
    } catch (const InvalidArgument& error) {
      fail("covariance-not-positive-definite", error.what(),
           "ask for fewer latents, drop the environment, or use shrinkage");
      return;
    }
    stopwatch.lap(result_.timings, "subspace");

    if (subspace.choice == SubspaceChoice::variance)
      unmix::find_directions(subspace.eigenvalues, latents, samples(), result_.diagnosis);
    const std::unique_ptr<Resampler> resampler = make_resampler(observed, subspace.basis);
    unmix::diagnose_environments(observed, names_, *resampler, options_.null_splits,
                                 result_.diagnosis);
    stopwatch.lap(result_.timings, "diagnosis");

    observer_.log(Observer::Level::info, "unmixing");
    const std::vector<std::size_t> chosen = unmix::choose_environments(problem, precision);
    const std::vector<MatrixXd> differences = options_.differences
                                                  ? estimated_moments(subspace.basis)
                                                  : unmix::difference_moments(problem, precision);
    const Identified fit = identified(problem, precision, differences, subspace, chosen);
    if (!fit.failure.empty()) return;
    record(fit, problem, differences, subspace);
    if (dataset_ != nullptr && options_.mechanism == Mechanism::linear) {
      unmix::find_changed_noise(*dataset_, problem, subspace.basis, fit, options_.intervention,
                                result_.diagnosis);
      unmix::find_nonlinearity(*dataset_, subspace.basis, fit, result_.diagnosis);
    }
    stopwatch.lap(result_.timings, "unmixing");
    if (options_.bootstrap == 0) return;
    record_support(fit, subspace, *resampler, chosen);
    stopwatch.lap(result_.timings, "bootstrap");
  }

 private:
  double samples() const {
    double sum = 0.0;
    for (const EnvironmentMoments& m : moments_) sum += static_cast<double>(m.samples);
    return sum;
  }

  Identified identified(const LinearProblem& problem, const std::vector<MatrixXd>& precision,
                        const std::vector<MatrixXd>& differences, const Subspace& subspace,
                        const std::vector<std::size_t>& chosen) {
    Identified fit = unmix::identify(problem, precision, differences, subspace.basis, chosen,
                                     options_, observer_);
    if (options_.mechanism == Mechanism::additive) {
      fit = unmix::identify_additive(backend_, *dataset_, problem, subspace.basis, fit,
                                     result_.seed, observer_);
    }
    if (!fit.failure.empty())
      fail("unmixing-failed", fit.failure,
           options_.method != UnmixMethod::likelihood
               ? "ask for fewer latents, or use --method likelihood"
               : "ask for fewer latents, or gather more samples");
    return fit;
  }

  void record_support(const Identified& fit, const Subspace& subspace, const Resampler& resampler,
                      const std::vector<std::size_t>& chosen) {
    const unmix::Replicate replicate =
        options_.mechanism == Mechanism::additive
            ? unmix::additive_replicate(*dataset_, subspace.basis, fit.targets,
                                        {fit.encoder, fit.order}, result_.seed)
            : unmix::linear_replicate(resampler, names_, subspace.basis, noise_, chosen, options_);
    unmix::record_support(
        unmix::edge_support(options_.bootstrap, backend_.threads(), replicate, observer_),
        result_.edges, result_.edge_support, result_.diagnosis.findings);
  }

  void fail(const std::string& code, const std::string& message, const std::string& remedy) {
    result_.diagnosis.findings.push_back({Severity::failure, code, message, remedy});
    result_.identified.clear();
  }

  std::vector<MatrixXd> estimated_moments(const MatrixXd& basis) {
    const Encoder to_y(to_matrix(basis), moments_.front().mean);
    const Dataset y = unmix::mapped(*dataset_, to_y, "y");
    const ScoreDifferences fit =
        estimate_score_differences(backend_, y, *options_.differences, result_.seed, observer_);
    const auto& findings = fit.summary().findings;
    result_.diagnosis.findings.insert(result_.diagnosis.findings.end(), findings.begin(),
                                      findings.end());
    std::vector<MatrixXd> moments;
    const DifferenceMoments own =
        lodestein::difference_moments(backend_, fit, y, MomentPoints::overlap, observer_);
    for (const Matrix& r : own.own) moments.emplace_back(as_eigen(r));
    return moments;
  }

  void record_subspace(const Subspace& subspace) {
    result_.diagnosis.pooled_eigenvalues = first(subspace.eigenvalues, most_shown);
    result_.diagnosis.differing = first(subspace.differences, most_shown);
    result_.diagnosis.subspace = subspace.choice;
    result_.diagnosis.explained_variance = subspace.explained;
    result_.centre = moments_.front().mean;
    for (Index i = 0; i < subspace.basis.rows(); ++i) {
      result_.latent_names.push_back("Z" + std::to_string(i + 1));
    }
  }

  void record(const Identified& fit, const LinearProblem& problem,
              const std::vector<MatrixXd>& differences, const Subspace& subspace) {
    result_.encoder = to_matrix((fit.encoder * subspace.basis).eval());
    result_.decoder = to_matrix((subspace.inverse * fit.encoder.inverse()).eval());
    result_.graph = fit.graph;
    result_.order.assign(fit.order.begin(), fit.order.end());
    result_.objective = fit.objective;
    result_.score_differences = latent_score_differences(differences, fit.encoder);
    const auto singular = fit.encoder.jacobiSvd().singularValues();
    result_.diagnosis.encoder_condition = singular(0) / singular(singular.size() - 1);
    for (std::size_t k = 0; k < fit.deviance.size(); ++k) {
      result_.diagnosis.environments[k].deviance_per_dof = fit.deviance[k];
    }
    result_.edges = unmix::latent_edges(
        fit.encoder * problem.covariance[0] * fit.encoder.transpose(), fit.graph, fit.edges);
    fill_targets(fit, moments_, result_);
    add_findings(subspace, noise_, result_);
  }

  const Backend& backend_;
  const Dataset* dataset_;
  const std::vector<EnvironmentMoments>& moments_;
  const FitOptions& options_;
  Observer& observer_;
  FitResult& result_;
  std::vector<std::string> names_;
  unmix::ObservationNoise noise_;
};

}  // namespace

FitResult fit(const Backend& backend, const Dataset& dataset, const FitOptions& options, Seed seed,
              Observer& observer) {
  check_options(options);
  const std::size_t latents = latent_count(options, dataset.interventions());
  check_one_environment_per_latent(options, latents, dataset.interventions());
  FitResult result;
  result.features = dataset.features;
  result.preprocessing = dataset.preprocessing;
  Stopwatch stopwatch;
  for (const Environment& e : dataset.environments) {
    if (e.samples.rows() <= latents || e.samples.cols() != dataset.feature_count()) {
      validate(dataset, latents + 1);
    }
  }
  const std::vector<EnvironmentMoments> moments = compute_moments(backend, dataset, observer);
  if (suspicious(moments)) validate(dataset, latents + 1);
  stopwatch.lap(result.timings, "moments");
  Fitting(backend, &dataset, moments, options, seed, observer, result)
      .run(
          latents,
          [&](const LinearProblem&, const MatrixXd& basis) {
            const bool moments_again =
                options.bootstrap > 0 && options.mechanism == Mechanism::linear;
            return unmix::sample_resampler(dataset, basis, moments_again, seed);
          },
          stopwatch);
  return result;
}

FitResult fit(const Backend& backend, const std::vector<EnvironmentMoments>& moments,
              const FitOptions& options, Seed seed, Observer& observer) {
  check_options(options);
  const std::size_t latents = latent_count(options, moments.empty() ? 0 : moments.size() - 1);
  if (options.mechanism == Mechanism::additive) {
    throw InvalidArgument("additive mechanisms need samples; moments tell linear ones only");
  }
  if (options.differences) {
    throw InvalidArgument("estimated score differences need samples; moments give Gaussian ones");
  }
  unmix::check_moments(speaker, moments, 0);
  for (const EnvironmentMoments& m : moments) {
    if (m.samples <= latents) {
      throw InvalidArgument("environment '" + m.name + "' has " + std::to_string(m.samples) +
                            " samples for " + std::to_string(latents) +
                            " latents; it needs more samples than latents");
    }
  }
  FitResult result;
  for (std::size_t j = 0; j < moments.front().mean.size(); ++j) {
    result.features.push_back("x" + std::to_string(j + 1));
  }
  Stopwatch stopwatch;
  Fitting(backend, nullptr, moments, options, seed, observer, result)
      .run(
          latents,
          [&](const LinearProblem& problem, const MatrixXd&) {
            return unmix::gaussian_resampler(problem, seed);
          },
          stopwatch);
  return result;
}

}  // namespace lodestein
