#pragma once

#include <exception>
#include <string>
#include <vector>

#include "lodestein/sweep/plan.hpp"
#include "lodestein/sweep/sweep.hpp"

namespace lodestein::sweep {

/// What ranks send one another: one letter, then text.
enum class Packet : char {
  hello = 'h',     ///< to rank 0: version and host
  study = 's',     ///< the plan and its backend
  ready = 'r',     ///< to rank 0: number of threads
  tasks = 't',     ///< more of them
  rows = 'w',      ///< to rank 0: all rows of some tasks
  alive = 'a',     ///< nothing else to say
  failed = 'f',    ///< to rank 0: what went wrong
  leaving = 'l',   ///< to rank 0: stopped
  finished = 'e',  ///< all is done
  stop = 'x',      ///< rank 0 was stopped or failed
};

inline std::string packed(Packet kind, const std::string& text = "") {
  return static_cast<char>(kind) + text;
}

/// A process introduces itself.
struct Hello {
  std::string version, host;
};
std::string to_text(const Hello& hello);
Hello hello_of(const std::string& text);

/// All that a worker has to know; it needs no file.
std::string study_text(const SweepPlan& plan, const std::string& backend);
struct SentStudy {
  SweepPlan plan;
  std::string backend;
};
/// @throws InvalidArgument if the plan isn't what the sender has.
SentStudy study_of(const std::string& text);

std::string tasks_text(const std::vector<SweepTask>& tasks);
std::vector<SweepTask> tasks_of(const std::string& text);

/// An exception for the way to rank 0, which throws it in turn.
std::string failure_text(const std::exception_ptr& error);
[[noreturn]] void throw_failure(const std::string& text, const std::string& where);

}  // namespace lodestein::sweep
