#include <fmt/format.h>

#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "lodestein/core/error.hpp"
#include "lodestein/core/version.hpp"
#include "tool/command.hpp"
#include "tool/name_option.hpp"
#include "tool/number_option.hpp"
#include "tool/score_output.hpp"
#include "tool/score_study.hpp"

namespace lodestein::tool {
namespace {

struct ScoreCommandOptions {
  std::filesystem::path input, out, study;
  DataOptions data;
  std::string method, differences;  ///< empty: not asked for
  MomentPoints points = MomentPoints::overlap;
  std::size_t splits = 0;
};

constexpr std::uint64_t most_splits = 1000;

/// No option is silently without effect.
void check_combination(const CLI::App& app, ScoreCommandOptions& options) {
  const bool study = !options.study.empty();
  if (study == !options.input.empty())
    throw UsageError(study ? "--study simulates its own data; leave INPUT out"
                           : "give INPUT, the data, or --study FILE");
  if (study) {
    for (const char* option :
         {"--method", "--differences", "--points", "--splits", "--environment-column",
          "--observational", "--environments", "--features", "--ignore", "--cells", "--genes",
          "--layer", "--preprocess"})
      if (app.count(option) > 0)
        throw UsageError(
            fmt::format("{} has no effect with --study; the study file says what to "
                        "estimate",
                        option));
    return;
  }
  for (const char* option : {"--points", "--splits"})
    if (app.count(option) > 0 && options.differences.empty())
      throw UsageError(fmt::format("{} needs --differences", option));
  if (options.method.empty() && options.differences.empty()) options.method = "auto";
}

CrossFitted cross_fitted(const Backend& backend, const Dataset& dataset,
                         const ScoreCommandOptions& options, Seed seed, Observer& observer) {
  const DifferenceMethod method = difference_method(options.differences);
  const CrossMoments moments =
      cross_fit(backend, dataset, difference_estimator(method),
                {.splits = options.splits, .points = options.points}, seed, observer);
  return {options.splits, moments.mean(),
          touch_tests(moments, Matrix::identity(dataset.feature_count()))};
}

int run_estimate(const ScoreCommandOptions& options, const Context& context) {
  if (!options.out.empty()) check_replaceable(options.out, score_folder());
  const Backend backend = context.backend();
  const Seed seed{context.seed};
  ProgressObserver observer = context.observer();
  const Dataset dataset = read_input(options.input, options.data, seed, observer);
  validate(dataset, 2);

  ScoreOutput output;
  output.points = options.points;
  if (options.splits > 0)  // first, since it needs more samples
    output.cross = cross_fitted(backend, dataset, options, seed, observer);
  if (!options.method.empty())
    output.scores = estimate_scores(backend, dataset, score_method(options.method), seed, observer);
  if (!options.differences.empty()) {
    output.differences = estimate_score_differences(
        backend, dataset, difference_method(options.differences), seed, observer);
    output.moments =
        difference_moments(backend, *output.differences, dataset, options.points, observer);
  }
  output.truth = score_truth(options.input, dataset, output, observer);
  check_cancelled(observer);

  nlohmann::ordered_json json{{"version", version},
                              {"command", context.command_line},
                              {"input", std::filesystem::absolute(options.input).string()},
                              {"seed", context.seed},
                              {"backend", backend.description()},
                              {"features", dataset.features}};
  json.update(scores_json(output));
  const std::string text =
      json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  if (!options.out.empty()) write_scores(options.out, dataset, output, text);
  context.say(scores_text(output, dataset.features));
  if (!options.out.empty()) context.say(fmt::format("Result: {}\n", options.out.string()));
  context.emit(text);
  return failed(output) ? statistical_failure : done;
}

std::string content_of(const std::filesystem::path& file) {
  std::ifstream stream(file);
  std::stringstream content;
  content << stream.rdbuf();
  return content.str();
}

int run_study(const ScoreCommandOptions& options, const Context& context) {
  if (!options.out.empty()) check_replaceable(options.out, score_study_folder());
  const std::vector<ScoreStudy> study = read_score_study(options.study);
  const Backend backend = context.backend();
  ProgressObserver observer = context.observer();
  const auto rows = run_score_study(backend, study, Seed{context.seed}, observer);
  check_cancelled(observer);
  const std::string table = score_study_table(rows);
  if (!options.out.empty()) {
    StagedFolder staged(options.out, score_study_folder());
    write_text(staged.path() / "results.csv", score_study_csv(rows));
    write_text(staged.path() / "table.md", table);
    write_text(staged.path() / "study.toml", content_of(options.study));
    staged.commit();
  }
  context.say(table);
  context.emit(score_study_json(rows));
  return done;
}

constexpr const char* footer = R"(
The score of an environment is grad log p(x); the score difference of an intervention, s_0 - s_m,
is what unmixing reads. A choice (auto) compares estimators on the same held-out rows and says in
its findings what it tried and why the winner won. For nonlinear data prefer --differences to the
difference of two scores. Data of `lodestein simulate` know their exact scores: errors against them
are printed, too.

With --out: score.json; scores.npz, an array an environment at its own samples; differences.npz and
overlap.npz, arrays ENVIRONMENT.observational and ENVIRONMENT.own; moments.npz, E[d d^T];
cross_fit.npz, arrays ENVIRONMENT.moments, .error, .standard_error and .p_value.
With --study: results.csv, table.md and study.toml.

Examples:
  lodestein score study --method score-matching --seed 7 --out scores
  lodestein score study --differences auto --points overlap --out differences
  lodestein score study --differences log-ratio-3 --splits 4
  lodestein score --study bench/studies/estimators.toml --seed 1 --out estimators
)";

template <class Method>
std::string listing(const std::vector<NamedMethod<Method>>& methods) {
  std::size_t width = 0;
  for (const auto& method : named_score_methods()) width = std::max(width, method.name.size());
  std::string text;
  for (const auto& method : methods)
    if (!method.name.starts_with("plug-in-"))
      text += fmt::format("  {:<{}}  {}\n", method.name, width, method.help);
  return text;
}

}  // namespace

