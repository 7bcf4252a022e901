// Results as text for people and for spreadsheets.
#pragma once

#include <string>
#include <vector>

#include "bench/limits.hpp"
#include "bench/results.hpp"

namespace lodestein::bench {

/// Three digits and a prefix: 1234 -> "1.23 k".
std::string quantity(double value);

/// A backend and what it reaches; zeros where that wasn't measured.
struct Device {
  std::string name;  ///< "cpu", "cuda", ...
  int threads = 1;
  std::string description;
  Limits limits{};
};

/// Markdown.
std::string device_table(const std::vector<Device>& devices);
/// Markdown: rate, spread, limit, fraction, error, quality and memory of each.
std::string result_table(const std::vector<Result>& results);
/// One row a benchmark with a column for every axis, counter and quality; empty where it has none.
std::string result_csv(const std::vector<Result>& results);

/// The columns of one line on a terminal, and the line of one result.
std::string terminal_header();
std::string terminal_line(const Result& result);

}  // namespace lodestein::bench
