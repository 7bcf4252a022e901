#include "tool/sweep_findings.hpp"

#include <map>

namespace lodestein::tool {
namespace {

using Row = std::vector<std::string>;

/// Codes of all findings of the group, most frequent first.
std::vector<std::string> codes_of(const SweepGroup& group) {
  std::map<std::string, std::size_t> counts;
  for (const SweepPoint& point : group.points)
    for (const SweepEntry& entry : point.entries)
      for (const auto& [code, count] : entry.findings) counts[code] += count;
  std::multimap<std::size_t, std::string, std::greater<>> ordered;
  for (const auto& [code, count] : counts) ordered.emplace(count, code);
  std::vector<std::string> codes;
  for (const auto& [count, code] : ordered) codes.push_back(code);
  return codes;
}

Row row_of(const SweepPoint& point, const std::string& method, const SweepEntry& entry,
           const std::vector<std::string>& codes) {
  const std::size_t run = entry.done + entry.failed;
  const auto rate = [&](std::size_t count, std::size_t of) {
    return estimate_text(summarise_rate(count, of), true);
  };
  Row row;
  for (const SweepValue& value : point.values) row.push_back(to_text(value));
  row.push_back(method);
  for (const std::string& code : codes) {
    const auto found = entry.findings.find(code);
    row.push_back(rate(found == entry.findings.end() ? 0 : found->second, run));
  }
  row.push_back(rate(entry.silent_and_wrong, run));
  row.push_back(rate(entry.warned_and_right, run));
  return row;
}

}  // namespace

std::vector<std::vector<std::string>> findings_table(const SweepGroup& group) {
  const std::vector<std::string> codes = codes_of(group);
  if (codes.empty()) return {};
  std::vector<Row> rows{group.fields};
  rows.front().push_back("method");
  rows.front().insert(rows.front().end(), codes.begin(), codes.end());
  rows.front().insert(rows.front().end(), {"no finding, SHD > 0", "warned, SHD = 0"});
  for (const SweepPoint& point : group.points)
    for (std::size_t m = 0; m < group.methods.size(); ++m)
      if (point.entries[m].done + point.entries[m].failed > 0)
        rows.push_back(row_of(point, group.methods[m], point.entries[m], codes));
  return rows;
}

}  // namespace lodestein::tool
