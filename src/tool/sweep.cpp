#include "lodestein/sweep/sweep.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <regex>
#include <set>

#include "lodestein/core/error.hpp"
#include "lodestein/sweep/store.hpp"
#include "tool/command.hpp"
#include "tool/deadline.hpp"

namespace lodestein::tool {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr NamedValues<ChangedStudy, 2> changed_names{
    {{"refuse", ChangedStudy::refuse}, {"accept", ChangedStudy::accept}}};
constexpr double patience = 0.8;  // s after Ctrl-C before cells that go on are left behind

struct SweepCommandOptions {
  fs::path input, out, export_to;
  std::vector<std::string> merge;
  std::string shard = "1/1";
  SweepSelection selection;
  ChangedStudy changed = ChangedStudy::refuse;
  bool dry_run = false;
};

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

std::string seconds_text(double seconds) {
  if (seconds < 100.0) return fmt::format("{:.2g} s", seconds);
  if (seconds < 100.0 * 60.0) return fmt::format("{:.0f} min", seconds / 60.0);
  return fmt::format("{:.1f} h", seconds / 3600.0);
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

SweepPlan plan_of(const CLI::App& app, const SweepCommandOptions& options, const Context& context) {
  return app.count("--seed") ? read_sweep_plan(options.input, Seed{context.seed})
                             : read_sweep_plan(options.input);
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

std::map<std::string, std::size_t> causes_of(const SweepStore& store) {
  std::map<std::string, std::size_t> causes;
  for (const StoredRow& row : store.read().rows) {
    if (row.status == SweepStatus::failed) ++causes[row.result.cause];
  }
  return causes;
}

std::string state_text(const SweepInfo& info, const std::map<std::string, std::size_t>& causes,
                       const fs::path& file) {
  std::string text = fmt::format("{}: {} of {} have run, {} failed", file.string(),
                                 info.done + info.failed, counted(info.cells, "cell"), info.failed);
  std::string why;
  for (const auto& [cause, count] : causes)
    why += fmt::format("{}{} {}", why.empty() ? " (" : ", ", cause, count);
  return text + (why.empty() ? "" : why + ")") + "\n";
}

Json state_json(const SweepInfo& info, const std::map<std::string, std::size_t>& causes,
                const fs::path& file) {
  return {{"out", file.string()},    {"name", info.name},   {"seed", info.seed.value},
          {"backend", info.backend}, {"cells", info.cells}, {"done", info.done},
          {"failed", info.failed},   {"causes", causes}};
}

/// What to type to go on, said when the work is stopped.
std::string resume_text(const SweepCommandOptions& options, std::size_t have, std::size_t cells,
                        const Context& context) {
  return fmt::format("stopped; {} of {} are in {}. To go on:\n  {}", have, counted(cells, "cell"),
                     options.out.string(), context.command_line);
}

int run(const CLI::App& app, const SweepCommandOptions& options, const Context& context) {
  const Deadline deadline(patience, [&] {
    const SweepInfo info = SweepStore(options.out).info();
    return resume_text(options, info.done + info.failed, info.cells, context);
  });
  const SweepPlan plan = plan_of(app, options, context);
  sweep_tasks(plan, options.selection);  // a wrong selection leaves the store alone
  const Backend backend = context.backend();
  SweepStore store(options.out, plan, backend.name(), options.changed);
  ProgressObserver observer = context.observer();
  SweepSummary summary;
  try {
    summary = run_sweep(backend, plan, store, options.selection, observer);
  } catch (const Cancelled&) {
    const SweepInfo info = store.info();
    throw Cancelled(resume_text(options, info.done + info.failed, info.cells, context));
  }
  const SweepInfo info = store.info();
  const auto causes = causes_of(store);
  const double rate =
      summary.seconds > 0.0 ? static_cast<double>(summary.cells) / summary.seconds : 0.0;
  context.say(fmt::format("Ran {} in {} ({:.3g} a second)\n", counted(summary.cells, "cell"),
                          seconds_text(summary.seconds), rate));
  context.say(state_text(info, causes, options.out));
  Json json = state_json(info, causes, options.out);
  json["ran"] = summary.cells;
  json["ran_failed"] = summary.failed;
  json["seconds"] = summary.seconds;
  context.emit(json.dump(2) + "\n");
  return summary.cells > 0 && summary.failed == summary.cells ? statistical_failure : done;
}

int merge(const CLI::App& app, const SweepCommandOptions& options, const Context& context) {
  const SweepPlan plan = plan_of(app, options, context);
  std::vector<SweepStore> parts;
  for (const std::string& part : options.merge) parts.emplace_back(part);
  SweepStore store(options.out, plan, parts.front().info().backend, options.changed);
  std::size_t merged = 0;
  for (const SweepStore& part : parts) merged += store.merge(part);
  const SweepInfo info = store.info();
  const auto causes = causes_of(store);
  context.say(fmt::format("Took over {}\n", counted(merged, "cell")));
  context.say(state_text(info, causes, options.out));
  Json json = state_json(info, causes, options.out);
  json["merged"] = merged;
  context.emit(json.dump(2) + "\n");
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
    refuse("--export", {"--out", "--dry-run", "--shard", "--only", "--retry-failed", "--merge",
                        "--changed-study", "--seed", "--backend", "--threads"});
    return;
  }
  if (app.count("--merge"))
    refuse("--merge",
           {"--dry-run", "--shard", "--only", "--retry-failed", "--backend", "--threads"});
  if (app.count("--dry-run")) refuse("--dry-run", {"--changed-study"});
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
)";

void add_selection(CLI::App& app, SweepCommandOptions& options) {
  app.add_option("--shard", options.shard, "Run only part I of N, e.g. one a machine")
      ->capture_default_str()
      ->type_name("I/N")
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
  add_choice(app, "--changed-study", options->changed, changed_names,
             "If --out has results of another version of the study: accept keeps those of cells "
             "that both have and drops the others");
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
    if (!options->export_to.empty()) return export_table(*options, c);
    if (options->dry_run) return dry_run(app, *options, c);
    return options->merge.empty() ? run(app, *options, c) : merge(app, *options, c);
  };
}

}  // namespace lodestein::tool
