#include "tool/score_output.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "lodestein/core/error.hpp"
#include "lodestein/data/write.hpp"
#include "tool/text.hpp"
#include "unmix/option_names.hpp"

namespace lodestein::tool {
namespace {

using Json = nlohmann::ordered_json;

Json json_number(double value) { return std::isfinite(value) ? Json(value) : Json(); }

Json settings_json(const std::vector<Setting>& settings) {
  Json json = Json::object();
  for (const Setting& setting : settings) json[setting.name] = json_number(setting.value);
  return json;
}

Json findings_json(const std::vector<Finding>& findings) {
  Json json = Json::array();
  for (const Finding& finding : findings)
    json.push_back({{"severity", name_of(severity_names, finding.severity)},
                    {"code", finding.code},
                    {"message", finding.message},
                    {"remedy", finding.remedy}});
  return json;
}

Json rows_json(ConstMatrixView matrix) {
  Json rows = Json::array();
  for (std::size_t i = 0; i < matrix.rows(); ++i) {
    Json row = Json::array();
    for (std::size_t j = 0; j < matrix.cols(); ++j) row.push_back(json_number(matrix(i, j)));
    rows.push_back(std::move(row));
  }
  return rows;
}

Json cross_fit_json(const std::optional<CrossFitted>& cross) {
  if (!cross) return {};
  return {{"splits", cross->splits},
          {"mean_squares", rows_json(cross->tests.value)},
          {"errors", rows_json(cross->tests.error)},
          {"p_values", rows_json(cross->tests.p_value)}};
}

Json differences_json(const ScoreOutput& output) {
  const DifferenceSummary& summary = output.differences->summary();
  Json losses = Json::array(), moments = Json::array();
  for (const double loss : summary.held_out_losses) losses.push_back(json_number(loss));
  for (const Matrix& own : output.moments.own) {
    double trace = 0.0;
    for (std::size_t j = 0; j < own.rows(); ++j) trace += own(j, j);
    moments.push_back(json_number(trace));
  }
  return {{"estimator", summary.estimator},
          {"environments", summary.environments},
          {"held_out_loss", json_number(summary.held_out_loss)},
          {"held_out_losses", losses},
          {"points", name_of(moment_points_names, output.points)},
          {"mean_squares", moments},
          {"cross_fit", cross_fit_json(output.cross)},
          {"settings", settings_json(summary.settings)},
          {"findings", findings_json(summary.findings)}};
}

std::string settings_text(const std::vector<Setting>& settings) {
  std::vector<std::string> words;
  for (const Setting& setting : settings)
    words.push_back(setting.name + " " + number(setting.value));
  return joined(words);
}

std::size_t width_of(const std::vector<std::string>& words, std::size_t least) {
  for (const std::string& word : words) least = std::max(least, word.size());
  return least;
}

std::string score_table(const std::vector<Score>& scores) {
  std::vector<std::string> names, estimators;
  for (const Score& score : scores) {
    names.push_back(score.summary().environment);
    estimators.push_back(score.summary().estimator);
  }
  const std::size_t first = width_of(names, 11), second = width_of(estimators, 9);
  std::string text =
      fmt::format("Scores\n  {:<{}}  {:<{}}  {:>8}  {:>13}  settings\n", "environment", first,
                  "estimator", second, "samples", "held-out loss");
  for (const Score& score : scores) {
    const ScoreSummary& s = score.summary();
    text += fmt::format("  {:<{}}  {:<{}}  {:>8}  {:>13}  {}\n", s.environment, first, s.estimator,
                        second, s.samples, number(s.held_out_loss), settings_text(s.settings));
  }
  return text;
}

std::string difference_table(const ScoreOutput& output) {
  const DifferenceSummary& s = output.differences->summary();
  const std::size_t first = width_of(s.environments, 11);
  std::string text = fmt::format(
      "Score differences by {} ({})\n  {:<{}}  {:>13}  E|d|^2, {} points\n", s.estimator,
      s.settings.empty() ? "no settings" : settings_text(s.settings), "environment", first,
      "held-out loss", name_of(moment_points_names, output.points));
  for (std::size_t m = 0; m < s.environments.size(); ++m) {
    double trace = 0.0;
    for (std::size_t j = 0; j < output.moments.own[m].rows(); ++j)
      trace += output.moments.own[m](j, j);
    const std::string loss = m < s.held_out_losses.size() ? number(s.held_out_losses[m]) : "-";
    text += fmt::format("  {:<{}}  {:>13}  {}\n", s.environments[m], first, loss, number(trace));
  }
  return text;
}

/// The entries of all environments; of many those with the least p-values.
std::string cross_fit_table(const ScoreOutput& output, const std::vector<std::string>& features) {
  constexpr std::size_t most = 60;
  const TouchTests& tests = output.cross->tests;
  const std::vector<std::string>& names = output.cross->moments.environments;
  std::vector<std::pair<std::size_t, std::size_t>> entries;
  for (std::size_t m = 0; m < names.size(); ++m)
    for (std::size_t j = 0; j < features.size(); ++j) entries.emplace_back(m, j);
  const std::size_t all = entries.size();
  if (all > most) {
    std::stable_sort(entries.begin(), entries.end(), [&](const auto& a, const auto& b) {
      return tests.p_value(a.first, a.second) < tests.p_value(b.first, b.second);
    });
    entries.resize(most);
    std::sort(entries.begin(), entries.end());
  }
  const std::size_t first = width_of(names, 11), second = width_of(features, 7);
  std::string text = fmt::format(
      "E[d_j^2] by cross-fitting, {}, {} points\n  {:<{}}  {:<{}}  {:>9}  {:>9}  p if it were 0\n",
      counted(output.cross->splits, "split"), name_of(moment_points_names, output.points),
      "environment", first, "feature", second, "value", "error");
  for (const auto& [m, j] : entries)
    text += fmt::format("  {:<{}}  {:<{}}  {:>9}  {:>9}  {}\n", names[m], first, features[j],
                        second, number(tests.value(m, j)), number(tests.error(m, j)),
                        p_value_text(tests.p_value(m, j)));
  if (all > most) text += fmt::format("  and {} more with larger p\n", all - most);
  return text;
}

Json agreement_json(const std::vector<Agreement>& all) {
  Json json = Json::array();
  for (const Agreement& a : all)
    json.push_back({{"error", json_number(a.error)}, {"cosine", json_number(a.cosine)}});
  return json;
}

Json truth_json(const ScoreTruth& truth) {
  if (!truth.unknown.empty()) return {{"unknown", truth.unknown}};
  Json json{{"scores", agreement_json(truth.scores)},
            {"differences_observational", agreement_json(truth.observational)},
            {"differences_own", agreement_json(truth.own)}};
  if (truth.own.empty()) return json;
  json["weakest_edge"] = json_number(truth.entries.weakest_edge);
  json["strongest_non_edge"] = json_number(truth.entries.strongest_non_edge);
  return json;
}

std::string truth_row(const std::string& name, std::size_t width, Agreement a) {
  return fmt::format("  {:<{}}  {:>8}  {:>8}\n", name, width, number(a.error), number(a.cosine));
}

std::string truth_table(const ScoreOutput& output) {
  const ScoreTruth& truth = *output.truth;
  if (!truth.unknown.empty()) return "Exact scores are unknown: " + truth.unknown + "\n";
  std::vector<std::pair<std::string, Agreement>> rows;
  for (std::size_t e = 0; e < truth.scores.size(); ++e)
    rows.emplace_back(output.scores[e].summary().environment + ", score", truth.scores[e]);
  for (std::size_t m = 0; m < truth.own.size(); ++m) {
    const std::string& name = output.differences->summary().environments[m];
    rows.emplace_back(name + ", difference at observational samples", truth.observational[m]);
    rows.emplace_back(name + ", difference at its own samples", truth.own[m]);
  }
  std::size_t width = 0;
  for (const auto& row : rows) width = std::max(width, row.first.size());
  std::string text = fmt::format("Against the exact scores\n  {:<{}}  {:>8}  {:>8}\n", "", width,
                                 "error", "cosine");
  for (const auto& [name, agreement] : rows) text += truth_row(name, width, agreement);
  if (!truth.own.empty())
    text +=
        fmt::format("  E[d_j^2]: weakest edge {}, strongest non-edge {}\n",
                    number(truth.entries.weakest_edge), number(truth.entries.strongest_non_edge));
  return text;
}

/// Each finding once, though it may concern all environments.
std::vector<Finding> all_findings(const ScoreOutput& output) {
  std::vector<Finding> all;
  const auto add = [&all](const std::vector<Finding>& findings) {
    for (const Finding& finding : findings) {
      const auto same = [&](const Finding& f) { return f.message == finding.message; };
      if (std::none_of(all.begin(), all.end(), same)) all.push_back(finding);
    }
  };
  for (const Score& score : output.scores) add(score.summary().findings);
  if (output.differences) add(output.differences->summary().findings);
  std::stable_sort(all.begin(), all.end(),
                   [](const Finding& x, const Finding& y) { return x.severity > y.severity; });
  return all;
}

std::string findings_text(const std::vector<Finding>& findings) {
  std::string text = findings.empty() ? "" : "Findings\n";
  for (const Finding& finding : findings) {
    text += fmt::format("  {}: {}\n", name_of(severity_names, finding.severity), finding.message);
    if (!finding.remedy.empty()) text += "    " + finding.remedy + "\n";
  }
  return text;
}

/// Arrays that own their numbers until they are written.
class Arrays {
 public:
  void add(std::string name, Matrix values) {
    names_.push_back(std::move(name));
    values_.push_back(std::move(values));
  }
  void write(const std::filesystem::path& file, StorageType type) const {
    std::vector<NamedMatrix> arrays;
    for (std::size_t i = 0; i < names_.size(); ++i) arrays.push_back({names_[i], values_[i]});
    write_npz(file, arrays, type);
  }

