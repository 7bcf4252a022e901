#include "sweep/methods.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/eigen.hpp"
#include "lodestein/score/estimate.hpp"
#include "lodestein/unmix/fit.hpp"
#include "lodestein/unmix/lscale.hpp"
#include "lodestein/unmix/umni.hpp"
#include "score/option_names.hpp"
#include "sweep/fields.hpp"
#include "sweep/gscale_names.hpp"
#include "unmix/option_names.hpp"

namespace lodestein {
namespace sweep {
namespace {

const std::string& word(const MethodInput& input, const char* option) {
  return value_in<std::string>(input.setting.options, option);
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
  options.null_splits = 0;  // shown to people only
  return options;
}

Learned run_fit(const MethodInput& input, FitOptions options) {
  options.score.shrinkage = value_named(shrinkage_names, word(input, "shrinkage"));
  return measured(input.data,
                  fit(input.backend, input.data.moments(), options, input.seed, input.observer));
}

Learned run_likelihood(const MethodInput& input) { return run_fit(input, fit_options(input)); }

// Latent i is the one that environment i hit.
std::vector<std::vector<std::size_t>> one_each(std::size_t count) {
  std::vector<std::vector<std::size_t>> targets;
  for (std::size_t i = 0; i < count; ++i) targets.push_back({i});
  return targets;
}

Learned run_lscale(const MethodInput& input) {
  if (word(input, "differences") == "gaussian") {
    FitOptions options = fit_options(input);
    options.refinement = Refinement::none;
    options.lscale_edge_threshold = real(input, "edge_threshold");
    return run_fit(input, options);
  }
  const ChartedDifferences& d = input.data.differences(
      word(input, "differences"), value_named(moment_points_names, word(input, "points")));
  LscaleOptions options{input.data.options().intervention, real(input, "edge_threshold")};
  LscaleResult result = lscale(d.moments, d.differences, options);
  Learned learned;
  learned.encoder = multiply(result.encoder, d.charted.chart.basis);
  learned.latents = encoded(input.data, learned.encoder);
  learned.graph = std::move(result.graph);
  learned.order = std::move(result.order);
  learned.targets = one_each(input.data.latents());
  learned.findings = d.findings;
  learned.identified = "latents by LSCALE-I from score differences";
  return learned;
}

Learned run_lcd(const MethodInput& input) {
  FitOptions options = fit_options(input);
  options.method = UnmixMethod::lcd;
  options.refinement = Refinement::none;
  options.lcd_edge_threshold = real(input, "lcd_edge_threshold");
  options.lcd_rank_one_acceptance = real(input, "lcd_rank_one");
  return run_fit(input, options);
}

Learned run_additive(const MethodInput& input) {
  FitOptions options = fit_options(input);
  options.mechanism = Mechanism::additive;
  return measured(input.data,
                  fit(input.backend, *input.data.dataset(), options, input.seed, input.observer));
}

Learned run_umni_options(const MethodInput& input, UmniOptions options) {
  options.latents = input.data.latents();
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

Learned run_umni(const MethodInput& input) { return run_umni_options(input, {}); }

Learned run_umni_published(const MethodInput& input) {
  UmniOptions options;
  options.procedure = UmniProcedure::published;
  options.largest_coefficient =
      static_cast<int>(value_in<std::int64_t>(input.setting.options, "largest_coefficient"));
  options.eigenvalue_threshold = real(input, "eigenvalue_threshold");
  options.coefficient_change = real(input, "coefficient_change");
  options.edge_level = real(input, "edge_level");
  return run_umni_options(input, options);
}

using Problem = std::string (*)(const SweepSetting&);

bool has(const SweepSetting& setting, const char* field, const char* value) {
  return value_in<std::string>(setting.data, field) == value;
}

std::string needs(const char* field, const char* values) {
  return "needs " + std::string(field) + " = " + values;
}

std::string linear_problem(const SweepSetting& setting) {
  return has(setting, "mixing", "linear") ? "" : needs("mixing", "\"linear\"");
}

std::string likelihood_problem(const SweepSetting& setting) {
  if (has(setting, "design", "multi")) return needs("design", "\"single\" or \"pairs\"");
  return linear_problem(setting);
}

std::string single_problem(const SweepSetting& setting) {
  if (!has(setting, "design", "single")) return needs("design", "\"single\"");
  return linear_problem(setting);
}

std::string lscale_problem(const SweepSetting& setting) {
  const auto& differences = value_in<std::string>(setting.options, "differences");
  if (differences != "gaussian" && has(setting, "data", "moments"))
    return needs("data", "\"samples\"") + " for differences = \"" + differences + "\"";
  if (differences == "exact" && value_in<double>(setting.data, "observation_noise") > 0.0)
    return needs("observation_noise", "0") + " for differences = \"exact\"";
  return single_problem(setting);
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
  return linear_problem(setting);
}

std::vector<std::string> with_exact(std::vector<std::string> names) {
  names.emplace_back("exact");
  return names;
}

std::vector<SweepFieldInfo> linear_options() {
  return {
      {"shrinkage",
       "of covariances before they are inverted; auto: oas below 10 samples a dimension",
       std::string("auto"),
       words_of(shrinkage_names),
       0,
       0,
       {"likelihood", "lscale", "lcd", "umni", "umni-published"}},
      {"edge_threshold",
       "edge if the moment in latent coordinates is at least this",
       1e-3,
       {},
       1e-15,
       1e9,
       {"lscale"}},
      {"differences",
       "how score differences are estimated; exact: from the truth",
       std::string("gaussian"),
       with_exact(difference_method_names()),
       0,
       0,
       {"lscale"}},
      {"points",
       "where they are averaged, if not gaussian",
       std::string("overlap"),
       words_of(moment_points_names),
       0,
       0,
       {"lscale"}},
      {"lcd_edge_threshold",
       "size of an entry of B_0 that counts as an edge",
       0.04,
       {},
       1e-15,
       1e9,
       {"lcd"}},
      {"lcd_rank_one",
       "share of the largest singular value that counts as rank one",
       0.99,
       {},
       1e-9,
       1.0 - 1e-9,
       {"lcd"}},
      {"largest_coefficient",
       "combinations have entries from -this to this",
       std::int64_t{2},
       {},
       1,
       100,
       {"umni-published"}},
      {"eigenvalue_threshold",
       "ranks count eigenvalues above this",
       5e-2,
       {},
       1e-15,
       1e9,
       {"umni-published"}},
      {"coefficient_change",
       "norm that tells hit regressions from others",
       0.1,
       {},
       1e-15,
       1e9,
       {"umni-published"}},
      {"edge_level",
       "of partial correlation tests, hard interventions",
       0.05,
       {},
       1e-15,
       1.0,
       {"umni-published"}},
  };
}

std::vector<SweepFieldInfo> gscale_options() {
  return {
      {"encoder",
       "map from the data's coordinates to latents",
       std::string("linear"),
       words_of(encoder_names),
       0,
       0,
       {"gscale"}},
      {"pairing",
       "what is known of which environments hit the same latent",
       std::string("coupled"),
       words_of(pairing_names),
       0,
       0,
       {"gscale"}},
      {"link",
       "known function of a linear map in the mixing",
       std::string("identity"),
       words_of(link_names),
       0,
       0,
       {"gscale"}},
      {"pair_differences",
       "how differences of the environments of a pair are estimated; exact: from the truth",
       std::string("auto"),
       with_exact(difference_method_names()),
       0,
       0,
       {"gscale"}},
      {"evidence",
       "how the graph is found, if not from exact differences",
       std::string("additive"),
       words_of(evidence_names),
       0,
       0,
       {"gscale"}},
  };
}

std::vector<Method> make_methods() {
  return {
      {"likelihood", "profile likelihood of linear latents, edges by likelihood ratios",
       likelihood_problem, run_likelihood},
      {"lscale", "LSCALE-I as published", lscale_problem, run_lscale},
      {"lcd", "linear causal disentanglement as published", lcd_problem, run_lcd},
      {"additive", "likelihood of latents that are smooth functions of their parents plus noise",
       additive_problem, run_additive},
      {"umni", "likelihood under unknown multi-node interventions", umni_problem, run_umni},
      {"umni-published", "UMNI-CRL as published", umni_problem, run_umni_published},
      {"gscale", "GSCALE-I: two hard interventions on every latent, any mixing", gscale_problem,
       run_gscale},
  };
}

}  // namespace

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

std::vector<SweepFieldInfo> method_fields() {
  std::vector<SweepFieldInfo> fields = linear_options();
  const auto more = gscale_options();
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

bool is_relevant(const std::string& option, const std::vector<SweepField>& options) {
  const auto other = [&](const char* name, const char* value) {
    return value_in<std::string>(options, name) == value;
  };
  if (option == "points")
    return !other("differences", "gaussian") && !other("differences", "exact");
  if (option == "evidence") return !other("pair_differences", "exact");
  return true;
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
