#include "sweep/methods.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/eigen.hpp"
#include "core/intervention_names.hpp"
#include "lodestein/score/estimate.hpp"
#include "lodestein/unmix/contrastive_unmix.hpp"
#include "lodestein/unmix/fit.hpp"
#include "lodestein/unmix/lscale.hpp"
#include "lodestein/unmix/umni.hpp"
#include "score/option_names.hpp"
#include "simulate/check.hpp"
#include "simulate/noise.hpp"
#include "sweep/fields.hpp"
#include "unmix/option_names.hpp"

namespace lodestein {
namespace sweep {
namespace {

const std::string& word(const MethodInput& input, const char* option) {
  return value_in<std::string>(input.setting.options, option);
}
std::size_t whole(const MethodInput& input, const char* option) {
  return static_cast<std::size_t>(value_in<std::int64_t>(input.setting.options, option));
}
double real(const MethodInput& input, const char* option) {
  return value_in<double>(input.setting.options, option);
}

// H x at the points of true_latents(); an offset changes nothing that is measured.
Matrix encoded(const BatchData& data, const Matrix& encoder) {
  if (data.dataset()) {
    return multiply(data.dataset()->observational().samples, transpose(encoder));
  }
  return multiply(true_latents(data),
                  transpose(multiply(encoder, data.truth().mixing.layers().front())));
}

Learned measured(const BatchData& data, FitResult fit) {
  Learned learned;
  learned.findings = std::move(fit.diagnosis.findings);
  learned.identified = std::move(fit.identified);
  if (fit.encoder.empty()) return learned;
  learned.latents = encoded(data, fit.encoder);
  learned.encoder = std::move(fit.encoder);
  learned.graph = std::move(fit.graph);
  learned.order = std::move(fit.order);
  for (EnvironmentTarget& target : fit.targets)
    learned.targets.push_back(std::move(target.latents));
  return learned;
}

FitOptions fit_options(const MethodInput& input) {
  FitOptions options;
  options.latents = input.data.latents();
  options.intervention = input.data.options().intervention;
  options.null_splits = whole(input, "null_splits");
  options.subspace = SubspaceChoice::variance;  // as published
  return options;
}

std::size_t fitted_latents(const MethodInput& input) {
  const std::size_t asked = whole(input, "fitted_latents");
  return asked > 0 ? asked : input.data.latents();
}

Learned run_fit(const MethodInput& input, FitOptions options) {
  options.score.shrinkage = value_named(shrinkage_names, word(input, "shrinkage"));
  options.latents = fitted_latents(input);
  // Controls are resampled from samples where there are any, as in `lodestein fit`.
  if (options.null_splits > 0 && input.data.dataset()) {
    return measured(input.data,
                    fit(input.backend, *input.data.dataset(), options, input.seed, input.observer));
  }
  return measured(input.data,
                  fit(input.backend, input.data.moments(), options, input.seed, input.observer));
}

Learned run_likelihood(const MethodInput& input) {
  FitOptions options = fit_options(input);
  const std::string& assumed = word(input, "assumed_intervention");
  if (assumed != as_simulated) options.intervention = value_named(intervention_names, assumed);
  options.subspace = value_named(subspace_names, word(input, "subspace"));
  options.observation_noise = value_named(noise_removal_names, word(input, "noise_removal"));
  return run_fit(input, options);
}

// Latent i is the one that environment i hit.
std::vector<std::vector<std::size_t>> one_each(std::size_t count) {
  std::vector<std::vector<std::size_t>> targets;
  for (std::size_t i = 0; i < count; ++i) targets.push_back({i});
  return targets;
}

ChartedDifferences charted_differences(const MethodInput& input) {
  return input.data.differences(word(input, "differences"),
                                value_named(moment_points_names, word(input, "points")));
}

Learned from_differences(const MethodInput& input, const ChartedDifferences& d, LscaleResult result,
                         const char* identified) {
  Learned learned;
  learned.encoder = multiply(result.encoder, d.charted.data.chart.basis);
  learned.latents = encoded(input.data, learned.encoder);
  learned.graph = std::move(result.graph);
  learned.order = std::move(result.order);
  learned.targets = one_each(input.data.latents());
  learned.findings = d.findings;
  learned.identified = identified;
  return learned;
}

Learned run_lscale(const MethodInput& input) {
  if (word(input, "differences") == "gaussian") {
    FitOptions options = fit_options(input);
    options.method = UnmixMethod::lscale;
    options.lscale_edge_threshold = real(input, "edge_threshold");
    return run_fit(input, options);
  }
  const ChartedDifferences d = charted_differences(input);
  const LscaleOptions options{input.data.options().intervention, real(input, "edge_threshold")};
  return from_differences(input, d, lscale(d.charted.moments, d.differences, options),
                          options.intervention == Intervention::hard
                              ? "latents up to permutation and scaling; the DAG"
                              : "latents up to mixing with their parents; the DAG up to its "
                                "transitive closure");
}

// The chart's axes at length 1, where absolute thresholds mean what they meant when published.
DifferenceMoments in_unit_axes(const ChartedDifferences& d) {
  const auto basis = as_eigen(d.charted.data.chart.basis);
  DifferenceMoments result = d.differences;
  for (Matrix& own : result.own)
    own = to_matrix((as_eigen(own) * basis.row(0).squaredNorm()).eval());
  return result;
}

Learned run_finite_sample(const MethodInput& input) {
  const double eigenvalue = real(input, "finite_eigenvalue_threshold");
  const double orthogonality = real(input, "finite_orthogonality_threshold");
  if (word(input, "differences") == "gaussian") {
    FitOptions options = fit_options(input);
    options.method = UnmixMethod::finite_sample;
    options.finite_eigenvalue_threshold = eigenvalue;
    options.finite_orthogonality_threshold = orthogonality;
    return run_fit(input, options);
  }
  const ChartedDifferences d = charted_differences(input);
  return from_differences(input, d,
                          lscale_finite_sample(in_unit_axes(d), {eigenvalue, orthogonality}),
                          "latents up to mixing with parents; the transitive closure of the DAG");
}

Learned run_full_rank(const MethodInput& input) {
  const auto splits = static_cast<std::size_t>(whole(input, "splits"));
  const std::string method = word(input, "differences");
  const ChartedDifferences d =
      splits == 0 || method == "exact"
          ? charted_differences(input)
          : input.data.cross_fitted(method, value_named(moment_points_names, word(input, "points")),
                                    splits);
  const FullRankOptions options{real(input, "rank_tolerance"), real(input, "angle_tolerance")};
  LscaleResult result = lscale_full_rank(d.charted.moments, d.differences, options);
  const std::size_t n = result.ranks.size();
  if (n > 1 && std::ranges::count(result.ranks, n) == static_cast<std::ptrdiff_t>(n)) {
    Learned learned;
    learned.findings = d.findings;
    learned.findings.push_back(
        {Severity::failure, "full-rank",
         "the moments of all score differences have full rank: no column space tells a parent",
         "more samples or splits, or a rank_tolerance above the noise"});
    return learned;
  }
  return from_differences(input, d, std::move(result),
                          "latents up to mixing with surrounding parents; the DAG");
}

Learned run_lcd(const MethodInput& input) {
  FitOptions options = fit_options(input);
  options.method = UnmixMethod::lcd;
  options.lcd_edge_threshold = real(input, "lcd_edge_threshold");
  options.lcd_rank_one_acceptance = real(input, "lcd_rank_one");
  return run_fit(input, options);
}

Learned run_additive(const MethodInput& input) {
  FitOptions options = fit_options(input);
  options.mechanism = Mechanism::additive;
  options.subspace = value_named(subspace_names, word(input, "subspace"));
  return measured(input.data,
                  fit(input.backend, *input.data.dataset(), options, input.seed, input.observer));
}

Learned run_umni_options(const MethodInput& input, UmniOptions options) {
  options.latents = fitted_latents(input);
  options.intervention = input.data.options().intervention;
  options.score.shrinkage = value_named(shrinkage_names, word(input, "shrinkage"));
  UmniResult result =
      umni(input.backend, input.data.moments(), options, input.seed, input.observer);
  Learned learned;
  learned.findings = std::move(result.findings);
  learned.identified = std::move(result.identified);
  if (result.encoder.empty()) return learned;
  learned.latents = encoded(input.data, result.encoder);
  learned.encoder = std::move(result.encoder);
  learned.graph = std::move(result.graph);
  learned.order = std::move(result.order);
  learned.targets = std::move(result.targets);
  return learned;
}

Learned run_umni(const MethodInput& input) {
  UmniOptions options;
  options.subspace = value_named(subspace_names, word(input, "subspace"));
  options.observation_noise = value_named(noise_removal_names, word(input, "noise_removal"));
  return run_umni_options(input, options);
}

Learned run_umni_published(const MethodInput& input) {
  UmniOptions options;
  options.procedure = UmniProcedure::published;
  options.largest_coefficient = static_cast<int>(whole(input, "largest_coefficient"));
  options.eigenvalue_threshold = real(input, "eigenvalue_threshold");
  options.coefficient_change = real(input, "coefficient_change");
  options.edge_level = real(input, "edge_level");
  return run_umni_options(input, options);
}

Learned run_contrastive(const MethodInput& input) {
  ContrastiveUnmixOptions options;
  options.encoder = value_named(encoder_family_names, word(input, "encoder"));
  options.null_splits = 0;
  const Dataset& dataset = *input.data.dataset();
  ContrastiveUnmixing fit =
      contrastive_unmix(input.backend, dataset, options, input.seed, input.observer);
  Learned learned;
  learned.findings = std::move(fit.diagnosis.findings);
  learned.identified = std::move(fit.identified);
  if (fit.order.empty()) return learned;
  learned.latents = fit.encoder(dataset.observational().samples);
  if (options.encoder == EncoderFamily::linear &&
      input.data.options().mixing.family == MixingFamily::linear)
    learned.encoder = std::move(fit.matrix);
  learned.graph = std::move(fit.graph);
  learned.order = std::move(fit.order);
  for (EnvironmentTarget& target : fit.targets)
    learned.targets.push_back(std::move(target.latents));
  return learned;
}

bool has(const SweepSetting& setting, const char* field, const char* value) {
  return value_in<std::string>(setting.data, field) == value;
}

std::string needs(const char* field, const char* values) {
  return "needs " + std::string(field) + " = " + values;
}

std::string linear_problem(const SweepSetting& setting) {
  return has(setting, "mixing", "linear") ? "" : needs("mixing", "\"linear\"");
}

/// Why not that many latents can be fitted.
std::string count_problem(const SweepSetting& setting) {
  const auto fitted = find_value(setting, "fitted_latents");
  const std::size_t most = environment_count(study_options(setting.data)) - 1;
  if (!fitted || static_cast<std::size_t>(std::get<std::int64_t>(*fitted)) <= most) return "";
  return "needs fitted_latents of at most " + std::to_string(most) +
         ", the number of interventional environments";
}

std::string likelihood_problem(const SweepSetting& setting) {
  if (has(setting, "design", "multi")) return needs("design", "\"single\" or \"pairs\"");
  const std::string problem = linear_problem(setting);
  return problem.empty() ? count_problem(setting) : problem;
}

std::string single_problem(const SweepSetting& setting) {
  if (!has(setting, "design", "single")) return needs("design", "\"single\"");
  return likelihood_problem(setting);
}

std::string lscale_problem(const SweepSetting& setting) {
  const auto& differences = value_in<std::string>(setting.options, "differences");
  if (differences != "gaussian" && has(setting, "data", "moments"))
    return needs("data", "\"samples\"") + " for differences = \"" + differences + "\"";
  if (differences == "exact" && value_in<double>(setting.data, "observation_noise") > 0.0)
    return needs("observation_noise", "0") + " for differences = \"exact\"";
  if (differences == "exact" && !has_exact_scores(setting))
    return std::string(needs_exact_scores) + " for differences = \"exact\"";
  return single_problem(setting);
}

std::string full_rank_problem(const SweepSetting& setting) {
  if (!has(setting, "data", "samples")) return needs("data", "\"samples\"");
  if (!has(setting, "intervention", "soft")) return needs("intervention", "\"soft\"");
  if (has(setting, "scm", "linear")) return needs("scm", "\"quadratic\" or \"mlp\"");
  if (value_in<std::string>(setting.options, "differences") == "gaussian")
    return "needs differences that aren't \"gaussian\"";
  return lscale_problem(setting);
}

std::string contrastive_problem(const SweepSetting& setting) {
  if (!has(setting, "data", "samples")) return needs("data", "\"samples\"");
  if (!has(setting, "intervention", "hard")) return needs("intervention", "\"hard\"");
  if (value_in<std::string>(setting.options, "encoder") == "invertible")
    return needs("encoder", "\"linear\" or \"network\"");
  return has(setting, "design", "single") ? "" : needs("design", "\"single\"");
}

std::string lcd_problem(const SweepSetting& setting) {
  if (!has(setting, "intervention", "hard")) return needs("intervention", "\"hard\"");
  return single_problem(setting);
}

std::string additive_problem(const SweepSetting& setting) {
  if (!has(setting, "data", "samples")) return needs("data", "\"samples\"");
  return lcd_problem(setting);
}

std::string umni_problem(const SweepSetting& setting) {
  if (has(setting, "design", "pairs")) return needs("design", "\"multi\" or \"single\"");
  const std::string problem = linear_problem(setting);
  return problem.empty() ? count_problem(setting) : problem;
}

std::vector<Method> make_methods() {
  return {
      {"likelihood", "profile likelihood of linear latents, edges by likelihood ratios",
       likelihood_problem, run_likelihood},
      {"lscale", "LSCALE-I as published", lscale_problem, run_lscale},
      {"lscale-full-rank", "LSCALE-I's branch for soft interventions on nonlinear latents",
       full_rank_problem, run_full_rank},
      {"lcd", "linear causal disentanglement as published", lcd_problem, run_lcd},
      {"finite-sample", "LSCALE-I's variant for finite samples as published", lscale_problem,
       run_finite_sample},
      {"additive", "likelihood of latents that are smooth functions of their parents plus noise",
       additive_problem, run_additive},
      {"umni", "likelihood under unknown multi-node interventions", umni_problem, run_umni},
      {"umni-published", "UMNI-CRL as published", umni_problem, run_umni_published},
      {"contrastive", "contrastive learning with a causal head, any smooth mixing",
       contrastive_problem, run_contrastive},
      {"gscale", "GSCALE-I: two hard interventions on every latent, any mixing", gscale_problem,
       run_gscale},
  };
}

}  // namespace

bool has_exact_scores(const SweepSetting& setting) {
  const StudyOptions options = study_options(setting.data);
  return has_score(options.latent.noise) && options.unhit == 0;
}

const std::vector<Method>& methods() {
  static const std::vector<Method> all = make_methods();
  return all;
}

const Method* find_method(const std::string& name) {
  for (const Method& method : methods()) {
    if (method.name == name) return &method;
  }
  return nullptr;
}

Matrix true_latents(const BatchData& data) {
  if (data.dataset()) return data.truth().latents.front();
  // 2n points +-sqrt(n) L e_j, L L^T the covariance: mean 0 and just this covariance.
  const Matrix covariance = data.truth().model.covariance({});
  const Eigen::MatrixXd factor = as_eigen(covariance).llt().matrixL();
  const Eigen::MatrixXd half = std::sqrt(static_cast<double>(factor.rows())) * factor.transpose();
  Eigen::MatrixXd points(2 * half.rows(), half.cols());
  points << half, -half;
  return to_matrix(points);
}

}  // namespace sweep

const std::vector<std::pair<std::string, std::string>>& sweep_methods() {
  static const auto names = [] {
    std::vector<std::pair<std::string, std::string>> all;
    for (const sweep::Method& method : sweep::methods()) all.emplace_back(method.name, method.help);
    return all;
  }();
  return names;
}

}  // namespace lodestein
