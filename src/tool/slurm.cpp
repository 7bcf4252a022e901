#include "tool/slurm.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "lodestein/core/error.hpp"

namespace lodestein::tool {
namespace {

namespace fs = std::filesystem;

/// {0} number of shards, {1} cores of a job, {2} its GPUs, {3} name of logs, {4} this tool,
/// {5} study, {6} store, {7} store without its ending, {8} its ending, {9} options of a run,
/// {10} options of both.
constexpr const char* script = R"SCRIPT(#!/usr/bin/env bash
# A sweep in {0} parts. Submit it, then merge the parts:
#
#   job=$(sbatch --parsable sweep.sh)
#   sbatch --dependency=afterany:$job --array=1 sweep.sh merge
#
# A part that was stopped goes on where it was: submit again, then merge again. A part all of whose
# cells failed exits with 2, hence afterany: what is there is merged. Without SLURM:
#   for i in {{1..{0}}}; do SLURM_ARRAY_TASK_ID=$i bash sweep.sh; done; bash sweep.sh merge
#
# Add your cluster's account, partition and time limit here:
#SBATCH --job-name=lodestein
#SBATCH --array=1-{0}
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task={1}
{2}#SBATCH --signal=B:TERM@30
#SBATCH --output={3}-%a.log

set -euo pipefail
lodestein=${{LODESTEIN:-{4}}}
study={5}
out={6}
part() {{ printf '%s' {7}; printf '.part%d-of-{0}%s' "$1" {8}; }}

if [[ ${{1:-}} == merge ]]; then
  parts=()
  for i in {{1..{0}}}; do parts+=(--merge "$(part "$i")"); done
  exec "$lodestein" sweep "$study" --out "$out"{10} "${{parts[@]}}"
fi
i=${{SLURM_ARRAY_TASK_ID:?is set in the jobs of an array}}
exec "$lodestein" sweep "$study" --out "$(part "$i")" --shard "$i/{0}"{9}{10}
)SCRIPT";

std::string option(const std::string& name, const std::string& value) {
  return " " + name + " " + shell_quoted(value);
}

std::string slurm_script(const CLI::App& app, const SweepCommandOptions& options,
                         const Context& context) {
  const int cores = std::max(1, context.threads);
  const bool gpu = context.backend_name == "cuda";
  std::string of_run =
      option("--backend", context.backend_name) + option("--threads", std::to_string(cores));
  for (const std::string& only : options.selection.only) of_run += option("--only", only);
  if (options.selection.retry_failed) of_run += " --retry-failed";
  std::string of_both;
  if (app.count("--seed")) of_both += option("--seed", std::to_string(context.seed));
  if (options.changed == ChangedStudy::accept) of_both += " --changed-study accept";
  const fs::path stem = options.out.parent_path() / options.out.stem();
  return fmt::format(
      script, options.slurm_array, cores, gpu ? "#SBATCH --gpus=1\n" : "",
      options.out.stem().string(), shell_quoted(fs::read_symlink("/proc/self/exe").string()),
      shell_quoted(fs::absolute(options.input).string()),
      shell_quoted(fs::absolute(options.out).string()), shell_quoted(fs::absolute(stem).string()),
      shell_quoted(options.out.extension().string()), of_run, of_both);
}

}  // namespace

int print_slurm_array(const CLI::App& app, const SweepCommandOptions& options,
                      const Context& context) {
  const SweepPlan plan = plan_of(app, options, context);
  const std::size_t tasks = sweep_tasks(plan, options.selection).size();
  if (options.slurm_array > plan.batches()) {
    throw UsageError(fmt::format("--slurm-array {}: the study has only {}", options.slurm_array,
                                 counted(plan.batches(), "data set")));
  }
  const std::string text = slurm_script(app, options, context);
  if (context.json)
    context.emit(nlohmann::ordered_json{
                     {"script", text}, {"shards", options.slurm_array}, {"data_sets", tasks}}
                     .dump(2) +
                 "\n");
  else
    fmt::print("{}", text);
  return done;
}

}  // namespace lodestein::tool
