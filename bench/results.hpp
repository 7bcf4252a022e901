// What the repetitions of each benchmark gave, from this run or from a file of an earlier one.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace lodestein::bench {

/// One benchmark on one backend.
struct Result {
  std::string name;  ///< "moments/d:5/n:1000/backend:cpu/threads:1"
  std::string unit = "calls";
  std::vector<double> rates{};  ///< units a second by the best call of each repetition
  /// Medians over the repetitions: seconds, limit, fraction, error, memory (MiB), and by other
  /// names the quality of an estimate. What wasn't measured is not there.
  std::map<std::string, double> counters{};
  std::string failure{};  ///< why there is no rate; empty if there is one

  double rate() const;  ///< median
  /// Standard deviation of a repetition's rate relative to it; NaN of fewer than two repetitions.
  double spread() const;
  /// `name` taken apart: "" -> "moments", "d" -> "5", "backend" -> "cpu".
  std::map<std::string, std::string> axes() const;
};

double median(std::vector<double> values);

/// Names of `counters` that tell the quality of an estimate.
std::vector<std::string> quality_names(const std::vector<Result>& results);

/// Of a file that `--out FILE.json` wrote. @throws IoError naming the file.
std::vector<Result> read_results(const std::filesystem::path& file);

}  // namespace lodestein::bench
