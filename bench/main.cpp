// lodestein-bench: times every operation and checks its answer.
#include <benchmark/benchmark.h>
#include <omp.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>
#include <vector>

#include "bench/jobs/jobs.hpp"
#include "bench/limits.hpp"
#include "bench/operations/operations.hpp"
#include "lodestein/core/error.hpp"

namespace lodestein::bench {
namespace {

constexpr const char* help =
    "lodestein-bench [options] [--benchmark_filter=REGEX --benchmark_out=FILE ...]\n\n"
    "  --backend NAME     reference, cpu (default), cuda or simt\n"
    "  --threads N        of the cpu backend (default: 1 and all cores, each in its turn)\n"
    "  --quick            small sizes, no limits: are the answers right?\n"
    "  --tolerance X      scales every tolerance (default 1; 0 must make everything fail)\n"
    "  --static-gpu       runs scripts/gpu-report: registers, occupancy, bounds of the kernels\n\n"
    "Every answer is compared with the reference backend's before it is timed; exit code 1 if one\n"
    "is wrong. Counters: throughput of the best call, in the label's unit per second; limit, what\n"
    "this machine's arithmetic or memory would allow, measured in the same run; fraction of it;\n"
    "error relative to the largest value; memory, the highest of this process during a call above\n"
    "what it had before, in MiB.\n\n"
    "growth/... are single calls of estimators with more and more samples or environments, on all\n"
    "cores; not with --quick.\n\n";

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
  add_growth(options);
}

[[noreturn]] void fail(const std::string& message) {
  std::fprintf(stderr, "lodestein-bench: %s; see --help\n", message.c_str());
  std::exit(1);
}

// The whole text must be a number within the bounds.
template <class T>
T number(const std::string& name, const std::string& text, T least, T most) {
  T value{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || !(value >= least && value <= most))
    fail(name + ": '" + text + "' is not a number from " + std::to_string(least) + " to " +
         std::to_string(most));
  return value;
}

struct Arguments {
  std::string backend = "cpu";
  std::set<int> threads;
  bool static_gpu = false;
  Options options;
};

// Takes our own arguments out of argv.
Arguments parse(int& argc, char** argv) {
  Arguments result;
  int kept = 1;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    const auto value = [&]() -> std::string {
      if (++i == argc) fail(name + " needs a value");
      return argv[i];
    };
    if (name == "--backend") {
      result.backend = value();
    } else if (name == "--threads") {
      result.threads.insert(number(name, value(), 1, 1024));
    } else if (name == "--tolerance") {
      result.options.tolerance_scale = number(name, value(), 0.0, 1e6);
    } else if (name == "--quick") {
      result.options.quick = true;
    } else if (name == "--static-gpu") {
      result.static_gpu = true;
    } else if (name == "--help") {
      std::fputs(help, stdout);
      argv[kept++] = argv[i];  // Google Benchmark's options follow
    } else {
      argv[kept++] = argv[i];
    }
  }
  argc = kept;
  if (result.threads.empty()) result.threads = {1, omp_get_num_procs()};
  return result;
}

std::vector<Backend> open(const Arguments& arguments) {
  if (arguments.backend != "cpu") return {Backend::named(arguments.backend, 1)};
  std::vector<Backend> backends;
  for (const int threads : arguments.threads) backends.push_back(Backend::cpu(threads));
  return backends;
}

// To the head of the report.
void add_limits(const std::vector<Backend>& backends) {
  for (const Backend& backend : backends) {
    if (backend.name() != "cpu") continue;
    const Limits limits = measure_limits(backend.threads());
    char text[200];
    std::snprintf(text, sizeof text, "fp32 %.4g fp64 %.4g exp %.4g bytes %.4g", limits.fp32,
                  limits.fp64, limits.exponentials, limits.bytes);
    benchmark::AddCustomContext("limits_" + std::to_string(backend.threads()), text);
  }
}

int run(int argc, char** argv) {
  Arguments arguments = parse(argc, argv);
  if (arguments.static_gpu) return std::system(LODESTEIN_SOURCE_DIR "/scripts/gpu-report") != 0;
  std::vector<char*> theirs(argv, argv + argc);
  static char brief[] = "--benchmark_min_time=0.001";
  if (arguments.options.quick) theirs.insert(theirs.begin() + 1, brief);
  argc = static_cast<int>(theirs.size());
  argv = theirs.data();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  arguments.options.backends = open(arguments);
  add_all(arguments.options);
  benchmark::AddCustomContext("backend", arguments.options.backends.back().description());
  if (!arguments.options.quick) add_limits(arguments.options.backends);
  if (benchmark::RunSpecifiedBenchmarks() == 0) fail("no benchmark has such a name");
  return wrong_answers() == 0 ? 0 : 1;
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
