#include "tool/sweep_entry.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>

namespace lodestein::tool {
namespace {

Summary metric_summary(const std::vector<const StoredRow*>& rows, std::size_t metric) {
  std::vector<double> values;
  for (const StoredRow* row : rows)
    if (row->status == SweepStatus::done && std::isfinite(row->result.metrics.at(metric)))
      values.push_back(row->result.metrics[metric]);
  if (!is_rate(sweep_metrics()[metric].name)) return summarise(values);
  const auto successes =
      std::count_if(values.begin(), values.end(), [](double value) { return value > 0.5; });
  return summarise_rate(static_cast<std::size_t>(successes), values.size());
}

double shd(const SweepRow& row) {
  const auto& metrics = sweep_metrics();
  const auto found = std::find_if(metrics.begin(), metrics.end(),
                                  [](const SweepMetric& metric) { return metric.name == "shd"; });
  return row.metrics.at(static_cast<std::size_t>(found - metrics.begin()));
}

void count_findings(const SweepRow& row, SweepEntry& entry) {
  const std::vector<std::string> codes = warning_codes(row);
  for (const std::string& code : codes) ++entry.findings[code];
  if (row.failed) {
    ++entry.findings[row.cause];
    return;
  }
  const double distance = shd(row);
  entry.silent_and_wrong += codes.empty() && distance > 0.0;
  entry.warned_and_right += !codes.empty() && distance == 0.0;
}

}  // namespace

std::vector<std::string> warning_codes(const SweepRow& row) {
  std::vector<std::string> codes;
  std::istringstream text(row.warnings);
  for (std::string code; std::getline(text >> std::ws, code, ',');) {
    if (std::find(codes.begin(), codes.end(), code) == codes.end()) codes.push_back(code);
  }
  return codes;
}

SweepEntry sweep_entry(const std::vector<const StoredRow*>& rows) {
  SweepEntry entry;
  std::vector<double> seconds;
  for (const StoredRow* row : rows) {
    entry.done += row->status == SweepStatus::done;
    entry.failed += row->status == SweepStatus::failed;
    entry.pending += row->status == SweepStatus::pending;
    if (row->status == SweepStatus::done) seconds.push_back(row->result.fit_seconds);
    if (row->status != SweepStatus::pending) count_findings(row->result, entry);
  }
  entry.seconds = summarise(seconds);
  for (std::size_t m = 0; m < sweep_metrics().size(); ++m)
    entry.metrics.push_back(metric_summary(rows, m));
  return entry;
}

}  // namespace lodestein::tool
