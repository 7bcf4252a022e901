#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "bench/results.hpp"

namespace lodestein::bench {

/// Prints a line for each benchmark when its last repetition is done, and keeps what it measured.
class Collector : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context& context) override;
  void ReportRuns(const std::vector<Run>& runs) override;
  /// In the order in which the benchmarks were added.
  std::vector<Result> results() const;

 private:
  std::vector<std::pair<std::int64_t, Result>> results_;  // with that order
};

}  // namespace lodestein::bench
