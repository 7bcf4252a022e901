#include "bench/collector.hpp"

#include <algorithm>
#include <cstdio>

#include "bench/tables.hpp"

namespace lodestein::bench {
namespace {

Result result_of(const std::vector<benchmark::BenchmarkReporter::Run>& runs) {
  Result result{runs.front().run_name.function_name};
  std::map<std::string, std::vector<double>> counters;
  for (const auto& run : runs) {
    if (run.run_type != benchmark::BenchmarkReporter::Run::RT_Iteration) continue;
    if (run.error_occurred) {
      result.failure = run.error_message;
      continue;
    }
    if (!run.report_label.empty()) result.unit = run.report_label;
    for (const auto& [name, counter] : run.counters) counters[name].push_back(counter.value);
    const auto rate = run.counters.find("throughput");
    result.rates.push_back(rate != run.counters.end() ? rate->second.value
                                                      : 1.0 / run.counters.at("seconds").value);
  }
  counters.erase("throughput");
  for (const auto& [name, values] : counters) result.counters[name] = median(values);
  return result;
}

}  // namespace

bool Collector::ReportContext(const Context&) {
  std::fputs(terminal_header().c_str(), stdout);
  return true;
}

void Collector::ReportRuns(const std::vector<Run>& runs) {
  // Google Benchmark reports its own means of the repetitions apart.
  if (runs.empty() || runs.front().run_type != Run::RT_Iteration) return;
  results_.emplace_back(runs.front().family_index, result_of(runs));
  std::fputs(terminal_line(results_.back().second).c_str(), stdout);
  std::fflush(stdout);
}

std::vector<Result> Collector::results() const {
  auto sorted = results_;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Result> results;
  for (auto& [index, result] : sorted) results.push_back(std::move(result));
  return results;
}

}  // namespace lodestein::bench
