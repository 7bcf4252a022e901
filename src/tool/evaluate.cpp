#include "lodestein/evaluate/evaluate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/eigen.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/data/graph_file.hpp"
#include "lodestein/simulate/study.hpp"
#include "lodestein/unmix/result_file.hpp"
#include "tool/baseline.hpp"
#include "tool/command.hpp"
#include "tool/complexity.hpp"
#include "tool/trust.hpp"

namespace lodestein::tool {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

struct EvaluateOptions {
  fs::path fit, truth, truth_latents, truth_graph, data_path;
  std::vector<std::string> latent_columns;
  DataOptions data;
};

/// What is known about the truth; a file of latents has neither graph nor mixing nor targets.
struct KnownTruth {
  std::vector<std::string> latent_names;
  std::vector<std::string> environments;  ///< the observational first
  std::vector<Matrix> latents;            ///< per environment
  std::optional<Digraph> graph;
  Matrix mixing;  ///< x = link(mixing z), or empty
  Link link = Link::identity;
  std::vector<std::vector<std::size_t>> targets;
  std::optional<SampleComplexity> complexity{};
};

/// Environments of which the truth knows what they hit.
struct TargetScore {
  std::size_t environments = 0;
  std::size_t right = 0;          ///< whose set of latents was found
  std::size_t wrong_entries = 0;  ///< latents too many and too few in all sets
};

struct Scores {
  Evaluation learned;
  TargetScore targets;
  bool graph_known = false;  ///< the truth has one, and so has the fit
  std::size_t left_out = 0;  ///< observational samples out of the range of the fit's link
  std::vector<std::pair<std::string, Evaluation>> baselines;
};

KnownTruth truth_of_study(const fs::path& folder) {
  StoredTruth stored = read_truth(folder);
  KnownTruth truth{.latent_names = {},
                   .environments = std::move(stored.environments),
                   .latents = std::move(stored.latents),
                   .graph = std::move(stored.graph),
                   .mixing = std::move(stored.mixing),
                   .link = stored.mixing_family == MixingFamily::tanh ? Link::tanh : Link::identity,
                   .targets = std::move(stored.targets),
                   .complexity = stored.complexity};
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
  if (!options.truth_graph.empty())
    truth.graph = read_graph_csv(options.truth_graph, options.latent_columns);
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

void check_features(const LearnedModel& fit, const Dataset& dataset) {
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
std::optional<std::string> matched_name(const LearnedModel& fit, std::size_t latent) {
  return latent == unmatched ? std::nullopt : std::optional(fit.latent_names.at(latent));
}

/// The estimated latents of a true set; nothing if one has no match.
std::optional<std::vector<std::size_t>> matched_set(const Evaluation& learned,
                                                    const std::vector<std::size_t>& targets) {
  std::vector<std::size_t> set;
  for (const std::size_t target : targets) {
    if (learned.match[target] == unmatched) return std::nullopt;
    set.push_back(learned.match[target]);
  }
  std::sort(set.begin(), set.end());
  return set;
}

std::size_t difference_size(const std::vector<std::size_t>& a, const std::vector<std::size_t>& b) {
  std::vector<std::size_t> difference;
  std::set_symmetric_difference(a.begin(), a.end(), b.begin(), b.end(),
                                std::back_inserter(difference));
  return difference.size();
}

TargetScore target_score(const LearnedModel& fit, const Evaluation& learned,
                         const KnownTruth& truth) {
  TargetScore score;
  for (const EnvironmentTarget& target : fit.targets)
    for (std::size_t e = 0; e < truth.targets.size(); ++e) {
      if (truth.environments[e] != target.environment || truth.targets[e].empty()) continue;
      ++score.environments;
      const auto known = matched_set(learned, truth.targets[e]);
      score.right += known == target.latents;
      score.wrong_entries += known ? difference_size(*known, target.latents)
                                   : truth.targets[e].size() + target.latents.size();
    }
  return score;
}

/// Rows without NaN.
std::vector<std::size_t> finite_rows(const Matrix& z) {
  std::vector<std::size_t> rows;
  for (std::size_t k = 0; k < z.rows(); ++k)
    if (std::all_of(z.row(k), z.row(k) + z.cols(), [](double v) { return std::isfinite(v); }))
      rows.push_back(k);
  return rows;
}

Matrix picked(const Matrix& matrix, const std::vector<std::size_t>& rows) {
  if (rows.size() == matrix.rows()) return matrix;
  Matrix result(rows.size(), matrix.cols());
  for (std::size_t k = 0; k < rows.size(); ++k)
    std::copy_n(matrix.row(rows[k]), matrix.cols(), result.row(k));
  return result;
}

Truth observational_truth(const KnownTruth& truth, const Dataset& dataset,
                          const std::vector<std::size_t>& rows) {
  return {picked(latents_of(truth, dataset.observational()), rows), truth.mixing,
          truth.graph.value_or(Digraph(truth.latent_names.size())),
          stacked_second_moment(truth, dataset)};
}

/// Without a graph: edges and order are not looked at.
Estimate without_graph(Matrix latents, Matrix encoder = {}) {
  const std::size_t n = latents.cols();
  Estimate estimate{std::move(latents), std::move(encoder), Digraph(n), {}};
  estimate.order.resize(n);
  std::iota(estimate.order.begin(), estimate.order.end(), std::size_t{0});
  return estimate;
}

/// Errors of the encoder make sense where it is a matrix behind the link of the true mixing.
Estimate estimate_of(const LearnedModel& fit, Matrix latents, const KnownTruth& truth) {
  const bool comparable =
      !fit.network && !truth.mixing.empty() && fit.link == truth.link && fit.curves.empty();
  Estimate estimate = without_graph(std::move(latents), comparable ? fit.encoder : Matrix());
  if (!has_graph(fit)) return estimate;
  estimate.graph = fit.graph;
  estimate.order = fit.order;
  return estimate;
}

Scores score(const LearnedModel& fit, const Dataset& dataset, const KnownTruth& known,
             const Context& context, Observer& observer) {
  check_features(fit, dataset);
  const Matrix& x = dataset.observational().samples;
  const Matrix z = encode(fit, x);
  const std::vector<std::size_t> rows = finite_rows(z);
  const Truth truth = observational_truth(known, dataset, rows);
  Scores scores;
  scores.graph_known = known.graph.has_value() && has_graph(fit);
  scores.left_out = x.rows() - rows.size();
  scores.learned = evaluate(truth, estimate_of(fit, picked(z, rows), known));
  scores.targets = target_score(fit, scores.learned, known);
  const std::size_t n = std::min(known.latent_names.size(), dataset.feature_count());
  const Matrix kept = picked(x, rows);
  for (const Baseline& baseline : baselines(context.backend(), dataset, n, observer))
    scores.baselines.emplace_back(
        baseline.name, evaluate(truth, without_graph(multiply(kept, transpose(baseline.encoder)))));
  return scores;
}

Json number_or_null(double value) { return std::isfinite(value) ? Json(value) : Json(); }

Json optional_json(const std::optional<std::string>& text) { return text ? Json(*text) : Json(); }

Json graph_keys(const Scores& scores) {
  const GraphError& graph = scores.learned.graph;
  const auto if_known = [&](auto value) { return scores.graph_known ? Json(value) : Json(); };
  return {{"shd", if_known(graph.shd)},
          {"shd_reversal_counts_two", if_known(graph.shd_reversal_counts_two)},
          {"edge_precision", if_known(graph.precision)},
          {"edge_recall", if_known(graph.recall)},
          {"edge_f1", if_known(graph.f1)},
          {"closure_exact", if_known(graph.closure_exact)},
          {"closure_shd", if_known(scores.learned.closure.shd)},
          {"order_errors", if_known(scores.learned.order_errors)}};
}

double accuracy(const TargetScore& targets) {
  return static_cast<double>(targets.right) / static_cast<double>(targets.environments);
}

Json scores_json(const Scores& scores, const KnownTruth& truth, const LearnedModel& fit) {
  const Evaluation& learned = scores.learned;
  Json json{{"mcc", number_or_null(learned.mcc)},
            {"mcc_spearman", number_or_null(learned.mcc_spearman)},
            {"r_squared", number_or_null(learned.r_squared)}};
  json.update(graph_keys(scores));
  json["mixing_error"] = number_or_null(learned.mixing_error);
  json["mixing_error_soft"] = number_or_null(learned.mixing_error_soft);
  json["normalised_error"] = number_or_null(learned.normalised_error);
  const TargetScore& targets = scores.targets;
  json["target_accuracy"] = targets.environments > 0 ? Json(accuracy(targets)) : Json();
  json["wrong_targets"] = targets.environments > 0 ? Json(targets.wrong_entries) : Json();
  json["left_out_samples"] = scores.left_out;
  json["sample_complexity"] = complexity_json(truth.complexity);
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
         line("SHD of transitive closures", fmt::format("{}", scores.learned.closure.shd)) +
         line("edges against the causal order", fmt::format("{}", scores.learned.order_errors));
}

std::string scores_text(const Scores& scores, const KnownTruth& truth, const LearnedModel& fit) {
  std::string text = latents_text(scores);
  if (scores.left_out > 0)
    text += line("samples left out, out of the link's range", fmt::format("{}", scores.left_out));
  if (scores.graph_known) text += graph_text(scores);
  if (!std::isnan(scores.learned.mixing_error))
    text += "Mixing\n" + line("mixing error", number(scores.learned.mixing_error)) +
            line("mixing error, parents allowed", number(scores.learned.mixing_error_soft)) +
            line("normalised error", number(scores.learned.normalised_error));
  if (scores.targets.environments > 0)
    text += "Environments\n" +
            line("targets right", fmt::format("{:.0f} %", 100.0 * accuracy(scores.targets))) +
            line("latents too many or too few", fmt::format("{}", scores.targets.wrong_entries));
  if (truth.complexity) text += complexity_text(*truth.complexity) + "\n";
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
  const LearnedModel& fit = record.result;
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
  for (const char* flag : {"--latent-columns", "--truth-graph"})
    if (app.count("--truth") && app.count(flag))
      throw UsageError(std::string(flag) + " belongs to --truth-latents");
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
  app.add_option("--truth-graph", options->truth_graph,
                 "Their graph: CSV with a header, 1 where the row causes the column, rows and "
                 "columns as in --latent-columns (default: unknown)")
      ->type_name("FILE");
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
