#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "tool.hpp"

namespace lodestein::testing {

/// A program that runs beside the test; killed if the test ends first.
class Child {
 public:
  Child(const std::vector<std::string>& command, const std::filesystem::path& folder);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void signal(int number) const;
  /// The processes that it has started itself, those of mpirun being the ranks, in their order.
  std::vector<pid_t> children() const;
  bool running();
  /// Exit code, or 128 + signal.
  int wait();

 private:
  pid_t process_ = -1;
  int code_ = -1;
};

class SweepToolTest : public ToolTest {
 protected:
  /// Cells of a few milliseconds, `models` of each of 4 settings, 2 methods.
  void write_study(std::size_t models) const;
  std::vector<std::string> sweep_command(const std::string& store) const;
  /// The table without seconds, as CSV. Empty if there is no store.
  std::string table(const std::string& store) const;
  /// Kills sweeps at random moments until one gets through.
  void survives_kills(std::size_t kills, std::size_t models);
  /// The same, `kill_one` saying whether there was something to kill; `command` is then left alone.
  /// Its argument stretches the wait before a kill: it grows while no row was committed.
  void survives(std::size_t kills, std::size_t models, const std::vector<std::string>& command,
                const std::function<bool(double)>& kill_one);
};

/// Sweeps by several processes. Skipped where there is no Open MPI.
class MpirunTest : public SweepToolTest {
 protected:
  void SetUp() override;
  std::vector<std::string> mpirun(int ranks, const std::vector<std::string>& command) const;
  /// One rank, any, is killed each time.
  void survives_kills_of_ranks(std::size_t kills, std::size_t models, int ranks);
};

}  // namespace lodestein::testing
