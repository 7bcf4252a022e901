#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lodestein/core/backend.hpp"
#include "lodestein/core/observer.hpp"
#include "lodestein/sweep/store.hpp"
#include "lodestein/sweep/sweep.hpp"

namespace lodestein::sweep {

/// The processes that share a sweep, and the way between them. Used from one thread; nothing waits.
class Ranks {
 public:
  struct Message {
    int from = 0;
    std::string bytes;
  };

  Ranks() = default;
  virtual ~Ranks() = default;
  Ranks(const Ranks&) = delete;
  Ranks& operator=(const Ranks&) = delete;

  virtual int rank() const = 0;  ///< 0 leads
  virtual int size() const = 0;
  /// What is sent to a process that is gone is lost.
  virtual void send(int to, std::string bytes) = 0;
  /// The next message, if one is there. Those of one sender come in their order.
  virtual std::optional<Message> receive() = 0;
};

/// One process by itself.
class Alone final : public Ranks {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  void send(int, std::string) override {}
  std::optional<Message> receive() override { return std::nullopt; }
};

/// How long a silent process counts as alive. Every one says something each second, whatever it
/// computes; rank 0 may have to wait for a disk.
struct Silence {
  std::chrono::milliseconds worker{20000}, leader{60000};
};

/// Called at least every 20 ms, and a last time when every row has been handed over.
using Tick = std::function<void(bool last)>;

/// Rank 0's part of run_sweep(): deals tasks out, to its own threads too, and hands over the rows.
/// The tasks of a process that falls silent are dealt out again.
/// @throws as run_sweep(), and what ended another process, named; all others are told to stop.
void lead(Ranks& ranks, const Backend& backend, const SweepPlan& plan,
          const std::vector<SweepTask>& tasks, const SweepCallback& done, const Tick& tick,
          Observer& observer, Silence silence = {});

/// run_sweep() into a store, by all ranks.
SweepSummary lead_into_store(Ranks& ranks, const Backend& backend, const SweepPlan& plan,
                             SweepStore& store, const SweepSelection& selection,
                             Observer& observer);

/// For rank 0 if it can't even begin: tells all others to stop.
void call_off(Ranks& ranks);

/// How a sweep ended for a process that computed for another.
enum class Dismissal {
  finished,  ///< all is done: say goodbye in turn
  stopped    ///< rank 0 is stopped or has failed, and says so itself: go
};

/// What every other rank does: takes tasks until rank 0 wants no more. `backend` makes the backend
/// that rank 0 uses. What goes wrong here is rank 0's to tell, and is sent there.
/// @throws Cancelled after telling rank 0, and IoError if rank 0 is gone.
Dismissal follow(Ranks& ranks, const std::function<Backend(const std::string& name)>& backend,
                 Observer& observer, Silence silence = {});

}  // namespace lodestein::sweep
