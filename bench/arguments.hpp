#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "bench/axes.hpp"

namespace lodestein::bench {

/// What the command line asks for.
struct Arguments {
  std::vector<std::string> backends{"cpu"};
  std::vector<int> threads;  ///< empty: 1 and all cores
  Axes axes;
  std::string filter = ".";
  bool quick = false, no_limits = false;
  bool list = false, devices = false, static_gpu = false;  ///< instead of measuring
  int repetitions = 0;                                     ///< 0: 5, with `quick` 1
  double seconds = 0.5;                                    ///< of each benchmark, at least
  double tolerance_scale = 1.0;
  std::vector<std::filesystem::path> outputs;
  std::filesystem::path baseline;
  std::optional<double> fail_if_slower;  ///< percent
  std::vector<std::string> for_google_benchmark;
};

/// @returns what to exit with instead of going on, after --help or a mistake was printed.
std::optional<int> parse(int argc, char** argv, Arguments& arguments);

}  // namespace lodestein::bench
