#include "lodestein/sweep/sweep.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <regex>
#include <set>

#include "lodestein/core/error.hpp"
#include "lodestein/sweep/store.hpp"
#include "tool/command.hpp"
#include "tool/mpirun.hpp"
#include "tool/number_option.hpp"
#include "tool/slurm.hpp"
#include "tool/sweep_run.hpp"

namespace lodestein::tool {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr NamedValues<ChangedStudy, 2> changed_names{
    {{"refuse", ChangedStudy::refuse}, {"accept", ChangedStudy::accept}}};

/// "2/8".
void read_shard(const std::string& text, SweepSelection& selection) {
  const std::size_t slash = text.find('/');
  const auto number = [&](const std::string& part) -> std::size_t {
    const bool digits = !part.empty() && part.size() < 9 &&
                        part.find_first_not_of("0123456789") == std::string::npos;
    return digits ? std::stoul(part) : 0;
  };
  selection.shard = number(text.substr(0, slash));
  selection.shards = slash == std::string::npos ? 0 : number(text.substr(slash + 1));
  if (selection.shard == 0 || selection.shard > selection.shards)
    throw UsageError("--shard takes I/N with 1 <= I <= N, e.g. 2/8, not '" + text + "'");
}

/// "latents=5,group=hard, c = 0.25" -> "latents=5", "group=hard, c = 0.25": a comma separates where
/// a field's name and = follow, so that values may have commas.
std::vector<std::string> conditions_of(const std::vector<std::string>& texts) {
  static const std::regex separator(",(?=[a-z_]+=)");
  std::vector<std::string> conditions;
  for (const std::string& text : texts)
    conditions.insert(conditions.end(),
                      std::sregex_token_iterator(text.begin(), text.end(), separator, -1),
                      std::sregex_token_iterator());
  return conditions;
}

/// The values that fields take, of those with more than one: "samples" -> {"1000", "10000"}.
std::vector<std::pair<std::string, std::vector<std::string>>> varied(const SweepPlan& plan) {
  std::vector<std::string> names{"group", "method"};
  for (const SweepFieldInfo& field : sweep_fields()) names.push_back(field.name);
  std::vector<std::pair<std::string, std::vector<std::string>>> result;
  for (const std::string& name : names) {
    std::vector<std::string> values;
    for (const SweepSetting& setting : plan.settings) {
      if (const auto value = find_value(setting, name)) values.push_back(to_text(*value));
    }
    std::vector<std::string> distinct;
    std::set<std::string> seen;
    for (const std::string& value : values) {
      if (seen.insert(value).second) distinct.push_back(value);
    }
    if (distinct.size() > 1 || name == "method") result.emplace_back(name, distinct);
  }
  return result;
}

std::string dry_run_text(const SweepPlan& plan, const SweepEstimate& estimate,
                         const Backend& backend) {
  std::string text =
      fmt::format("{}: {} in {}, {} data sets\n", plan.name, counted(plan.cells.size(), "cell"),
                  counted(plan.settings.size(), "setting"), plan.batches());
  for (const auto& [name, values] : varied(plan))
    text += fmt::format("  {:<24} {}\n", name, listed(values, 12));
  text += fmt::format(
      "To run: {}, about {} and {:.2g} GB for data on {}\n"
      "({} were run for this estimate, the others' time is scaled by their size)\n",
      counted(estimate.cells, "cell"), seconds_text(estimate.seconds), 1e-9 * estimate.bytes,
      backend.description(), counted(estimate.measured, "cell"));
  return text;
}

Json dry_run_json(const SweepPlan& plan, const SweepEstimate& estimate) {
  Json fields = Json::object();
  for (const auto& [name, values] : varied(plan)) fields[name] = values;
  return {{"name", plan.name},
          {"settings", plan.settings.size()},
          {"cells", plan.cells.size()},
          {"batches", plan.batches()},
          {"fields", fields},
          {"to_run", estimate.cells},
          {"measured", estimate.measured},
          {"seconds", estimate.seconds},
          {"bytes", estimate.bytes}};
}

int dry_run(const CLI::App& app, const SweepCommandOptions& options, const Context& context) {
  const SweepPlan plan = plan_of(app, options, context);
  std::optional<SweepStore> store;
  if (!options.out.empty() && fs::exists(options.out)) store.emplace(options.out);
  if (store && !store->is_of(plan)) {
    throw InvalidArgument(options.out.string() +
                          ": is the store of another study or seed; leave out --out to see the "
                          "whole plan");
  }
  const auto tasks = sweep_tasks(plan, options.selection, store ? &*store : nullptr);
  const Backend backend = context.backend();
  ProgressObserver observer = context.observer();
  const SweepEstimate estimate = estimate_sweep(backend, plan, tasks, 3.0, observer);
  context.say(dry_run_text(plan, estimate, backend));
  context.emit(dry_run_json(plan, estimate).dump(2) + "\n");
  return done;
}

int merge(const CLI::App& app, const SweepCommandOptions& options, const Context& context) {
  const SweepPlan plan = plan_of(app, options, context);
  std::vector<SweepStore> parts;
  for (const std::string& part : options.merge) parts.emplace_back(part);
  const std::size_t merged = merge_sweeps(options.out, plan, parts, options.changed);
  StoreState state = state_of(SweepStore(options.out), options.out);
  context.say(fmt::format("Took over {}\n", counted(merged, "cell")));
  context.say(state.text);
  state.json["merged"] = merged;
  context.emit(state.json.dump(2) + "\n");
  return done;
}

int export_table(const SweepCommandOptions& options, const Context& context) {
  const SweepStore store(options.input);
  export_sweep(store, options.export_to);
  const SweepInfo info = store.info();
  context.say(fmt::format("Wrote {} to {}\n", counted(info.done + info.failed, "row"),
                          options.export_to.string()));
  context.emit(
      Json{{"export", options.export_to.string()}, {"rows", info.done + info.failed}}.dump(2) +
      "\n");
  return done;
}

/// No option is silently without effect.
void check_combination(const CLI::App& app, const SweepCommandOptions& options) {
  const auto refuse = [&](const char* with, std::initializer_list<const char*> others) {
    for (const char* other : others) {
      if (app.count(other))
        throw UsageError(fmt::format("{} has no effect with {}; leave it out", other, with));
    }
  };
  if (app.count("--export")) {
    refuse("--export",
           {"--out", "--dry-run", "--shard", "--only", "--retry-failed", "--merge",
            "--changed-study", "--slurm-array", "--seed", "--backend", "--threads", "--progress"});
    return;
  }
  if (app.count("--slurm-array"))
    refuse("--slurm-array", {"--dry-run", "--shard", "--merge", "--progress"});
  if (app.count("--merge"))
    refuse("--merge", {"--dry-run", "--shard", "--only", "--retry-failed", "--backend", "--threads",
                       "--progress"});
  if (app.count("--dry-run")) refuse("--dry-run", {"--changed-study"});
  if (options.dry_run && options.out.empty() && app.count("--retry-failed"))
    throw UsageError("--retry-failed has no effect with --dry-run unless --out names a store");
  if (options.out.empty() && !options.dry_run)
    throw UsageError("--out is missing: the store to write, e.g. --out results.db");
}

constexpr const char* footer = R"(
A study file lists settings, methods and the number of models (docs/sweep.md). Run the same command
again to go on where it stopped; results don't depend on threads, shards or the order of work.

Examples:
  lodestein sweep study.toml --dry-run
  lodestein sweep study.toml --out results.db
  lodestein sweep study.toml --out again.db --only latents=5,method=likelihood,model=17
  lodestein sweep results.db --export table.csv

Many processes, cores or GPUs share one sweep under Open MPI; clusters without it run shards:
  mpirun -n 4 lodestein sweep study.toml --out results.db
  lodestein sweep study.toml --out results.db --slurm-array 16 > sweep.sh
)";

