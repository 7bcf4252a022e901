// lodestein-bench: times every operation and whole jobs, and checks their answers.
#include <benchmark/benchmark.h>
#include <omp.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "bench/arguments.hpp"
#include "bench/baseline.hpp"
#include "bench/collector.hpp"
#include "bench/jobs/jobs.hpp"
#include "bench/operations/operations.hpp"
#include "bench/tables.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/core/version.hpp"

namespace lodestein::bench {
namespace {

enum Exit { done = 0, failed = 1, slower_than_baseline = 2 };

void add_all(const Options& options) {
  add_difference_moments(options);
  add_features(options);
  add_latent_loss(options);
  add_moments(options);
  add_network(options);
  add_pairwise(options);
  add_simulate(options);
  add_solve(options);
  add_training(options);
  add_score_matching(options);
  add_stein(options);
  add_end_to_end(options);
  add_growth(options);
}

int static_gpu() {
  const std::string script = LODESTEIN_SOURCE_DIR "/scripts/gpu-report";
  if (!std::filesystem::exists(script))
    throw IoError("--static-gpu compiles the kernels' sources and needs " + script +
                  ", which is not on this machine");
  return std::system(script.c_str()) == 0 ? done : failed;
}

std::vector<Backend> open(const Arguments& arguments) {
  std::set<int> threads(arguments.threads.begin(), arguments.threads.end());
  if (threads.empty()) threads = {1, omp_get_num_procs()};
  std::vector<Backend> backends;
  for (const std::string& name : arguments.backends) {
    if (name != "cpu") {
      backends.push_back(Backend::named(name, 1));
    } else {
      for (const int count : threads) backends.push_back(Backend::cpu(count));
    }
  }
  return backends;
}

std::vector<Device> devices_of(const std::vector<Backend>& backends, bool with_limits) {
  std::vector<Device> devices;
  for (const Backend& backend : backends) {
    devices.push_back({backend.name(), backend.threads(), backend.description(), {}});
    if (with_limits) devices.back().limits = measure_limits(backend);
  }
  return devices;
}

// Ours first, so that --benchmark_... options have the last word.
std::vector<std::string> google_benchmark_arguments(const Arguments& arguments) {
  const int repetitions =
      arguments.repetitions > 0 ? arguments.repetitions : (arguments.quick ? 1 : 5);
  const double seconds = arguments.quick ? 0.001 : arguments.seconds / repetitions;
  std::vector<std::string> words{
      "lodestein-bench",
      "--benchmark_filter=" + arguments.filter,
      "--benchmark_min_time=" + std::to_string(seconds),
      "--benchmark_repetitions=" + std::to_string(repetitions),
      "--benchmark_enable_random_interleaving=" + std::string(repetitions > 1 ? "true" : "false"),
      "--benchmark_list_tests=" + std::string(arguments.list ? "true" : "false")};
  for (const std::filesystem::path& file : arguments.outputs) {
    if (file.extension() != ".json") continue;
    words.push_back("--benchmark_out=" + file.string());
    words.push_back("--benchmark_out_format=json");
  }
  words.insert(words.end(), arguments.for_google_benchmark.begin(),
               arguments.for_google_benchmark.end());
  return words;
}

void initialise_google_benchmark(const Arguments& arguments) {
  std::vector<std::string> words = google_benchmark_arguments(arguments);
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  int count = static_cast<int>(pointers.size());
  benchmark::Initialize(&count, pointers.data());
  if (benchmark::ReportUnrecognizedArguments(count, pointers.data()))
    throw InvalidArgument("an option for Google Benchmark is unknown");
}

// To the head of the JSON file.
void add_context(const std::vector<Device>& devices) {
  benchmark::AddCustomContext("lodestein", version);
  for (const Device& d : devices) {
    const std::string key = d.name + "_" + std::to_string(d.threads);
    char text[200];
    std::snprintf(text, sizeof text, "fp32 %.4g fp64 %.4g exp %.4g bytes %.4g", d.limits.fp32,
                  d.limits.fp64, d.limits.exponentials, d.limits.bytes);
    benchmark::AddCustomContext("device_" + key, d.description);
    if (d.limits.bytes > 0.0) benchmark::AddCustomContext("limits_" + key, text);
  }
}

void write(const std::filesystem::path& file, const std::string& text) {
  std::ofstream stream(file);
  stream << text << std::flush;
  if (!stream) throw IoError("cannot write " + file.string());
}

void write_outputs(const Arguments& arguments, const std::vector<Device>& devices,
                   const std::vector<Result>& results, const std::string& comparison) {
  for (const std::filesystem::path& file : arguments.outputs) {
    if (file.extension() == ".csv") write(file, result_csv(results));
    if (file.extension() == ".md")
      write(file, device_table(devices) + "\n" + result_table(results) + "\n" + comparison);
  }
}

Exit verdict(const Arguments& arguments, const std::vector<Result>& results,
             const std::vector<Comparison>& comparisons) {
  for (const Result& result : results) {
    if (!result.failure.empty()) return failed;
  }
  if (!arguments.fail_if_slower) return done;
  for (const Comparison& c : slower(comparisons, *arguments.fail_if_slower)) {
    std::fprintf(stderr, "lodestein-bench: %s is slower: %.3f of what it was\n", c.name.c_str(),
                 c.ratio);
  }
  return slower(comparisons, *arguments.fail_if_slower).empty() ? done : slower_than_baseline;
}

int measure(const Arguments& arguments, const Options& options) {
  const std::vector<Result> before =
      arguments.baseline.empty() ? std::vector<Result>{} : read_results(arguments.baseline);
  const std::vector<Device> devices = devices_of(options.backends, options.limits);
  std::fputs((device_table(devices) + "\n").c_str(), stdout);
  add_context(devices);
  Collector collector;
  if (benchmark::RunSpecifiedBenchmarks(&collector) == 0)
    throw InvalidArgument("no benchmark has such a name and all the axes given; --list shows them");
  const std::vector<Result> results = collector.results();
  const std::vector<Comparison> comparisons = compare(before, results);
  const std::string comparison = arguments.baseline.empty() ? "" : comparison_table(comparisons);
  if (!comparison.empty()) std::fputs(("\n" + comparison).c_str(), stdout);
  write_outputs(arguments, devices, results, comparison);
  return verdict(arguments, results, comparisons);
}

int run(int argc, char** argv) {
  Arguments arguments;
  if (const auto code = parse(argc, argv, arguments)) return *code;
  if (arguments.static_gpu) return static_gpu();
  Options options;
  options.backends = open(arguments);
  options.axes = arguments.axes;
  options.quick = arguments.quick;
  options.limits = !arguments.no_limits && !arguments.quick;
  options.tolerance_scale = arguments.tolerance_scale;
  if (arguments.devices) {
    std::fputs(device_table(devices_of(options.backends, !arguments.no_limits)).c_str(), stdout);
    return done;
  }
  add_all(options);
  initialise_google_benchmark(arguments);
  if (arguments.list) return benchmark::RunSpecifiedBenchmarks() == 0 ? failed : done;
  return measure(arguments, options);
}

}  // namespace
}  // namespace lodestein::bench

int main(int argc, char** argv) {
  try {
    return lodestein::bench::run(argc, argv);
  } catch (const lodestein::Error& error) {
    std::fprintf(stderr, "lodestein-bench: %s\n", error.what());
    return 1;
  }
}
