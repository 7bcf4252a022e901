#pragma once

#include "tool/sweep_run.hpp"

namespace lodestein::tool {

/// Prints a batch script: one job of an array runs one shard; with the argument `merge` it puts the
/// shards together.
int print_slurm_array(const CLI::App& app, const SweepCommandOptions& options,
                      const Context& context);

}  // namespace lodestein::tool
