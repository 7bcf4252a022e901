#include "bench/baseline.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "bench/tables.hpp"

namespace lodestein::bench {
namespace {

constexpr double not_there = std::numeric_limits<double>::quiet_NaN();

const Result* find(const std::vector<Result>& results, const std::string& name) {
  const auto found =
      std::find_if(results.begin(), results.end(), [&](const Result& r) { return r.name == name; });
  return found == results.end() ? nullptr : &*found;
}

// Twice the standard deviation of the difference of two repetitions. That of two medians of five
// is about half as large, so that this is between three and four of its standard deviations: room
// for what differs between runs and not within one.
double noise_of(const Result& before, const Result& now) {
  return std::exp(2.0 * std::hypot(before.spread(), now.spread()));
}

Change change_of(double ratio, double noise) {
  if (std::isnan(noise)) return Change::unknown;
  if (ratio > noise) return Change::faster;
  return ratio < 1.0 / noise ? Change::slower : Change::none;
}

Comparison compare_one(const Result* before, const Result& now) {
  Comparison c{now.name, now.unit, not_there, now.rate(), not_there, not_there, Change::added};
  if (before != nullptr && before->failure.empty()) {
    c.before = before->rate();
    c.ratio = c.now / c.before;
    c.noise = noise_of(*before, now);
    c.change = change_of(c.ratio, c.noise);
  } else if (before != nullptr) {
    c.change = Change::mended;
  }
  if (!now.failure.empty()) c.change = Change::failed;
  return c;
}

const char* word(Change change) {
  switch (change) {
    case Change::faster:
      return "**faster**";
    case Change::slower:
      return "**slower**";
    case Change::none:
      return "within noise";
    case Change::unknown:
      return "noise unknown";
    case Change::added:
      return "new";
    case Change::mended:
      return "failed before";
    case Change::failed:
      return "**failed**";
    case Change::not_run:
      return "not run";
  }
  return "";
}

std::string ratio_cell(double ratio) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", ratio);
  return std::isnan(ratio) ? "" : text;
}

std::string noise_cell(double noise) {
  char text[32];
  std::snprintf(text, sizeof text, "±%.1f%%", 100.0 * (noise - 1.0));
  return std::isnan(noise) ? "" : text;
}

std::string rate_cell(double rate, const std::string& unit) {
  return std::isnan(rate) ? "" : quantity(rate) + unit + "/s";
}

}  // namespace

std::vector<Comparison> compare(const std::vector<Result>& before, const std::vector<Result>& now) {
  std::vector<Comparison> all;
  for (const Result& result : now) all.push_back(compare_one(find(before, result.name), result));
  for (const Result& result : before) {
    if (find(now, result.name) == nullptr)
      all.push_back({result.name, result.unit, result.rate(), not_there, not_there, not_there,
                     Change::not_run});
  }
  return all;
}

std::string comparison_table(const std::vector<Comparison>& comparisons) {
  std::string text =
      "| benchmark | before | now | ratio | noise | verdict |\n|---|---|---|---|---|---|\n";
  std::size_t compared = 0, faster = 0, slower = 0, unknown = 0, not_run = 0;
  for (const Comparison& c : comparisons) {
    not_run += c.change == Change::not_run;
    if (c.change == Change::not_run) continue;
    text += "| " + c.name + " | " + rate_cell(c.before, c.unit) + " | " + rate_cell(c.now, c.unit) +
            " | " + ratio_cell(c.ratio) + " | " + noise_cell(c.noise) + " | " + word(c.change) +
            " |\n";
    compared += !std::isnan(c.ratio);
    faster += c.change == Change::faster;
    slower += c.change == Change::slower;
    unknown += c.change == Change::unknown;
  }
  text += "\n" + std::to_string(compared) + " compared; beyond the noise are " +
          std::to_string(faster) + " faster and " + std::to_string(slower) + " slower.";
  if (unknown > 0)
    text += " The noise of " + std::to_string(unknown) +
            " is unknown: take --repetitions 5 in both runs.";
  if (not_run > 0) text += " " + std::to_string(not_run) + " of the baseline were not run.";
  return text + "\n";
}

std::vector<Comparison> slower(const std::vector<Comparison>& comparisons, double percent) {
  std::vector<Comparison> found;
  std::copy_if(comparisons.begin(), comparisons.end(), std::back_inserter(found),
               [&](const Comparison& c) {
                 return c.change == Change::slower && c.ratio < 1.0 - percent / 100.0;
               });
  return found;
}

}  // namespace lodestein::bench
