#include "sweep/methods.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/eigen.hpp"
#include "lodestein/score/estimate.hpp"
#include "lodestein/unmix/contrastive_unmix.hpp"
#include "lodestein/unmix/fit.hpp"
#include "lodestein/unmix/lscale.hpp"
#include "lodestein/unmix/umni.hpp"
#include "score/option_names.hpp"
#include "sweep/fields.hpp"
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
    options.refinement = Refinement::none;
    options.lscale_edge_threshold = real(input, "edge_threshold");
    return run_fit(input, options);
  }
  const ChartedDifferences d = charted_differences(input);
  const LscaleOptions options{input.data.options().intervention, real(input, "edge_threshold")};
  return from_differences(input, d, lscale(d.charted.moments, d.differences, options),
                          "latents by LSCALE-I from score differences");
}

Learned run_full_rank(const MethodInput& input) {
  const ChartedDifferences d = charted_differences(input);
  const FullRankOptions options{real(input, "rank_tolerance"), real(input, "angle_tolerance")};
  return from_differences(input, d, lscale_full_rank(d.charted.moments, d.differences, options),
                          "latents up to mixing with surrounding parents; the DAG");
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

// H of an encoder z = H x + c. [n, d]
Matrix linear_part(const Encoder& encoder) {
  const Matrix at_units = encoder(Matrix::identity(encoder.dimension()));
  const Matrix at_zero = encoder(Matrix(1, encoder.dimension()));
  Matrix result(encoder.latents(), encoder.dimension());
  for (std::size_t i = 0; i < result.rows(); ++i) {
    for (std::size_t j = 0; j < result.cols(); ++j) result(i, j) = at_units(j, i) - at_zero(0, i);
  }
  return result;
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
    learned.encoder = linear_part(fit.encoder);
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
  return linear_problem(setting);
}

std::vector<std::string> with_exact(std::vector<std::string> names) {
  names.emplace_back("exact");
  return names;
}

using Names = std::vector<std::string>;

SweepFieldInfo choice(const char* name, const char* help, const char* otherwise, Names choices,
                      Names methods) {
  return {name, help, std::string(otherwise), std::move(choices), 0, 0, std::move(methods)};
}

SweepFieldInfo number(const char* name, const char* help, double otherwise, double high,
                      Names methods) {
  constexpr double least = 1e-15;  // none of them may be 0
  return {name, help, otherwise, {}, least, high, std::move(methods)};
}

std::vector<SweepFieldInfo> linear_options() {
  constexpr double any = 1e9, below_one = 1.0 - 1e-9;
  return {
      choice("shrinkage",
             "of covariances before they are inverted; auto: oas below 10 samples a dimension",
             "auto", words_of(shrinkage_names),
             {"likelihood", "lscale", "lcd", "umni", "umni-published"}),
      number("edge_threshold", "edge if the moment in latent coordinates is at least this", 1e-3,
             any, {"lscale"}),
      choice("differences", "how score differences are estimated; exact: from the truth",
             "gaussian", with_exact(difference_method_names()), {"lscale", "lscale-full-rank"}),
      choice("points", "where they are averaged, if not gaussian", "overlap",
             words_of(moment_points_names), {"lscale", "lscale-full-rank"}),
      number("rank_tolerance", "share of the largest eigenvalue that counts", 1e-6, below_one,
             {"lscale-full-rank"}),
      number("angle_tolerance", "1 less the cosine at which directions are common", 0.05, below_one,
             {"lscale-full-rank"}),
      number("lcd_edge_threshold", "size of an entry of B_0 that counts as an edge", 0.04, any,
             {"lcd"}),
      number("lcd_rank_one", "share of the largest singular value that counts as rank one", 0.99,
             below_one, {"lcd"}),
      {"largest_coefficient",
       "combinations have entries from -this to this",
       std::int64_t{2},
       {},
       1,
       100,
       {"umni-published"}},
      number("eigenvalue_threshold", "ranks count eigenvalues above this", 5e-2, any,
             {"umni-published"}),
      number("coefficient_change", "norm that tells hit regressions from others", 0.1, any,
             {"umni-published"}),
      number("edge_level", "of partial correlation tests, hard interventions", 0.05, 1.0,
             {"umni-published"}),
  };
}

std::vector<SweepFieldInfo> general_options() {
  return {
      choice("encoder", "map from the data's coordinates to latents", "linear",
             words_of(encoder_family_names), {"contrastive", "gscale"}),
      choice("pairing", "what is known of which environments hit the same latent", "coupled",
             words_of(pairing_names), {"gscale"}),
      choice("link", "function of a linear map in the mixing; estimated: found from the data",
             "identity", words_of(link_choice_names), {"gscale"}),
      choice("pair_differences",
             "how differences of the environments of a pair are estimated; exact: from the truth",
             "auto", with_exact(difference_method_names()), {"gscale"}),
      choice("evidence", "how the graph is found, if not from exact differences", "additive",
             words_of(graph_evidence_names), {"gscale"}),
  };
}

std::vector<Method> make_methods() {
  return {
      {"likelihood", "profile likelihood of linear latents, edges by likelihood ratios",
       likelihood_problem, run_likelihood},
      {"lscale", "LSCALE-I as published", lscale_problem, run_lscale},
      {"lscale-full-rank", "LSCALE-I's branch for soft interventions on nonlinear latents",
       full_rank_problem, run_full_rank},
      {"lcd", "linear causal disentanglement as published", lcd_problem, run_lcd},
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
  const auto more = general_options();
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

bool is_relevant(const std::string& option, const std::vector<SweepField>& options) {
  const auto is = [&](const char* name, const char* value) {
    return std::find(options.begin(), options.end(), SweepField{name, std::string(value)}) !=
           options.end();
  };
  if (option == "points") return !is("differences", "gaussian") && !is("differences", "exact");
  if (option == "evidence") return !is("pair_differences", "exact");
  if (option != "shrinkage") return true;
  const bool has_differences = std::any_of(options.begin(), options.end(), [](const auto& field) {
    return field.name == "differences";
  });
  return !has_differences || is("differences", "gaussian");
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
