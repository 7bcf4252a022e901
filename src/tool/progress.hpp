#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "lodestein/core/observer.hpp"

namespace lodestein::tool {

/// automatic: a bar if stderr is a terminal, else nothing.
enum class ProgressMode { automatic, bar, json, none };

/// Shows progress and log messages on stderr, and passes Ctrl-C on to the library. Work that is
/// over within two seconds shows no progress.
class ProgressObserver final : public Observer {
 public:
  ProgressObserver(ProgressMode mode, bool quiet);
  ~ProgressObserver() override;

  void progress(std::string_view stage, std::size_t done, std::size_t total) override;
  void log(Level level, std::string_view message) override;
  bool cancelled() const override;

 private:
  using Clock = std::chrono::steady_clock;

  void draw_bar(std::string_view stage, double fraction, double seconds);
  void print_json(std::string_view stage, std::size_t done, std::size_t total, double seconds);
  void clear_bar();

  ProgressMode mode_;
  bool quiet_;
  bool bar_drawn_ = false;
  std::string stage_;
  Clock::time_point began_, stage_began_, last_shown_;
};

/// From now on SIGINT, SIGTERM and SIGHUP (unless it is ignored) ask the work to stop; one more,
/// a second later or more, ends the process at once.
void catch_interrupts();
/// The same where mpirun is the parent, which on Ctrl-C sends SIGCONT at once, SIGTERM after a
/// second and SIGKILL after another: the first counts, unless the job has been suspended. The end
/// of mpirun counts too.
void catch_interrupts_of_mpirun();
/// The signal that came, or 0.
int interrupt_signal();

}  // namespace lodestein::tool
