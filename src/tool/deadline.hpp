#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace lodestein::tool {

/// s after Ctrl-C before a sweep leaves cells that go on behind.
inline constexpr double stop_patience = 0.8;

/// Ends the process if work hasn't stopped `seconds` after Ctrl-C, with the message (none if it is
/// empty) and exit code of an interrupt. Only for work whose results are safe at any moment.
class Deadline {
 public:
  Deadline(double seconds, std::function<std::string()> message);
  ~Deadline();
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

 private:
  void watch();

  double seconds_;
  std::function<std::string()> message_;
  std::mutex mutex_;
  std::condition_variable ended_;
  bool over_ = false;
  std::thread thread_;
};

}  // namespace lodestein::tool
