#pragma once

#include <chrono>
#include <vector>

#include "lodestein/unmix/learned_model.hpp"

namespace lodestein::unmix {

/// Measures one stage after the other.
class Stopwatch {
 public:
  void lap(std::vector<StageTime>& timings, const char* stage) {
    const auto now = std::chrono::steady_clock::now();
    timings.push_back({stage, std::chrono::duration<double>(now - last_).count()});
    last_ = now;
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

}  // namespace lodestein::unmix
