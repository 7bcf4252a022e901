#include "bench/results.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "lodestein/core/error.hpp"

namespace lodestein::bench {
namespace {

const std::set<std::string> measured{"seconds",  "throughput", "limit",
                                     "fraction", "error",      "memory"};
// What Google Benchmark writes about each run beside our counters.
const std::set<std::string> theirs{"family_index", "per_family_instance_index",
                                   "repetitions",  "repetition_index",
                                   "threads",      "iterations",
                                   "real_time",    "cpu_time"};

// Until the threads, without what Google Benchmark appends.
std::string our_name(const std::string& name) {
  const std::size_t threads = name.find("/threads:");
  return threads == std::string::npos ? name : name.substr(0, name.find('/', threads + 1));
}

double seconds_of(const nlohmann::json& run) {
  if (run.contains("seconds")) return run["seconds"];
  const std::string unit = run.value("time_unit", "ns");
  const double scale = unit == "s" ? 1.0 : unit == "ms" ? 1e-3 : unit == "us" ? 1e-6 : 1e-9;
  return run.at("real_time").get<double>() * scale;
}

void add_run(Result& result, std::map<std::string, std::vector<double>>& counters,
             const nlohmann::json& run) {
  if (run.value("error_occurred", false)) {
    result.failure = run.value("error_message", "failed");
    return;
  }
  const double seconds = seconds_of(run);
  result.unit = run.value("label", result.unit);
  result.rates.push_back(run.value("throughput", 1.0 / seconds));
  for (const auto& [key, value] : run.items()) {
    if (value.is_number() && theirs.count(key) == 0 && key != "throughput")
      counters[key].push_back(value);
  }
  if (!run.contains("seconds")) counters["seconds"].push_back(seconds);
}

}  // namespace

double median(std::vector<double> values) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : 0.5 * (values[half - 1] + values[half]);
}

double Result::rate() const { return median(rates); }

double Result::spread() const {
  const auto count = static_cast<double>(rates.size());
  if (rates.size() < 2) return std::numeric_limits<double>::quiet_NaN();
  double mean = 0.0, square = 0.0;
  for (const double r : rates) mean += std::log(r) / count;
  for (const double r : rates) square += std::pow(std::log(r) - mean, 2);
  return std::sqrt(square / (count - 1.0));
}

std::map<std::string, std::string> Result::axes() const {
  std::map<std::string, std::string> found;
  std::istringstream parts(name);
  for (std::string part; std::getline(parts, part, '/');) {
    const std::size_t colon = part.find(':');
    if (colon == std::string::npos) {
      found[""] += (found[""].empty() ? "" : "/") + part;
    } else {
      found[part.substr(0, colon)] = part.substr(colon + 1);
    }
  }
  return found;
}

std::vector<std::string> quality_names(const std::vector<Result>& results) {
  std::set<std::string> names;
  for (const Result& result : results) {
    for (const auto& [name, value] : result.counters) {
      if (measured.count(name) == 0) names.insert(name);
    }
  }
  return {names.begin(), names.end()};
}

std::vector<Result> read_results(const std::filesystem::path& file) {
  std::ifstream stream(file);
  if (!stream) throw IoError("cannot read " + file.string());
  std::vector<Result> results;
  std::vector<std::map<std::string, std::vector<double>>> counters;
  try {
    const nlohmann::json all = nlohmann::json::parse(stream);
    for (const nlohmann::json& run : all.at("benchmarks")) {
      if (run.value("run_type", "iteration") != "iteration") continue;
      const std::string name = our_name(run.at("name"));
      auto found = std::find_if(results.begin(), results.end(),
                                [&](const Result& r) { return r.name == name; });
      if (found == results.end()) {
        found = results.insert(results.end(), Result{name});
        counters.emplace_back();
      }
      add_run(*found, counters[static_cast<std::size_t>(found - results.begin())], run);
    }
  } catch (const nlohmann::json::exception& error) {
    throw IoError(file.string() + " is not a file of lodestein-bench --out: " + error.what());
  }
  for (std::size_t k = 0; k < results.size(); ++k) {
    for (const auto& [name, values] : counters[k]) results[k].counters[name] = median(values);
  }
  return results;
}

}  // namespace lodestein::bench
