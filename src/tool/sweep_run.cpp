#include "tool/sweep_run.hpp"

#include <fmt/format.h>

#include <memory>
#include <optional>

#include "lodestein/core/error.hpp"
#include "tool/deadline.hpp"
#include "tool/mpirun.hpp"

namespace lodestein::tool {
namespace {

namespace fs = std::filesystem;

/// What to type to go on, said when the work is stopped.
std::string resume_text(const SweepInfo& info, const fs::path& file, const std::string& command) {
  return fmt::format("stopped; {} of {} are in {}. To go on:\n  {}", info.done + info.failed,
                     counted(info.cells, "cell"), file.string(), command);
}

/// The process that reads the study, writes the store and talks. `ranks` are those that help.
int lead(const CLI::App& app, const SweepCommandOptions& options, const Context& context,
         const Backend& backend, sweep::Ranks& ranks, const std::string& command) {
  const SweepPlan plan = plan_of(app, options, context);
  sweep_tasks(plan, options.selection);  // a wrong selection leaves the store alone
  SweepStore store(options.out, plan, backend.name(), options.changed);
  ProgressObserver observer = context.observer();
  SweepSummary summary;
  try {
    summary = sweep::lead_into_store(ranks, backend, plan, store, options.selection, observer);
  } catch (const Cancelled&) {
    throw Cancelled(resume_text(store.info(), options.out, command));
  }
  StoreState state = state_of(store, options.out);
  const double rate =
      summary.seconds > 0.0 ? static_cast<double>(summary.cells) / summary.seconds : 0.0;
  context.say(fmt::format("Ran {} in {} ({:.3g} a second)\n", counted(summary.cells, "cell"),
                          seconds_text(summary.seconds), rate));
  context.say(state.text);
  state.json["ran"] = summary.cells;
  state.json["ran_failed"] = summary.failed;
  state.json["seconds"] = summary.seconds;
  context.emit(state.json.dump(2) + "\n");
  return summary.cells > 0 && summary.failed == summary.cells ? statistical_failure : done;
}

int lead_ranks(const CLI::App& app, const SweepCommandOptions& options, const Context& context,
               const Launch& launch, const std::string& command) {
  auto ranks = connect(launch);
  int code = done;
  try {
    const Backend backend = rank_backend(context.backend_name, context.threads, launch, *ranks);
    code = lead(app, options, context, backend, *ranks, command);
  } catch (...) {
    sweep::call_off(*ranks);
    throw;
  }
  return part(std::move(ranks), code);
}

}  // namespace

SweepPlan plan_of(const CLI::App& app, const SweepCommandOptions& options, const Context& context) {
  return app.count("--seed") ? read_sweep_plan(options.input, Seed{context.seed})
                             : read_sweep_plan(options.input);
}

std::string seconds_text(double seconds) {
  if (seconds < 100.0) return fmt::format("{:.2g} s", seconds);
  if (seconds < 100.0 * 60.0) return fmt::format("{:.0f} min", seconds / 60.0);
  return fmt::format("{:.1f} h", seconds / 3600.0);
}

StoreState state_of(const SweepStore& store, const fs::path& file) {
  const SweepInfo info = store.info();
  const auto causes = store.causes();
  std::string text = fmt::format("{}: {} of {} have run, {} failed", file.string(),
                                 info.done + info.failed, counted(info.cells, "cell"), info.failed);
  std::string why;
  for (const auto& [cause, count] : causes)
    why += fmt::format("{}{} {}", why.empty() ? " (" : ", ", cause, count);
  return {text + (why.empty() ? "" : why + ")") + "\n",
          {{"out", file.string()},
           {"name", info.name},
           {"seed", info.seed.value},
           {"backend", info.backend},
           {"cells", info.cells},
           {"done", info.done},
           {"failed", info.failed},
           {"causes", causes}}};
}

int run_sweep_command(const CLI::App& app, const SweepCommandOptions& options,
                      const Context& context) {
  const auto launch = find_launch();
  const auto others = launch ? std::nullopt : count_of_other_launcher();
  if (others && app.count("--shard") == 0) {
    throw UsageError(fmt::format(
        "this is one of {} processes that each would run the whole sweep: start them by Open MPI's "
        "mpirun, which makes them share it, or let --slurm-array print a script, or give each its "
        "--shard and store",
        *others));
  }
  if (launch) catch_interrupts_of_mpirun();
  if (launch && launch->rank > 0) return compute_for_rank_0(context, *launch, connect(*launch));
  const std::string command =
      launch ? with_mpirun(context.command_line, *launch) : context.command_line;
  const Deadline deadline(stop_patience, [&] {
    try {
      return resume_text(SweepStore(options.out).info(), options.out, command);
    } catch (const Error&) {  // there is none yet
      return "stopped before anything was computed. To begin again:\n  " + command;
    }
  });
  if (launch && launch->size > 1) return lead_ranks(app, options, context, *launch, command);
  sweep::Alone alone;
  return lead(app, options, context, context.backend(), alone, command);
}

}  // namespace lodestein::tool