 private:
  std::vector<std::string> names_;
  std::vector<Matrix> values_;
};

Matrix column(const std::vector<double>& values) {
  return Matrix(ConstMatrixView(values.data(), values.size(), 1));
}

void write_differences(const std::filesystem::path& folder, const Dataset& dataset,
                       const ScoreOutput& output) {
  Arrays differences, overlap, moments;
  for (std::size_t m = 0; m < output.differences->environments(); ++m) {
    const Environment& own = dataset.environments[m + 1];
    const auto add = [&](const char* points, const Matrix& x) {
      differences.add(own.name + "." + points, output.differences->evaluate(x, m));
      overlap.add(own.name + "." + points, column(output.differences->overlap(x, m)));
    };
    add("observational", dataset.observational().samples);
    add("own", own.samples);
    moments.add(own.name, output.moments.own[m]);
  }
  differences.write(folder / "differences.npz", StorageType::float32);
  overlap.write(folder / "overlap.npz", StorageType::float32);
  moments.write(folder / "moments.npz", StorageType::float64);
}

void write_cross_fit(const std::filesystem::path& file, const CrossFitted& cross) {
  Arrays arrays;
  const TouchTests& tests = cross.tests;
  for (std::size_t m = 0; m < cross.moments.own.size(); ++m) {
    const std::string& name = cross.moments.environments[m];
    const auto add = [&](const char* what, const Matrix& values) {
      const std::size_t d = values.cols();
      arrays.add(name + "." + what, Matrix(ConstMatrixView(values.data() + m * d, d, 1)));
    };
    arrays.add(name + ".moments", cross.moments.own[m]);
    add("error", tests.error);
    add("standard_error", tests.standard_error);
    add("p_value", tests.p_value);
  }
  arrays.write(file, StorageType::float64);
}

ScoreTruth unknown(const Error& why) {
  ScoreTruth truth;
  truth.unknown = why.what();
  return truth;
}

ScoreTruth compare(const ExactScores& exact, const Dataset& dataset, const ScoreOutput& output) {
  ScoreTruth truth;
  for (std::size_t e = 0; e < output.scores.size(); ++e)
    truth.scores.push_back(exact.rate(output.scores[e], dataset, e));
  if (!output.differences) return truth;
  for (std::size_t m = 0; m < output.differences->environments(); ++m) {
    truth.observational.push_back(exact.rate(*output.differences, dataset, m, false));
    truth.own.push_back(exact.rate(*output.differences, dataset, m, true));
  }
  truth.entries = exact.entries(output.moments);
  return truth;
}

}  // namespace

std::optional<ScoreTruth> score_truth(const std::filesystem::path& input, const Dataset& dataset,
                                      const ScoreOutput& output, Observer& observer) {
  std::error_code ignored;
  if (!std::filesystem::exists(input / "truth" / "truth.json", ignored)) return {};
  try {
    Study study = simulate_again(input, observer);
    return compare(ExactScores(dataset, std::move(study.truth)), dataset, output);
  } catch (const IoError& problem) {
    return unknown(problem);
  } catch (const InvalidArgument& problem) {
    return unknown(problem);
  }
}

Json scores_json(const ScoreOutput& output) {
  Json scores = Json::array();
  for (const Score& score : output.scores) {
    const ScoreSummary& s = score.summary();
    scores.push_back({{"environment", s.environment},
                      {"estimator", s.estimator},
                      {"samples", s.samples},
                      {"held_out_loss", json_number(s.held_out_loss)},
                      {"settings", settings_json(s.settings)},
                      {"findings", findings_json(s.findings)}});
  }
  return {{"scores", scores},
          {"differences", output.differences ? differences_json(output) : Json()},
          {"truth", output.truth ? truth_json(*output.truth) : Json()}};
}

std::string scores_text(const ScoreOutput& output, const std::vector<std::string>& features) {
  std::string text;
  if (!output.scores.empty()) text += score_table(output.scores);
  if (output.differences) text += difference_table(output);
  if (output.cross) text += cross_fit_table(output, features);
  if (output.truth) text += truth_table(output);
  return text + findings_text(all_findings(output));
}

bool failed(const ScoreOutput& output) {
  const std::vector<Finding> findings = all_findings(output);
  return !findings.empty() && findings.front().severity == Severity::failure;
}

FolderContent score_folder() {
  return {"score estimate",
          {"score.json"},
          {"score.json", "scores.npz", "differences.npz", "overlap.npz", "moments.npz",
           "cross_fit.npz"}};
}

void write_scores(const std::filesystem::path& folder, const Dataset& dataset,
                  const ScoreOutput& output, const std::string& json) {
  StagedFolder staged(folder, score_folder());
  write_text(staged.path() / "score.json", json);
  if (!output.scores.empty()) {
    Arrays scores;
    for (std::size_t e = 0; e < output.scores.size(); ++e)
      scores.add(dataset.environments[e].name,
                 output.scores[e].evaluate(dataset.environments[e].samples));
    scores.write(staged.path() / "scores.npz", StorageType::float32);
  }
  if (output.differences) write_differences(staged.path(), dataset, output);
  if (output.cross) write_cross_fit(staged.path() / "cross_fit.npz", *output.cross);
  staged.commit();
}

}  // namespace lodestein::tool
