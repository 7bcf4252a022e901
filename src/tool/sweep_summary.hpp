#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lodestein/evaluate/summary.hpp"
#include "lodestein/sweep/store.hpp"

namespace lodestein::tool {

/// How a metric is shown: its title, and whether it is 0 or 1 for each model.
std::string metric_title(const std::string& name);
bool is_rate(const std::string& name);

std::optional<double> number_of(const SweepValue& value);

/// The models of one method at one setting of the data.
struct SweepEntry {
  std::vector<Summary> metrics;  ///< as sweep_metrics(), over the fits that know a number
  Summary seconds;               ///< of a fit
  std::size_t done = 0, failed = 0, pending = 0;
  /// Fits with a warning or a cause of failure of that code.
  std::map<std::string, std::size_t> findings;
  std::size_t silent_and_wrong = 0;  ///< done without a warning, SHD above 0
  std::size_t warned_and_right = 0;  ///< done with a warning, SHD 0

  std::size_t planned() const { return done + failed + pending; }
};

/// A published value, under the name of its column.
struct SweepReference {
  std::string label;
  const PublishedValue* value = nullptr;
};

/// One setting of the data within a group.
struct SweepPoint {
  std::vector<SweepValue> values;   ///< of the group's fields
  std::vector<SweepEntry> entries;  ///< as the group's methods
  std::vector<SweepReference> references;
};

/// The cells of one group, by the data fields that vary within it.
struct SweepGroup {
  std::string name;
  std::vector<std::string> fields;    ///< data fields that vary, in their order
  std::vector<std::string> constant;  ///< "field = value": the others that aren't at their default
  std::vector<std::string> methods;   ///< with the options by which they differ
  std::vector<SweepPoint> points;     ///< ascending
  std::vector<std::size_t> metrics;   ///< with a number, the main ones first
  std::size_t main_metrics = 0;       ///< how many of these are shown without being asked for

  /// Distinct numbers of field `which`, ascending; empty if any value is a word.
  std::vector<double> numbers(std::size_t which) const;
};

/// @param table must outlive the result.
std::vector<SweepGroup> sweep_groups(const SweepTable& table);
/// All groups as one, which shows what doesn't vary within any.
SweepGroup pooled_groups(const SweepTable& table);

/// "samples = 1000, latents = 5".
std::string point_text(const SweepGroup& group, const SweepPoint& point);
/// The published value of a point in a column, or null.
const PublishedValue* published_at(const SweepPoint& point, const std::string& metric,
                                   const std::string& label);
/// Names of published values of one metric, in order of appearance.
std::vector<std::string> published_labels(const SweepGroup& group, const std::string& metric);

/// Whether values of that label were published of that method, whatever its other options.
bool published_of(const std::string& label, const std::string& method);

/// A column of a metric's table.
struct SweepColumn {
  std::string label;
  std::optional<std::size_t> method;  ///< of the group; empty: published values
};
/// What was published of a method stands before it, what names no method of the group comes first.
std::vector<SweepColumn> sweep_columns(const SweepGroup& group, const std::string& metric);

/// Fits that failed for the same reason, or that carry the same warning.
struct SweepFinding {
  std::string code;
  std::string diagnosis;  ///< of the first failure
  std::string key;        ///< of the first cell
  std::size_t count = 0;
  std::vector<std::pair<std::string, std::size_t>> methods, groups;
};
/// Most frequent first.
std::vector<SweepFinding> sweep_failures(const SweepTable& table);
std::vector<SweepFinding> sweep_warnings(const SweepTable& table);

/// "0.031 ± 0.017", mean and standard error; a rate with its interval: "0.93 [0.86, 0.97]".
std::string estimate_text(const Summary& summary, bool rate = false);

}  // namespace lodestein::tool
