#include "tool/score_study.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>

#include "core/cancel_only.hpp"
#include "core/eigen.hpp"
#include "core/peak_memory.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/evaluate/evaluate.hpp"
#include "lodestein/score/estimate.hpp"
#include "lodestein/unmix/lscale.hpp"
#include "simulate/option_names.hpp"
#include "tool/exact_scores.hpp"
#include "tool/text.hpp"
#include "unmix/option_names.hpp"

namespace lodestein::tool {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

enum Column {
  score_error,
  score_cosine,
  observational_error,
  observational_cosine,
  own_error,
  own_cosine,
  strongest_non_edge,
  weakest_edge,
  mcc,
  shd,
  best_shd,
  seconds,
  cpu_seconds,
  megabytes,
  column_count
};

/// A simulated data set with what is exactly known about it.
class Bench {
 public:
  Bench(const Backend& backend, Study study)
      : options_(study.options),
        dataset_(std::move(study.dataset)),
        exact_(dataset_, std::move(study.truth)),
        moments_(compute_moments(backend, dataset_)) {}

  const Dataset& dataset() const { return dataset_; }

  void rate_scores(const std::vector<Score>& scores, std::vector<double>& values) const {
    std::vector<Agreement> all;
    for (std::size_t e = 0; e < scores.size(); ++e)
      all.push_back(exact_.rate(scores[e], dataset_, e));
    put(mean_of(all), score_error, score_cosine, values);
  }

  void rate_differences(const ScoreDifferences& differences, std::vector<double>& values) const {
    std::vector<Agreement> observational, own;
    for (std::size_t m = 0; m < differences.environments(); ++m) {
      observational.push_back(exact_.rate(differences, dataset_, m, false));
      own.push_back(exact_.rate(differences, dataset_, m, true));
    }
    put(mean_of(observational), observational_error, observational_cosine, values);
    put(mean_of(own), own_error, own_cosine, values);
  }

  void rate_moments(const DifferenceMoments& moments, std::vector<double>& values) const {
    const EdgeEntries entries = exact_.entries(moments);
    values[strongest_non_edge] = entries.strongest_non_edge;
    values[weakest_edge] = std::isfinite(entries.weakest_edge) ? entries.weakest_edge : nan;
  }

  void rate_unmixing(const DifferenceMoments& moments, double threshold,
                     std::vector<double>& values) const {
    const Evaluation at = unmixed(moments, threshold);
    values[mcc] = at.mcc;
    values[shd] = static_cast<double>(at.graph.shd);
    values[best_shd] = values[shd];
    for (int step = -20; step <= 8; ++step) {  // four a decade
      const Evaluation other = unmixed(moments, std::pow(10.0, 0.25 * step));
      values[best_shd] = std::min(values[best_shd], static_cast<double>(other.graph.shd));
    }
  }

 private:
  static void put(Agreement agreement, Column error, Column cosine, std::vector<double>& values) {
    values[error] = agreement.error;
    values[cosine] = agreement.cosine;
  }

  Evaluation unmixed(const DifferenceMoments& moments, double threshold) const {
    const LscaleResult result = lscale(moments_, moments, {options_.intervention, threshold});
    Estimate estimate{multiply(dataset_.observational().samples, transpose(result.encoder)),
                      result.encoder, result.graph, result.order};
    const StudyTruth& truth = exact_.truth();
    return evaluate({truth.latents[0], truth.mixing.layers().front(), truth.model.graph()},
                    estimate);
  }

  StudyOptions options_;
  Dataset dataset_;
  ExactScores exact_;
  std::vector<EnvironmentMoments> moments_;
};

/// Time and memory of the estimate alone.
class Meter {
 public:
  void read(std::vector<double>& values) const {
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - began_;
    values[seconds] = wall.count();
    values[cpu_seconds] = static_cast<double>(std::clock() - cpu_) / CLOCKS_PER_SEC;
    values[megabytes] = memory_.megabytes();
  }

 private:
  PeakMemory memory_;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::clock_t cpu_ = std::clock();
};

struct Estimator {
  std::string name;
  bool scores = false;  ///< or differences
};

std::vector<Estimator> estimators_of(const ScoreStudy& study) {
  std::vector<Estimator> all;
  for (const std::string& name : study.scores) all.push_back({name, true});
  for (const std::string& name : study.differences) all.push_back({name, false});
  return all;
}

void rate(const Backend& backend, const Bench& bench, const Estimator& estimator,
          const ScoreStudy& study, Seed seed, Observer& observer, std::vector<double>& values) {
  const Meter meter;
  const Dataset& data = bench.dataset();
  std::vector<Score> scores;
  if (estimator.scores)
    scores = estimate_scores(backend, data, score_method(estimator.name), seed, observer);
  const ScoreDifferences differences =
      estimator.scores ? plug_in_differences(backend, data, scores, observer)
                       : estimate_score_differences(
                             backend, data, difference_method(estimator.name), seed, observer);
  meter.read(values);
  if (estimator.scores) bench.rate_scores(scores, values);
  bench.rate_differences(differences, values);
  const DifferenceMoments moments =
      difference_moments(backend, differences, data, study.points, observer);
  bench.rate_moments(moments, values);
  bench.rate_unmixing(moments, study.edge_threshold, values);
}

/// The kinds of data sets: every combination of the lists, `model` innermost.
std::vector<ScoreStudyRow> cells_of(const ScoreStudy& study) {
  std::vector<ScoreStudyRow> cells;
  for (const auto& family : study.families)
    for (const auto& intervention : study.interventions)
      for (const std::size_t latents : study.latents)
        for (const double scale : study.variance_scales)
          for (const std::size_t samples : study.samples)
            for (std::size_t model = 0; model < study.models; ++model)
              cells.push_back({.family = family,
                               .intervention = intervention,
                               .estimator = {},
                               .latents = latents,
                               .samples = samples,
                               .model = model,
                               .variance_scale = scale,
                               .values = std::vector<double>(column_count, nan),
                               .problem = {}});
  return cells;
}

Study simulate(const ScoreStudyRow& cell, const ScoreStudy& study, Seed seed, Observer& observer) {
  StudyOptions options;
  options.latent.latents = options.mixing.observed = cell.latents;
  options.latent.family = value_named(latent_family_names, cell.family);
  options.latent.density = study.density;
  options.samples = cell.samples;
  options.intervention = value_named(intervention_names, cell.intervention);
  options.variance_scale = cell.variance_scale;
  return simulate_study(options, Seed{seed.value + cell.model}, observer);
}

std::string kind_of(const ScoreStudyRow& row) {
  return fmt::format("{} latents, {}, {} interventions, c = {}, {} samples per environment",
                     row.latents, row.family, row.intervention, row.variance_scale, row.samples);
}

/// Mean over the models in which an estimator worked.
struct Mean {
  std::vector<double> sums = std::vector<double>(column_count, 0.0);
  std::size_t count = 0, failures = 0;
};

std::string table_row(const std::string& name, const Mean& mean) {
  std::string text = "| " + name;
  for (const double sum : mean.sums)
    text += " | " + number(mean.count > 0 ? sum / static_cast<double>(mean.count) : nan);
  return text + fmt::format(" | {} |\n", mean.failures);
}

}  // namespace

