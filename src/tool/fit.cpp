#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "lodestein/core/error.hpp"
#include "lodestein/score/estimate.hpp"
#include "lodestein/unmix/result_file.hpp"
#include "tool/command.hpp"
#include "tool/fit_method.hpp"
#include "tool/fit_summary.hpp"
#include "tool/name_option.hpp"
#include "tool/number_option.hpp"
#include "tool/report_page.hpp"
#include "unmix/option_names.hpp"
#include "unmix/result_folder.hpp"

namespace lodestein::tool {
namespace {

constexpr std::size_t most_latents = 10'000, most_replicates = 100'000, most_splits = 100'000;

struct FitCommandOptions {
  std::filesystem::path input, out, report;
  DataOptions data;
  SharedFitOptions shared;
};

using Branches = std::vector<FitBranch>;

bool has(const std::vector<std::string>& flags, const std::string& flag) {
  return std::find(flags.begin(), flags.end(), flag) != flags.end();
}

const FitBranch& branch_of(const Branches& branches, FitMethod method) {
  for (const FitBranch& branch : branches)
    for (const FitMethod known : branch.methods)
      if (known == method) return branch;
  throw UsageError("--method " + name_of(fit_method_names, method) + " is not built in");
}

/// "--method umni or gscale"
std::string methods_with(const Branches& branches, const std::string& flag) {
  std::vector<std::string> names;
  for (const FitBranch& branch : branches)
    for (const FitMethod method : branch.methods)
      if (has(branch.options, flag)) names.push_back(name_of(fit_method_names, method));
  return "--method " + joined(names, " or ");
}

/// No option is silently without effect.
void check_flags(const CLI::App& app, const Branches& branches, FitMethod method) {
  const FitBranch& chosen = branch_of(branches, method);
  for (const FitBranch& branch : branches)
    for (const std::string& flag : branch.options)
      if (app.count(flag) && !has(chosen.options, flag))
        throw UsageError(fmt::format("{} has no effect with --method {}; it belongs to {}", flag,
                                     name_of(fit_method_names, method),
                                     methods_with(branches, flag)));
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

int run_fit(const FitCommandOptions& options, const FitBranch& branch, const Context& context) {
  check_outputs(options);
  const Seed seed{context.seed};
  ProgressObserver observer = context.observer();
  FitInputs inputs{context.backend(), read_input(options.input, options.data, seed, observer), seed,
                   observer};
  const std::string backend = inputs.backend.name();

  Fitted fitted = branch.run(options.shared, std::move(inputs));
  fitted.model.seed = seed;
  fitted.model.backend = backend;
  const FitRecord record{std::move(fitted.model), std::move(fitted.options), input_of(options),
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

void add_shared_options(CLI::App& app, FitCommandOptions& options) {
  SharedFitOptions& shared = options.shared;
  add_choice(
      app, "--method", shared.method, fit_method_names,
      "likelihood: linear mixing, an environment hits one latent; lscale, lcd, finite-sample: "
      "the same as published, with thresholds (LSCALE-I, Varici et al., linear causal "
      "disentanglement, Squires et al., and LSCALE-I's variant for finite samples, Acarturk "
      "et al.); umni: linear mixing, unknown sets of latents; gscale: linear mixing behind a "
      "link or general mixing, two hard interventions per latent; contrastive: linear Gaussian "
      "latents behind a smooth mixing, a hard intervention on each; do: latents held constant, no "
      "graph; support: latents of any dependence whose support is a box, from the samples of all "
      "environments together, no graph")
      ->group("Method");
  add_whole(
      app, "--latents", shared.latents, 0, most_latents,
      "Latent variables, 0 = one per environment (contrastive always has that many, gscale one "
      "per pair, support has to be told)")
      ->type_name("N")
      ->group("Method");
  add_choice(app, "--intervention", shared.intervention, intervention_names,
             "likelihood, lscale, lcd, umni. hard: a target loses its parents; soft: it keeps them "
             "with other coefficients")
      ->group("Method");
  add_name(
      app, "--differences", shared.differences, difference_method_names(),
      "Estimator of score differences, as for lodestein score, whose --help lists them; "
      "lscale, finite-sample: gaussian unless given, any other for latents that aren't linear; "
      "gscale: of each pair, auto unless given")
      ->group("Method");
  add_choice(app, "--shrinkage", shared.score.shrinkage, shrinkage_names,
             "All but gscale, contrastive, do and support. Of covariances; oas: "
             "oracle-approximating; auto: oas in "
             "environments with samples < 10 x latents, else none")
      ->group("Method");
  add_choice(
      app, "--subspace", shared.subspace, subspace_names,
      "All but gscale, contrastive and support. Where latents are sought in data of more "
      "dimensions: "
      "variance: in the principal components; differences: in what differs most between "
      "environments; auto: the first if it keeps 99.9 % of the variance, else the second if BIC "
      "is for it")
      ->group("Method");
  add_choice(
      app, "--observation-noise", shared.observation_noise, noise_removal_names,
      "likelihood, umni. Noise on the features: auto: is taken out of the moments if what "
      "is beside the latent directions looks like noise of one strength; none: is taken for signal")
      ->group("Method");
  add_whole(
      app, "--bootstrap", shared.bootstrap, 0, most_replicates,
      "All but contrastive, do and support. Replicates behind the support of each edge, 0 = none")
      ->type_name("B")
      ->group("Method");
  add_whole(app, "--null-splits", shared.null_splits, 2, most_splits,
            "All but umni, gscale, do and support. Pairs of resampled controls that the diagnosis "
            "compares "
            "environments with")
      ->type_name("N")
      ->group("Method");
  add_encoder_options(app, shared.encoder);
}

constexpr const char* footer = R"(
Writes result.json, arrays.npz, graph.csv, graph.dot and graph.graphml to --out. A statistical
failure writes the result too, with a diagnosis, and exits with 2. An option that the method can't
use is an error.

Examples:
  lodestein fit study --latents 5 --seed 7 --out fit
  lodestein fit cells.csv --environment-column target --observational non-targeting \
    --preprocess log1p,highly-variable=60,standardise --bootstrap 100 --out fit --report fit.html
  lodestein fit screen --method umni --intervention soft --seed 7 --out fit
  lodestein fit pairs --method gscale --link tanh --pairs low1:high1,low2:high2 --out fit
  lodestein fit bent --method contrastive --hidden 512 --out fit
  lodestein fit boxed --method support --latents 4 --out fit
)";

}  // namespace

void refuse_without_effect(const CLI::App& app, const std::vector<std::string>& flags,
                           const std::string& why) {
  for (const std::string& flag : flags)
    if (app.count(flag)) throw UsageError(flag + " has no effect " + why);
}

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
  add_shared_options(app, *options);
  const auto branches = std::make_shared<Branches>(
      Branches{add_linear_options(app), add_umni_options(app), add_gscale_options(app),
               add_contrastive_options(app), do_interventions_branch(), add_support_options(app)});
  add_seed(app, context);
  add_backend(app, context);
  add_threads(app, context);
  add_output_options(app, context);
  app.footer(footer);
  return [options, branches, &app](const Context& c) {
    const FitMethod method = options->shared.method;
    check_flags(app, *branches, method);
    const FitBranch& branch = branch_of(*branches, method);
    branch.check(app, options->shared);
    return run_fit(*options, branch, c);
  };
}

}  // namespace lodestein::tool
