#include "tool/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <ctime>
#include <nlohmann/json.hpp>

#include "tool/text.hpp"

namespace lodestein::tool {
namespace {

using Seconds = std::chrono::duration<double>;

constexpr Seconds quiet_time{2.0};
constexpr Seconds frame_time{0.1};
constexpr std::size_t bar_width = 28;

std::atomic<int> caught_signal{0};
static_assert(std::atomic<int>::is_always_lock_free);  // a signal handler may touch nothing else

constexpr std::int64_t one_request = 1000;  // ms in which signals are repeats of the first
std::atomic<std::int64_t> signalled_at{0};  // ms; 0: never

constexpr std::int64_t suspended = 1000;  // ms without a look at the observer
std::atomic<std::int64_t> looked_at{0};   // ms; 0: never
std::atomic<pid_t> mpirun{0};
static_assert(std::atomic<std::int64_t>::is_always_lock_free);
static_assert(std::atomic<pid_t>::is_always_lock_free);

std::int64_t milliseconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return 1000 * static_cast<std::int64_t>(now.tv_sec) + now.tv_nsec / 1000000;
}

/// Whoever stops a process may signal it and its group, as `timeout` does.
void remember_signal(int signal) {
  const std::int64_t now = milliseconds();
  std::int64_t first = 0;
  if (signalled_at.compare_exchange_strong(first, now)) {
    int none = 0;
    caught_signal.compare_exchange_strong(none, signal);
  } else if (now - first > one_request) {
    std::signal(signal, SIG_DFL);
    std::raise(signal);
  }
}

void remember_mpirun(int, siginfo_t* info, void*) {
  const bool running = looked_at == 0 || milliseconds() - looked_at < suspended;
  if (info->si_pid == mpirun && running && caught_signal == 0) caught_signal = SIGINT;
}

ProgressMode resolved(ProgressMode mode) {
  if (mode != ProgressMode::automatic) return mode;
  return isatty(STDERR_FILENO) ? ProgressMode::bar : ProgressMode::none;
}

/// Filled with eighths of a block, so that slow work is seen to move.
std::string bar(double fraction) {
  static constexpr const char* eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const auto units = static_cast<std::size_t>(fraction * static_cast<double>(bar_width * 8));
  std::string text;
  for (std::size_t i = 0; i < units / 8; ++i) text += "█";
  text += eighths[units % 8];
  const std::size_t filled = units / 8 + (units % 8 != 0);
  return text + std::string(bar_width - std::min(bar_width, filled), ' ');
}

}  // namespace

ProgressObserver::ProgressObserver(ProgressMode mode, bool quiet)
    : mode_(quiet ? ProgressMode::none : resolved(mode)), quiet_(quiet), began_(Clock::now()) {}

ProgressObserver::~ProgressObserver() { clear_bar(); }

void ProgressObserver::progress(std::string_view stage, std::size_t done, std::size_t total) {
  if (mode_ == ProgressMode::none || total == 0) return;
  const auto now = Clock::now();
  if (stage != stage_) {
    stage_ = stage;
    stage_began_ = now;
  }
  const bool finished = done >= total && bar_drawn_;
  if (now - began_ < quiet_time || (now - last_shown_ < frame_time && !finished)) return;
  last_shown_ = now;
  const double seconds = Seconds(now - stage_began_).count();
  if (mode_ == ProgressMode::json)
    print_json(stage, done, total, seconds);
  else
    draw_bar(stage, std::min(1.0, static_cast<double>(done) / static_cast<double>(total)), seconds);
}

void ProgressObserver::draw_bar(std::string_view stage, double fraction, double seconds) {
  const std::string left =
      fraction > 0.02 ? fmt::format(", {:.0f} s left", seconds / fraction - seconds) : "";
  fmt::print(stderr, "\r\x1b[K{:<14} ▕{}▏ {:3.0f} %  {:.0f} s{}", printable(stage), bar(fraction),
             100.0 * fraction, seconds, left);
  std::fflush(stderr);
  bar_drawn_ = true;
}

void ProgressObserver::print_json(std::string_view stage, std::size_t done, std::size_t total,
                                  double seconds) {
  const nlohmann::ordered_json line{{"event", "progress"},
                                    {"stage", stage},
                                    {"done", done},
                                    {"total", total},
                                    {"seconds", seconds}};
  fmt::print(stderr, "{}\n", line.dump());
}

void ProgressObserver::clear_bar() {
  if (!bar_drawn_) return;
  fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
  bar_drawn_ = false;
}

void ProgressObserver::log(Level level, std::string_view message) {
  // What is going on belongs to the progress; warnings are for everyone.
  const bool shown =
      level == Level::warning || (level == Level::info && mode_ == ProgressMode::json);
  if (quiet_ || !shown) return;
  clear_bar();
  const char* name = level == Level::warning ? "warning" : "info";
  if (mode_ == ProgressMode::json)
    fmt::print(stderr, "{}\n",
               nlohmann::ordered_json{{"event", name}, {"message", message}}.dump());
  else
    fmt::print(stderr, "warning: {}\n", printable(message));
}

bool ProgressObserver::cancelled() const {
  looked_at = milliseconds();
  return interrupt_signal() != 0;
}

void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = remember_signal;
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  struct sigaction before {};
  sigaction(SIGHUP, nullptr, &before);
  if (before.sa_handler != SIG_IGN) sigaction(SIGHUP, &action, nullptr);  // nohup ignores it
}

void catch_interrupts_of_mpirun() {
  mpirun = getppid();
  struct sigaction action {};
  action.sa_sigaction = remember_mpirun;
  action.sa_flags = static_cast<int>(SA_SIGINFO | SA_RESTART);
  sigaction(SIGCONT, &action, nullptr);
}

int interrupt_signal() {
  if (caught_signal == 0 && mpirun != 0 && getppid() != mpirun) caught_signal = SIGHUP;
  return caught_signal;
}

}  // namespace lodestein::tool