const std::vector<std::string>& score_study_columns() {
  static const std::vector<std::string> names{"score_error",
                                              "score_cosine",
                                              "observational_error",
                                              "observational_cosine",
                                              "own_error",
                                              "own_cosine",
                                              "strongest_non_edge",
                                              "weakest_edge",
                                              "mcc",
                                              "shd",
                                              "best_shd",
                                              "seconds",
                                              "cpu_seconds",
                                              "megabytes"};
  return names;
}

std::vector<ScoreStudyRow> run_score_study(const Backend& backend,
                                           const std::vector<ScoreStudy>& groups, Seed seed,
                                           Observer& observer) {
  std::size_t total = 0;
  for (const ScoreStudy& study : groups)
    total += cells_of(study).size() * estimators_of(study).size();
  std::vector<ScoreStudyRow> rows;
  CancelOnly inner(observer);
  for (const ScoreStudy& study : groups) {
    for (const ScoreStudyRow& cell : cells_of(study)) {
      const Bench bench(backend, simulate(cell, study, seed, inner));
      for (const Estimator& estimator : estimators_of(study)) {
        observer.progress("estimator study", rows.size(), total);
        ScoreStudyRow& row = rows.emplace_back(cell);
        row.estimator = estimator.name + (estimator.scores ? "" : ", difference");
        try {
          rate(backend, bench, estimator, study, seed, inner, row.values);
        } catch (const InvalidArgument& problem) {
          row.problem = problem.what();
          row.values.assign(column_count, nan);
        }
      }
    }
  }
  observer.progress("estimator study", total, total);
  return rows;
}

std::string score_study_csv(const std::vector<ScoreStudyRow>& rows) {
  std::string text = "scm,intervention,latents,variance_scale,samples,model,estimator";
  for (const std::string& name : score_study_columns()) text += "," + name;
  text += ",problem\n";
  for (const ScoreStudyRow& row : rows) {
    text += fmt::format("{},{},{},{},{},{},\"{}\"", row.family, row.intervention, row.latents,
                        row.variance_scale, row.samples, row.model, row.estimator);
    for (const double value : row.values)
      text += std::isnan(value) ? "," : fmt::format(",{}", value);
    std::string problem = row.problem;
    std::replace(problem.begin(), problem.end(), '"', '\'');
    text += ",\"" + problem + "\"\n";
  }
  return text;
}

std::string score_study_table(const std::vector<ScoreStudyRow>& rows) {
  std::vector<std::string> kinds;
  std::map<std::string, std::vector<std::string>> estimators;
  std::map<std::string, Mean> means;
  for (const ScoreStudyRow& row : rows) {
    const std::string kind = kind_of(row), key = kind + row.estimator;
    if (!estimators.contains(kind)) kinds.push_back(kind);
    if (!means.contains(key)) estimators[kind].push_back(row.estimator);
    Mean& mean = means[key];
    if (!row.problem.empty()) {
      ++mean.failures;
      continue;
    }
    ++mean.count;
    for (std::size_t c = 0; c < column_count; ++c) mean.sums[c] += row.values[c];
  }
  std::string text;
  for (const std::string& kind : kinds) {
    text += kind +
            ":\n\n| estimator | score error | cosine | difference error, observational | cosine | "
            "own | cosine | strongest non-edge | weakest edge | MCC | SHD | best SHD | s | CPU s "
            "| MB | failed |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n";
    for (const std::string& name : estimators[kind]) text += table_row(name, means[kind + name]);
    text += "\n";
  }
  return text;
}

std::string score_study_json(const std::vector<ScoreStudyRow>& rows) {
  using Json = nlohmann::ordered_json;
  Json list = Json::array();
  for (const ScoreStudyRow& row : rows) {
    Json json{{"scm", row.family},         {"intervention", row.intervention},
              {"latents", row.latents},    {"variance_scale", row.variance_scale},
              {"samples", row.samples},    {"model", row.model},
              {"estimator", row.estimator}};
    for (std::size_t c = 0; c < column_count; ++c)
      json[score_study_columns()[c]] = std::isfinite(row.values[c]) ? Json(row.values[c]) : Json();
    json["problem"] = row.problem;
    list.push_back(std::move(json));
  }
  return Json{{"rows", list}}.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace lodestein::tool
