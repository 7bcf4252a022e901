#include "bench/tables.hpp"

#include <cmath>
#include <cstdio>
#include <set>
#include <utility>

namespace lodestein::bench {
namespace {

template <class... Values>
std::string format(const char* pattern, Values... values) {
  char text[512];
  std::snprintf(text, sizeof text, pattern, values...);
  return text;
}

// Of a counter, or "" if there is none.
std::string cell(const Result& result, const std::string& counter, const char* pattern) {
  const auto found = result.counters.find(counter);
  return found == result.counters.end() ? "" : format(pattern, found->second);
}

std::string spread_cell(const Result& result) {
  const double spread = result.spread();
  return std::isnan(spread) ? "" : format("%.1f%%", 100.0 * spread);
}

std::string rate_cell(const Result& result) { return quantity(result.rate()) + result.unit + "/s"; }

std::string limit_cell(const Result& result) {
  const auto found = result.counters.find("limit");
  return found == result.counters.end() ? "" : quantity(found->second);
}

// "1-MCC 0.002, SHD 0"
std::string quality_cell(const Result& result) {
  std::string text;
  for (const std::string& name : quality_names({result}))
    text += (text.empty() ? "" : ", ") + name + " " + cell(result, name, "%.3g");
  return text;
}

std::string error_cell(const Result& result) { return cell(result, "error", "%.1e"); }

// Quoted where a comma or a quote would break the row.
std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

std::string limit_text(double value) { return value > 0.0 ? quantity(value) : ""; }

}  // namespace

std::string quantity(double value) {
  constexpr std::pair<double, const char*> prefixes[] = {
      {1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}};
  for (const auto& [scale, prefix] : prefixes) {
    if (value >= scale) return format("%.3g %s", value / scale, prefix);
  }
  return format("%.3g ", value);
}

std::string device_table(const std::vector<Device>& devices) {
  std::string text =
      "| backend | threads | device | fp32 [flop/s] | fp64 [flop/s] | exponentials [1/s] | copy "
      "[byte/s] |\n|---|---|---|---|---|---|---|\n";
  for (const Device& d : devices) {
    text += "| " + d.name + " | " + std::to_string(d.threads) + " | " + d.description + " | " +
            limit_text(d.limits.fp32) + " | " + limit_text(d.limits.fp64) + " | " +
            limit_text(d.limits.exponentials) + " | " + limit_text(d.limits.bytes) + " |\n";
  }
  return text;
}

std::string result_table(const std::vector<Result>& results) {
  std::string text =
      "| benchmark | speed | spread | limit | fraction | error | quality | seconds | MiB |\n"
      "|---|---|---|---|---|---|---|---|---|\n";
  for (const Result& r : results) {
    if (!r.failure.empty()) {
      text += "| " + r.name + " | **" + r.failure + "** | | | | | | | |\n";
      continue;
    }
    text += "| " + r.name + " | " + rate_cell(r) + " | " + spread_cell(r) + " | " + limit_cell(r) +
            " | " + cell(r, "fraction", "%.2f") + " | " + error_cell(r) + " | " + quality_cell(r) +
            " | " + cell(r, "seconds", "%.3g") + " | " + cell(r, "memory", "%.0f") + " |\n";
  }
  return text;
}

std::string result_csv(const std::vector<Result>& results) {
  std::set<std::string> axes;
  for (const Result& result : results) {
    for (const auto& [axis, value] : result.axes()) axes.insert(axis);
  }
  for (const char* first : {"", "backend", "threads"}) axes.erase(first);
  const std::vector<std::string> qualities = quality_names(results);
  std::string text = "benchmark,backend,threads";
  for (const std::string& axis : axes) text += "," + axis;
  text += ",unit,rate,spread,seconds,limit,fraction,error,memory_mib";
  for (const std::string& quality : qualities) text += "," + csv_field(quality);
  text += ",repetitions,failure\n";
  for (const Result& r : results) {
    std::map<std::string, std::string> its = r.axes();
    text += its[""] + "," + its["backend"] + "," + its["threads"];
    for (const std::string& axis : axes) text += "," + its[axis];
    text += "," + r.unit + "," + (r.rates.empty() ? "" : format("%.9g", r.rate())) + "," +
            (r.rates.size() < 2 ? "" : format("%.3g", r.spread()));
    for (const char* counter : {"seconds", "limit", "fraction", "error", "memory"})
      text += "," + cell(r, counter, "%.9g");
    for (const std::string& quality : qualities) text += "," + cell(r, quality, "%.9g");
    text += "," + std::to_string(r.rates.size()) + "," + csv_field(r.failure) + "\n";
  }
  return text;
}

std::string terminal_header() {
  return format("%-76s %18s %7s %8s %8s  %s\n", "benchmark", "speed", "spread", "fraction", "MiB",
                "error or quality");
}

std::string terminal_line(const Result& r) {
  if (!r.failure.empty()) return format("%-76s ", r.name.c_str()) + r.failure + "\n";
  return format("%-76s %18s %7s %8s %8s  ", r.name.c_str(), rate_cell(r).c_str(),
                spread_cell(r).c_str(), cell(r, "fraction", "%.2f").c_str(),
                cell(r, "memory", "%.0f").c_str()) +
         error_cell(r) + quality_cell(r) + "\n";
}

}  // namespace lodestein::bench
