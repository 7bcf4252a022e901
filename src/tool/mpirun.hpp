#pragma once

#include <memory>
#include <optional>
#include <string>

#include "sweep/ranks_module.hpp"
#include "tool/command.hpp"

namespace lodestein::tool {

/// This process among those that Open MPI's mpirun started.
struct Launch {
  int rank = 0, size = 1;
  int local_rank = 0;  ///< on its machine
};
/// From the environment; nothing if mpirun didn't start this process.
std::optional<Launch> find_launch();

/// Number of processes, if another launcher than Open MPI's mpirun started several of which this is
/// one and which can't share a sweep.
std::optional<int> count_of_other_launcher();

/// Loads the module and meets the other ranks.
/// @throws NotCompiled with the remedy if this build has no module or the machine no MPI.
std::unique_ptr<sweep::ModuleRanks> connect(const Launch& launch);

/// The command line with mpirun and its options in front.
std::string with_mpirun(const std::string& command_line, const Launch& launch);

/// The backend of one rank of several: its share of the cores, or one GPU, a machine's GPUs being
/// dealt to its ranks in turn.
Backend rank_backend(const std::string& name, int threads, const Launch& launch,
                     const sweep::ModuleRanks& ranks);

/// All went well, and all ranks part. Returns `code`; if a rank doesn't come, which has died, the
/// process ends with it.
int part(std::unique_ptr<sweep::ModuleRanks> ranks, int code);

/// What ranks but the first do: they compute for it and leave talking to it. Returns the exit code.
int compute_for_rank_0(const Context& context, const Launch& launch,
                       std::unique_ptr<sweep::ModuleRanks> ranks);

}  // namespace lodestein::tool