Runner add_score(CLI::App& app, Context& context) {
  const auto options = std::make_shared<ScoreCommandOptions>();
  app.add_option("INPUT", options->input,
                 "Data: a study folder, .csv, .tsv, .mtx, .h5ad, .npz or .toml manifest");
  app.add_option("--out", options->out, "Folder to write; an older result is replaced")
      ->type_name("DIR");
  add_name(app, "--method", options->method, score_method_names(),
           "Estimator of the scores, listed below (default: auto, or no scores if --differences is "
           "given)")
      ->group("Method");
  add_name(app, "--differences", options->differences, difference_method_names(),
           "Estimate score differences to the observational environment too; listed below")
      ->group("Method");
  add_choice(app, "--points", options->points, moment_points_names,
             "Where the moments of differences are averaged; overlap: both environments' samples "
             "weighted by P(1-P)")
      ->group("Method");
  add_whole(app, "--splits", options->splits, 0, most_splits,
            "Errors and tests of the differences' E[d_j^2] by a cross-fit of so many random splits "
            "into three parts, each at the cost of one more estimate; 0: none, 4 is usual")
      ->type_name("N")
      ->group("Method");
  app.add_option("--study", options->study,
                 "Instead of INPUT: simulate the models of this TOML file, and compare estimators "
                 "with the exact scores")
      ->type_name("FILE")
      ->group("Method");
  add_data_options(app, options->data);
  add_seed(app, context);
  add_backend(app, context);
  add_threads(app, context);
  add_output_options(app, context);
  app.footer(
      fmt::format("\nScores (--method):\n{}\nDifferences (--differences), and "
                  "plug-in-NAME, the difference of two scores:\n{}{}",
                  listing(named_score_methods()), listing(named_difference_methods()), footer));
  return [options, &app](const Context& c) {
    check_combination(app, *options);
    return options->study.empty() ? run_estimate(*options, c) : run_study(*options, c);
  };
}

}  // namespace lodestein::tool
