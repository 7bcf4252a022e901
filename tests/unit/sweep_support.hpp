#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "lodestein/sweep/store.hpp"
#include "lodestein/sweep/sweep.hpp"

namespace lodestein::testing {

/// Seconds are the only thing in which two runs may differ.
inline bool same_result(const SweepRow& a, const SweepRow& b) {
  if (a.cell != b.cell || a.failed != b.failed || a.cause != b.cause ||
      a.diagnosis != b.diagnosis || a.warnings != b.warnings || a.identified != b.identified ||
      a.metrics.size() != b.metrics.size())
    return false;
  for (std::size_t m = 0; m < a.metrics.size(); ++m) {
    const bool both_unknown = std::isnan(a.metrics[m]) && std::isnan(b.metrics[m]);
    if (!both_unknown && a.metrics[m] != b.metrics[m]) return false;
  }
  return true;
}

/// Rows by cell.
inline std::vector<SweepRow> run_all(const SweepPlan& plan, const std::vector<SweepTask>& tasks,
                                     int threads = 2) {
  std::vector<SweepRow> rows(plan.cells.size());
  run_sweep(Backend::cpu(threads), plan, tasks,
            [&](const SweepRow& row) { rows.at(row.cell) = row; });
  return rows;
}

class SweepTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::temp_directory_path() /
              ("lodestein_sweep_" + std::string(test->name()) + "_" + std::to_string(getpid()));
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path store_file() const { return folder_ / "results.db"; }

  std::filesystem::path folder_;
};

/// Milliseconds a cell; 2 x 2 settings of data, 2 methods.
inline const char* small_study = R"(
models = 3
data = "moments"
latents = [2, 3]
observed = 6
samples = [200, 2000]
method = ["likelihood", "lscale"]
)";

}  // namespace lodestein::testing
