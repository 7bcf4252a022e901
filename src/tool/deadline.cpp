#include "tool/deadline.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <exception>

#include "tool/progress.hpp"
#include "tool/text.hpp"

namespace lodestein::tool {
namespace {

constexpr std::chrono::milliseconds look_up{20};

}  // namespace

Deadline::Deadline(double seconds, std::function<std::string()> message)
    : seconds_(seconds), message_(std::move(message)), thread_([this] { watch(); }) {}

Deadline::~Deadline() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  ended_.notify_one();
  thread_.join();
}

void Deadline::watch() {
  std::unique_lock lock(mutex_);
  const auto over = [this] { return over_; };
  while (interrupt_signal() == 0) {
    if (ended_.wait_for(lock, look_up, over)) return;
  }
  if (ended_.wait_for(lock, std::chrono::duration<double>(seconds_), over)) return;
  std::string message = "stopped";
  try {
    message = message_();
  } catch (const std::exception&) {  // the short message will do
  }
  if (!message.empty()) fmt::print(stderr, "lodestein: {}\n", printable(message));
  std::fflush(stderr);
  _exit(128 + interrupt_signal());
}

}  // namespace lodestein::tool
