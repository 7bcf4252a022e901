#include "lodestein/evaluate/evaluate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/eigen.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/simulate/study.hpp"
#include "lodestein/unmix/result_file.hpp"
#include "tool/baseline.hpp"
#include "tool/command.hpp"

namespace lodestein::tool {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

struct EvaluateOptions {
  fs::path fit, truth, truth_latents, data_path;
  std::vector<std::string> latent_columns;
  DataOptions data;
};

/// What is known about the truth; a file of latents has neither graph nor mixing nor targets.
struct KnownTruth {
  std::vector<std::string> latent_names;
  std::vector<std::string> environments;  ///< the observational first
  std::vector<Matrix> latents;            ///< per environment
  std::optional<Digraph> graph;
  Matrix mixing;
  std::vector<std::vector<std::size_t>> targets;
};

struct Scores {
  Evaluation learned;
  double target_accuracy = nan;
  std::vector<std::pair<std::string, Evaluation>> baselines;
};

KnownTruth truth_of_study(const fs::path& folder) {
  StoredTruth stored = read_truth(folder);
  KnownTruth truth{.latent_names = {},
                   .environments = std::move(stored.environments),
                   .latents = std::move(stored.latents),
                   .graph = std::move(stored.graph),
                   .mixing = std::move(stored.mixing),
                   .targets = std::move(stored.targets)};
  for (std::size_t i = 0; i < truth.graph->nodes(); ++i)
    truth.latent_names.push_back("Z" + std::to_string(i + 1));
  return truth;
}

/// The latents' file is read as the data were, with other columns as features.
KnownTruth truth_of_file(const EvaluateOptions& options, const ReadOptions& data,
                         Observer& observer) {
  ReadOptions read = data;
  read.features = options.latent_columns;
  read.ignore.clear();
  Dataset dataset = read_dataset(options.truth_latents, read, observer);
  KnownTruth truth;
  truth.latent_names = dataset.features;
  for (Environment& environment : dataset.environments) {
    truth.environments.push_back(environment.name);
    truth.latents.push_back(std::move(environment.samples));
  }
  return truth;
}

const Matrix& latents_of(const KnownTruth& truth, const Environment& environment) {
  const auto found =
      std::find(truth.environments.begin(), truth.environments.end(), environment.name);
  if (found == truth.environments.end())
    throw InvalidArgument("environment '" + environment.name +
                          "' of the data is not in the truth (" + listed(truth.environments) +
                          "); give the data of that truth by --data");
  const Matrix& latents =
      truth.latents[static_cast<std::size_t>(found - truth.environments.begin())];
  if (latents.rows() != environment.samples.rows())
    throw DimensionMismatch(
        fmt::format("environment '{}' has {} samples in the data and {} in the truth; rows must be "
                    "aligned",
                    environment.name, environment.samples.rows(), latents.rows()));
  return latents;
}

void check_features(const FitResult& fit, const Dataset& dataset) {
  if (fit.features != dataset.features)
    throw DimensionMismatch(
        fmt::format("the fit has {} features and the data {} or others; give the data of the fit "
                    "with the same options",
                    fit.features.size(), dataset.feature_count()));
}

/// E[z z^T] over the samples of all environments, as published.
Matrix stacked_second_moment(const KnownTruth& truth, const Dataset& dataset) {
  const auto n = static_cast<Eigen::Index>(truth.latent_names.size());
  Eigen::MatrixXd sum = Eigen::MatrixXd::Zero(n, n);
  double rows = 0.0;
  for (const Environment& environment : dataset.environments) {
    const auto z = as_eigen(latents_of(truth, environment));
    sum += z.transpose() * z;
    rows += static_cast<double>(z.rows());
  }
  return to_matrix((sum / rows).eval());
}

/// The fit's name of a matched latent; nothing for one without a match.
std::optional<std::string> matched_name(const FitResult& fit, std::size_t latent) {
  return latent == unmatched ? std::nullopt : std::optional(fit.latent_names.at(latent));
}

/// Share of single-target environments whose latent was found.
double target_accuracy(const FitResult& fit, const Evaluation& learned, const KnownTruth& truth) {
  std::size_t known = 0, right = 0;
  for (const EnvironmentTarget& target : fit.targets)
    for (std::size_t e = 0; e < truth.targets.size(); ++e) {
      if (truth.environments[e] != target.environment || truth.targets[e].size() != 1) continue;
      ++known;
      const std::size_t match = learned.match[truth.targets[e].front()];
      right += match != unmatched && target.latent == match;
    }
  return known == 0 ? nan : static_cast<double>(right) / static_cast<double>(known);
}

Truth observational_truth(const KnownTruth& truth, const Dataset& dataset) {
  return {latents_of(truth, dataset.observational()), truth.mixing,
          truth.graph.value_or(Digraph(truth.latent_names.size())),
          stacked_second_moment(truth, dataset)};
}

/// A baseline has no graph: its edges and order are not looked at.
Estimate baseline_estimate(const Baseline& baseline, const Matrix& x) {
  const std::size_t n = baseline.encoder.rows();
  Estimate estimate{multiply(x, transpose(baseline.encoder)), Matrix(), Digraph(n), {}};
  estimate.order.resize(n);
  std::iota(estimate.order.begin(), estimate.order.end(), std::size_t{0});
  return estimate;
}

Scores score(const FitResult& fit, const Dataset& dataset, const KnownTruth& known,
             const Context& context, Observer& observer) {
  check_features(fit, dataset);
  const Truth truth = observational_truth(known, dataset);
  const Matrix& x = dataset.observational().samples;
  Scores scores;
  scores.learned = evaluate(
      truth, {encode(fit, x), known.mixing.empty() ? Matrix() : fit.encoder, fit.graph, fit.order});
  scores.target_accuracy = target_accuracy(fit, scores.learned, known);
  const auto moments = compute_moments(context.backend(), dataset, observer);
  const std::size_t n = std::min(known.latent_names.size(), dataset.feature_count());
  for (const Baseline& baseline : baselines(moments, n))
    scores.baselines.emplace_back(baseline.name, evaluate(truth, baseline_estimate(baseline, x)));
  return scores;
}

Json number_or_null(double value) { return std::isfinite(value) ? Json(value) : Json(); }

Json optional_json(const std::optional<std::string>& text) { return text ? Json(*text) : Json(); }

Json graph_keys(const Scores& scores, bool known) {
  const GraphError& graph = scores.learned.graph;
  const auto if_known = [known](auto value) { return known ? Json(value) : Json(); };
  return {{"shd", if_known(graph.shd)},
          {"shd_reversal_counts_two", if_known(graph.shd_reversal_counts_two)},
          {"edge_precision", if_known(graph.precision)},
          {"edge_recall", if_known(graph.recall)},
          {"edge_f1", if_known(graph.f1)},
          {"closure_exact", if_known(graph.closure_exact)},
          {"order_errors", if_known(scores.learned.order_errors)}};
}

Json scores_json(const Scores& scores, const KnownTruth& truth, const FitResult& fit) {
  const Evaluation& learned = scores.learned;
  Json json{{"mcc", number_or_null(learned.mcc)},
            {"mcc_spearman", number_or_null(learned.mcc_spearman)},
            {"r_squared", number_or_null(learned.r_squared)}};
  json.update(graph_keys(scores, truth.graph.has_value()));
  json["mixing_error"] = number_or_null(learned.mixing_error);
  json["mixing_error_soft"] = number_or_null(learned.mixing_error_soft);
  json["normalised_error"] = number_or_null(learned.normalised_error);
  json["target_accuracy"] = number_or_null(scores.target_accuracy);
  for (std::size_t i = 0; i < learned.match.size(); ++i)
    json["match"][truth.latent_names[i]] = optional_json(matched_name(fit, learned.match[i]));
  for (const auto& [name, baseline] : scores.baselines)
    json["baselines"][name] = {{"mcc", number_or_null(baseline.mcc)},
                               {"mcc_spearman", number_or_null(baseline.mcc_spearman)},
                               {"r_squared", number_or_null(baseline.r_squared)}};
  return json;
}

std::string line(const std::string& name, const std::string& value) {
  return fmt::format("  {:<34} {:>8}\n", name, value);
}

std::string latents_text(const Scores& scores) {
  std::string text =
      fmt::format("Latents                       {:>8} {:>10} {:>8}\n", "MCC", "Spearman", "R2");
  const auto row = [&](const std::string& name, const Evaluation& e) {
    text += fmt::format("  {:<27} {:>8.3f} {:>10.3f} {:>8.3f}\n", name, e.mcc, e.mcc_spearman,
                        e.r_squared);
  };
  row("this fit", scores.learned);
  for (const auto& [name, baseline] : scores.baselines) row("baseline " + name, baseline);
  return text;
}

std::string graph_text(const Scores& scores) {
  const GraphError& graph = scores.learned.graph;
  return "Graph\n" + line("SHD (a reversal counts once)", fmt::format("{}", graph.shd)) +
         line("SHD (a reversal counts twice)", fmt::format("{}", graph.shd_reversal_counts_two)) +
         line("precision, recall, F1",
              fmt::format("{:.3f} {:.3f} {:.3f}", graph.precision, graph.recall, graph.f1)) +
         line("transitive closure exact", graph.closure_exact ? "yes" : "no") +
         line("edges against the causal order", fmt::format("{}", scores.learned.order_errors));
}

std::string scores_text(const Scores& scores, const KnownTruth& truth, const FitResult& fit) {
  std::string text = latents_text(scores);
  if (truth.graph) text += graph_text(scores);
  if (!truth.mixing.empty())
    text += "Mixing\n" + line("mixing error", number(scores.learned.mixing_error)) +
            line("mixing error, parents allowed", number(scores.learned.mixing_error_soft)) +
            line("normalised error", number(scores.learned.normalised_error));
  if (!std::isnan(scores.target_accuracy))
    text += "Environments\n" +
            line("targets right", fmt::format("{:.0f} %", 100.0 * scores.target_accuracy));
  text += "Match\n";
  for (std::size_t i = 0; i < scores.learned.match.size(); ++i)
    text += line("true " + truth.latent_names[i],
                 matched_name(fit, scores.learned.match[i]).value_or("none"));
  return text;
}

/// The fit's own input, unless the command line gives another.
FitInput input_of(const CLI::App& app, const EvaluateOptions& options, const FitRecord& record) {
  if (app.count("--data")) return {options.data_path, options.data.read, options.data.preprocess};
  if (!record.input)
    throw InvalidArgument(options.fit.string() +
                          ": does not say where its data came from; give them by --data");
  return *record.input;
}

int run_evaluate(const CLI::App& app, const EvaluateOptions& options, const Context& context) {
  const FitRecord record = read_result(options.fit);
  const FitResult& fit = record.result;
  if (fit.failed()) {
    fmt::print(stderr,
               "lodestein: {}: the fit failed, so there is nothing to evaluate; its "
               "diagnosis is in result.json\n",
               options.fit.string());
    return statistical_failure;
  }
  ProgressObserver observer = context.observer();
  const FitInput input = input_of(app, options, record);
  const Dataset dataset =
      read_input(input.path, {input.read, input.preprocess}, fit.seed, observer);
  KnownTruth truth = options.truth_latents.empty() ? truth_of_study(options.truth)
                                                   : truth_of_file(options, input.read, observer);
  // The true mixing maps to features as they were before preprocessing.
  if (!fit.preprocessing.empty()) truth.mixing = Matrix();
  const Scores scores = score(fit, dataset, truth, context, observer);
  check_cancelled(observer);
  context.say(scores_text(scores, truth, fit));
  context.emit(scores_json(scores, truth, fit).dump(2) + "\n");
  return done;
}

void check_combination(const CLI::App& app) {
  if (app.count("--truth") + app.count("--truth-latents") != 1)
    throw UsageError("give the truth: either --truth STUDY or --truth-latents FILE");
  if (app.count("--truth") && app.count("--latent-columns"))
    throw UsageError("--latent-columns belongs to --truth-latents");
  if (app.count("--truth-latents") && !app.count("--latent-columns"))
    throw UsageError("--truth-latents needs --latent-columns NAME,... for the columns of latents");
  if (app.count("--data")) return;
  for (const char* flag :
       {"--environment-column", "--observational", "--environments", "--features", "--ignore",
        "--cells", "--genes", "--layer", "--preprocess"})
    if (app.count(flag))
      throw UsageError(std::string(flag) + " describes other data than the fit's; it needs --data");
}

constexpr const char* footer = R"(
The data are read again from where the fit read them. Correlations are over the observational
samples; with preprocessing or without a linear mixing the mixing errors are unknown (null).

Examples:
  lodestein evaluate fit --truth study --json
  lodestein evaluate fit --truth-latents tunnel.csv --latent-columns red,green,blue,pol_1,pol_2
)";

}  // namespace

Runner add_evaluate(CLI::App& app, Context& context) {
  const auto options = std::make_shared<EvaluateOptions>();
  app.add_option("FIT", options->fit, "Folder that `lodestein fit` wrote")->required();
  app.add_option("--truth", options->truth, "Study that `lodestein simulate` wrote")
      ->type_name("STUDY");
  app.add_option("--truth-latents", options->truth_latents,
                 "Table of the true latents, row by row as the data, read with the data options")
      ->type_name("FILE");
  app.add_option("--latent-columns", options->latent_columns, "Its columns that are latents")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("NAME,...");
  app.add_option("--data", options->data_path,
                 "Read the data from here, with the data options below (default: as the fit did)")
      ->type_name("INPUT");
  add_data_options(app, options->data);
  add_backend(app, context);
  add_threads(app, context);
  add_output_options(app, context);
  app.footer(footer);
  return [options, &app](const Context& c) {
    check_combination(app);
    return run_evaluate(app, *options, c);
  };
}

}  // namespace lodestein::tool
