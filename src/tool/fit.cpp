#include "lodestein/unmix/fit.hpp"

#include <fmt/format.h>

#include <memory>

#include "lodestein/core/error.hpp"
#include "lodestein/unmix/result_file.hpp"
#include "tool/command.hpp"
#include "tool/fit_summary.hpp"
#include "tool/number_option.hpp"
#include "tool/report_page.hpp"
#include "unmix/option_names.hpp"
#include "unmix/result_folder.hpp"

namespace lodestein::tool {
namespace {

enum class ScoreKind { gaussian };
constexpr NamedValues<ScoreKind, 1> score_names{{{"gaussian", ScoreKind::gaussian}}};

constexpr std::size_t most_latents = 10'000, most_replicates = 100'000;

struct FitCommandOptions {
  std::filesystem::path input, out, report;
  DataOptions data;
  FitOptions fit;
  ScoreKind score = ScoreKind::gaussian;
  bool parity = false;
};

/// --parity is short for several options; what is said beside it must not contradict it.
void apply_parity(const CLI::App& app, FitOptions& fit) {
  if (app.count("--refine") && fit.refinement != Refinement::none)
    throw UsageError("--parity means --refine none; leave one of them out");
  if (app.count("--shrinkage") && fit.score.shrinkage != Shrinkage::none)
    throw UsageError("--parity means --shrinkage none; leave one of them out");
  fit.refinement = Refinement::none;
  fit.score.shrinkage = Shrinkage::none;
}

/// A threshold belongs to one method, and only that method's own graph uses it.
void check_thresholds(const CLI::App& app, const FitOptions& fit) {
  const auto needs = [&](const char* option, UnmixMethod method) {
    if (app.count(option) == 0) return;
    if (fit.refinement != Refinement::none)
      throw UsageError(fmt::format(
          "{} has no effect with --refine likelihood, which tests each edge; add --refine none or "
          "leave it out",
          option));
    if (fit.method != method)
      throw UsageError(
          fmt::format("{} needs --method {}", option, name_of(unmix_method_names, method)));
  };
  needs("--edge-threshold", UnmixMethod::lscale);
  needs("--lcd-edge-threshold", UnmixMethod::lcd);
  needs("--lcd-rank-one", UnmixMethod::lcd);
}

/// Says no before long work starts.
void check_outputs(const FitCommandOptions& options) {
  check_replaceable(options.out, result_folder());
  if (options.report.empty()) return;
  const auto parent = std::filesystem::absolute(options.report).parent_path();
  const auto out = std::filesystem::absolute(options.out / "").parent_path();
  if (parent != out && !std::filesystem::is_directory(parent))
    throw IoError(parent.string() + ": is not a folder; create it or give another --report");
}

std::optional<std::filesystem::path> absolute(const std::optional<std::filesystem::path>& path) {
  return path ? std::optional(std::filesystem::absolute(*path)) : std::nullopt;
}

/// Absolute paths, so that `evaluate` finds the data from any folder.
FitInput input_of(const FitCommandOptions& options) {
  FitInput input{std::filesystem::absolute(options.input), options.data.read,
                 options.data.preprocess};
  input.read.cells = absolute(input.read.cells);
  input.read.genes = absolute(input.read.genes);
  return input;
}

int run_fit(const FitCommandOptions& options, const Context& context) {
  check_outputs(options);
  const Backend backend = context.backend();
  const Seed seed{context.seed};
  ProgressObserver observer = context.observer();

  const Dataset dataset = read_input(options.input, options.data, seed, observer);
  FitRecord record{fit(backend, dataset, options.fit, seed, observer), input_of(options),
                   context.command_line, ""};
  check_cancelled(observer);
  write_result(options.out, record);
  if (!options.report.empty()) write_text(options.report, report_html(record));

  context.say(fit_summary(record.result));
  context.say(fmt::format("Result: {}\n", options.out.string()));
  if (!options.report.empty()) context.say(fmt::format("Report: {}\n", options.report.string()));
  context.emit(result_json(record));
  return record.result.failed() ? statistical_failure : done;
}

void add_threshold_options(CLI::App& app, FitOptions& fit) {
  const auto add = [&](const char* flag, double& value, const NumberRange& range,
                       const char* help) {
    add_real(app, flag, value, range, help)->type_name("X")->group("Thresholds of --refine none");
  };
  add("--edge-threshold", fit.lscale_edge_threshold, positive(),
      "lscale: smallest score difference that makes an edge");
  add("--lcd-edge-threshold", fit.lcd_edge_threshold, positive(),
      "lcd: smallest coefficient that makes an edge");
  add("--lcd-rank-one", fit.lcd_rank_one_acceptance, proper_share(),
      "lcd: rank-one ratio from which an environment counts as a root's");
}

void add_method_options(CLI::App& app, FitCommandOptions& options) {
  FitOptions& fit = options.fit;
  add_whole(app, "--latents", fit.latents, 0, most_latents,
            "Latent variables, 0 = one per environment")
      ->type_name("N")
      ->group("Method");
  add_choice(app, "--method", fit.method, unmix_method_names,
             "Published algorithm used with --refine none; the likelihood refinement starts from "
             "several encoders and doesn't depend on it. lscale: LSCALE-I (Varici et al.); lcd: "
             "linear causal disentanglement (Squires et al.)")
      ->group("Method");
  add_choice(app, "--refine", fit.refinement, refinement_names,
             "likelihood: profile likelihood with order search and a test of each edge; none: the "
             "method's own encoder and threshold")
      ->group("Method");
  add_choice(app, "--score", options.score, score_names, "Score estimator")->group("Method");
  add_choice(app, "--shrinkage", fit.score.shrinkage, shrinkage_names,
             "Of covariances; oas: oracle-approximating; auto: oas in environments with samples < "
             "10 x latents, else none")
      ->group("Method");
  add_choice(app, "--intervention", fit.intervention, intervention_names,
             "hard: a target loses its parents; soft: it keeps them with other coefficients")
      ->group("Method");
  add_choice(app, "--mechanism", fit.mechanism, mechanism_names,
             "Of latents as functions of their parents, plus noise. linear: second moments decide; "
             "additive: any smooth function, for hard interventions and one environment per latent")
      ->group("Method");
  add_whole(app, "--bootstrap", fit.bootstrap, 0, most_replicates,
            "Replicates behind the support of each edge, 0 = none")
      ->type_name("B")
      ->group("Method");
  app.add_flag("--parity", options.parity,
               "As the published code does it: sets --refine none (the method's own thresholds) "
               "and --shrinkage none; the PCA before it uses the samples of all environments")
      ->group("Method");
  add_threshold_options(app, fit);
}

constexpr const char* footer = R"(
Writes result.json, arrays.npz, graph.csv, graph.dot and graph.graphml to --out. A statistical
failure writes the result too, with a diagnosis, and exits with 2.

Examples:
  lodestein fit study --latents 5 --seed 7 --out fit
  lodestein fit cells.csv --environment-column target --observational non-targeting \
    --preprocess log1p,highly-variable=60,standardise --bootstrap 100 --out fit --report fit.html
)";

}  // namespace

Runner add_fit(CLI::App& app, Context& context) {
  const auto options = std::make_shared<FitCommandOptions>();
  app.add_option("INPUT", options->input,
                 "Data: a study folder, .csv, .tsv, .mtx, .h5ad, .npz or .toml manifest")
      ->required();
  app.add_option("--out", options->out, "Folder to write; an older fit is replaced")
      ->required()
      ->type_name("DIR");
  app.add_option("--report", options->report, "Also write an HTML report to this file")
      ->type_name("FILE");
  add_data_options(app, options->data);
  add_method_options(app, *options);
  add_seed(app, context);
  add_backend(app, context);
  add_threads(app, context);
  add_output_options(app, context);
  app.footer(footer);
  return [options, &app](const Context& c) {
    if (options->parity) apply_parity(app, options->fit);
    check_thresholds(app, options->fit);
    return run_fit(*options, c);
  };
}

}  // namespace lodestein::tool
