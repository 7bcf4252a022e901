#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace lodestein::tool {

/// Ends the process if work hasn't stopped `seconds` after Ctrl-C, with the message and exit code
/// of an interrupt. Only for work whose results are safe at any moment.
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
