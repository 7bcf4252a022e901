#include "tool/command.hpp"

#include <fmt/format.h>

#include "lodestein/data/preprocess.hpp"
#include "tool/number_option.hpp"

namespace lodestein::tool {
namespace {

constexpr NamedValues<ProgressMode, 4> progress_names{{{"auto", ProgressMode::automatic},
                                                       {"bar", ProgressMode::bar},
                                                       {"json", ProgressMode::json},
                                                       {"none", ProgressMode::none}}};

/// A list that may be given with commas or by repeating the option. It takes one word at a time, so
/// that it can't swallow a positional argument.
void add_list(CLI::App& app, const std::string& flag, std::vector<std::string>& values,
              const std::string& help) {
  app.add_option(flag, values, help)
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("NAME,...")
      ->group("Data");
}

}  // namespace

void Context::say(const std::string& text) const {
  if (!json && !quiet) fmt::print("{}", printable(text));
}

void Context::emit(const std::string& json_text) const {
  if (json) fmt::print("{}", json_text);
}

CLI::Option* add_seed(CLI::App& app, Context& context) {
  return add_whole(app, "--seed", context.seed, 0, std::numeric_limits<std::uint64_t>::max(),
                   "Number that, with the options, fixes every random draw")
      ->type_name("N");
}

void add_threads(CLI::App& app, Context& context) {
  add_whole(app, "--threads", context.threads, 0, 4096,
            "CPU threads, 0 = all cores; results have the same bits for any number")
      ->type_name("N");
}

void add_backend(CLI::App& app, Context& context) {
  app.add_option("--backend", context.backend_name,
                 "Where bulk arithmetic runs; best = a GPU if one works, else cpu")
      ->capture_default_str()
      ->type_name("best|cpu|reference|cuda");
}

void add_output_options(CLI::App& app, Context& context) {
  app.add_flag("--json", context.json, "Print one JSON object on stdout instead of text")
      ->group("Output");
  add_choice(app, "--progress", context.progress, progress_names,
             "Progress of work over two seconds, on stderr; auto = a bar if it is a terminal")
      ->group("Output");
  app.add_flag("--quiet", context.quiet, "Print nothing but errors (and the JSON of --json)")
      ->group("Output");
}

void add_data_options(CLI::App& app, DataOptions& options) {
  const auto text = [&](const char* flag, auto& value, const char* type, const char* help) {
    app.add_option(flag, value, help)->type_name(type)->group("Data");
  };
  ReadOptions& read = options.read;
  text("--environment-column", read.environment_column, "NAME",
       "Column that names each row's environment (CSV, cells table, .h5ad obs)");
  add_list(app, "--observational", read.observational,
           "Labels pooled as the observational environment (default: the only one of obs, "
           "observational, control, non-targeting, 0)");
  add_list(app, "--environments", read.environments,
           "Interventional labels to keep (default: all)");
  add_list(app, "--features", read.features,
           "Feature columns to keep, in this order (default: all numeric columns)");
  add_list(app, "--ignore", read.ignore, "Columns that are neither environment nor feature");
  text("--cells", read.cells, "FILE", "MatrixMarket: table of cells with the environment column");
  text("--genes", read.genes, "FILE", "MatrixMarket: names of the genes, one a line");
  text("--layer", read.layer, "NAME", ".h5ad: layer to read instead of X");
  text("--preprocess", options.preprocess, "STEP,...",
       "Steps in order: log, log1p, counts-per-million, centre, standardise, highly-variable=K, "
       "drop-constant, drop-duplicates, minimum-samples=N, pca=R|gap|parallel (default: none)");
}

Dataset read_input(const std::filesystem::path& path, const DataOptions& options, Seed seed,
                   Observer& observer) {
  const auto steps = parse_preprocess_steps(options.preprocess);
  return preprocess(read_dataset(path, options.read, observer), steps, seed);
}

}  // namespace lodestein::tool