void add_selection(CLI::App& app, SweepCommandOptions& options) {
  app.add_option("--shard", options.shard, "Run only part I of N, e.g. one a machine")
      ->capture_default_str()
      ->type_name("I/N")
      ->group("Selection");
  add_whole(app, "--slurm-array", options.slurm_array, 1, 1000000,
            "Only print a batch script for SLURM that runs the sweep in N parts, as an array of "
            "jobs, and merges them")
      ->default_str("")
      ->type_name("N")
      ->group("Selection");
  app.add_option("--only", options.selection.only,
                 "Run only cells that have these values of fields (also method, group, model from "
                 "0, key); values of one field are alternatives")
      ->allow_extra_args(false)
      ->type_name("FIELD=VALUE,...")
      ->group("Selection");
  app.add_flag("--retry-failed", options.selection.retry_failed,
               "Also run cells that failed before")
      ->group("Selection");
}

int do_what_was_asked(const CLI::App& app, const SweepCommandOptions& options,
                      const Context& context) {
  const bool runs = options.export_to.empty() && !options.dry_run && options.slurm_array == 0 &&
                    options.merge.empty();
  if (runs) return run_sweep_command(app, options, context);
  const auto launch = find_launch();
  if (launch && launch->rank > 0) return done;  // one process is enough for the rest
  if (!options.export_to.empty()) return export_table(options, context);
  if (options.dry_run) return dry_run(app, options, context);
  if (options.slurm_array > 0) return print_slurm_array(app, options, context);
  return merge(app, options, context);
}

}  // namespace

Runner add_sweep(CLI::App& app, Context& context) {
  const auto options = std::make_shared<SweepCommandOptions>();
  app.add_option("INPUT", options->input, "Study file (TOML); with --export the store of a sweep")
      ->required();
  app.add_option("--out", options->out, "Store to write, or to go on with (SQLite)")
      ->type_name("FILE");
  app.add_flag("--dry-run", options->dry_run,
               "Only check the study and print the plan, with estimated time and memory");
  app.add_option("--export", options->export_to, "Only write the table of a store to this file")
      ->type_name("FILE.csv|jsonl|npz");
  app.add_option("--merge", options->merge,
                 "Only take over the results of these stores, the shards of this study, into --out")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("FILE,...");
  add_choice(
      app, "--changed-study", options->changed, changed_names,
      "If --out has results of another version of the study: accept keeps those of cells "
      "that both have and drops the others, all of them with another seed, backend or version "
      "of lodestein");
  add_selection(app, *options);
  add_seed(app, context)->default_str("the study's");
  add_backend(app, context);
  add_threads(app, context);
  add_output_options(app, context);
  app.footer(footer);
  return [options, &app](const Context& c) {
    check_combination(app, *options);
    read_shard(options->shard, options->selection);
    options->selection.only = conditions_of(options->selection.only);
    std::signal(SIGXFSZ, SIG_IGN);  // a file-size limit is told as an error like a full disk
    return do_what_was_asked(app, *options, c);
  };
}

}  // namespace lodestein::tool
