// Is this run slower or faster than an earlier one, by more than chance?
#pragma once

#include <string>
#include <vector>

#include "bench/results.hpp"

namespace lodestein::bench {

enum class Change { faster, slower, none, unknown, added, mended, failed, not_run };

struct Comparison {
  std::string name, unit;
  double before = 0.0, now = 0.0;  ///< medians of the rates; NaN if there is none
  double ratio = 0.0;              ///< now / before: above 1 is faster; NaN if one lacks
  /// By what factor the medians of two runs of the same program may differ, from the spread of the
  /// repetitions of both; NaN if one has a single repetition.
  double noise = 0.0;
  Change change = Change::none;
};

/// Each benchmark of this run with the one of the same name, then those that were not run again. Of
/// two runs of one program with five
/// repetitions each, whose logarithms are normal, less than one comparison in a hundred is `faster`
/// or `slower`.
std::vector<Comparison> compare(const std::vector<Result>& before, const std::vector<Result>& now);

/// Markdown without those that were not run, and below it a sentence with the number of changes.
std::string comparison_table(const std::vector<Comparison>& comparisons);

/// Those that are slower beyond the noise and by more than `percent`.
std::vector<Comparison> slower(const std::vector<Comparison>& comparisons, double percent);

}  // namespace lodestein::bench
