#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "lodestein/sweep/store.hpp"
#include "lodestein/sweep/sweep.hpp"
#include "tool/command.hpp"

namespace lodestein::tool {

struct SweepCommandOptions {
  std::filesystem::path input, out, export_to;
  std::vector<std::string> merge;
  std::string shard = "1/1";
  std::size_t slurm_array = 0;  ///< shards
  SweepSelection selection;
  ChangedStudy changed = ChangedStudy::refuse;
  bool dry_run = false;
};

/// Of the study file, with the seed of the command line if there is one.
SweepPlan plan_of(const CLI::App& app, const SweepCommandOptions& options, const Context& context);

/// "3.4 s", "12 min".
std::string seconds_text(double seconds);

/// How much of a store's study has run, for people and as JSON.
struct StoreState {
  std::string text;
  nlohmann::ordered_json json;
};
StoreState state_of(const SweepStore& store, const std::filesystem::path& file);

/// Runs what isn't in the store yet, by all processes that mpirun started. Returns the exit code.
int run_sweep_command(const CLI::App& app, const SweepCommandOptions& options,
                      const Context& context);

}  // namespace lodestein::tool
