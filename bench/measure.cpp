#include "bench/measure.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <limits>
#include <memory>
#include <utility>

#include "bench/limits.hpp"
#include "core/peak_memory.hpp"

namespace lodestein::bench {
namespace {

int wrong = 0;

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Largest difference relative to the largest expected value; NaN if anything is.
double relative_error(const std::vector<double>& values, const std::vector<double>& expected) {
  if (values.size() != expected.size()) return std::numeric_limits<double>::infinity();
  double difference = 0.0, scale = 0.0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double error = std::abs(values[i] - expected[i]);
    if (std::isnan(error)) return error;
    difference = std::max(difference, error);
    scale = std::max(scale, std::abs(expected[i]));
  }
  return difference == 0.0 ? 0.0 : difference / scale;
}

// Items a second if the arithmetic, all of which goes through the same ports, or the memory were
// all that there is.
double limit(const Work& work, const Limits& machine) {
  const double arithmetic = work.fp32 / machine.fp32 + work.fp64 / machine.fp64 +
                            work.exponentials / machine.exponentials;
  return work.items / std::max(arithmetic, work.bytes / machine.bytes);
}

// The reference's sample, computed once for all backends and thread counts.
class Oracle {
 public:
  explicit Oracle(MakeJob make) : make_(std::move(make)) {}
  const std::vector<double>& sample() {
    if (sample_.empty()) {
      const Backend reference = Backend::reference();
      const Job job = make_(reference.operations(), Part::sample);
      job.run();
      sample_ = job.sample();
    }
    return sample_;
  }

 private:
  MakeJob make_;
  std::vector<double> sample_;
};

// Of the host.
void count_memory(benchmark::State& state, const PeakMemory& memory) {
  const double megabytes = memory.megabytes();
  if (std::isfinite(megabytes)) state.counters["memory"] = megabytes;
}

void measure(benchmark::State& state, const Backend& backend, const Options& options,
             double tolerance, const MakeJob& make, Oracle& oracle) {
  const kernels::Operations& operations = backend.operations();
  const Job job = make(operations, Part::whole);
  const PeakMemory memory;
  job.run();
  count_memory(state, memory);
  const double error = relative_error(job.sample(), oracle.sample());
  tolerance *= options.tolerance_scale;
  if (!(error <= tolerance)) {
    ++wrong;
    char message[100];
    std::snprintf(message, sizeof message, "wrong answer: relative error %.2g > %.2g", error,
                  tolerance);
    state.SkipWithError(message);
    return;
  }
  double best = std::numeric_limits<double>::infinity();
  for (auto _ : state) {
    const double start = seconds();
    job.run();
    operations.memory().synchronize();
    best = std::min(best, seconds() - start);
  }
  state.SetLabel(job.work.unit);
  state.counters["error"] = error;
  state.counters["throughput"] = job.work.items / best;
  // There is no measurement of a GPU's limits yet.
  if (options.quick || !operations.memory().on_host()) return;
  const double most = limit(job.work, measure_limits(operations.threads()));
  state.counters["limit"] = most;
  state.counters["fraction"] = job.work.items / best / most;
}

std::string full_name(const std::string& name, const Backend& backend) {
  return name + "/backend:" + backend.name() + "/threads:" + std::to_string(backend.threads());
}

}  // namespace

void add(const Options& options, const std::string& name, double tolerance, MakeJob make) {
  const auto oracle = std::make_shared<Oracle>(make);
  for (const Backend& backend : options.backends) {
    const auto timed = [=](benchmark::State& state) {
      measure(state, backend, options, tolerance, make, *oracle);
    };
    benchmark::RegisterBenchmark(full_name(name, backend).c_str(), timed)
        ->Unit(benchmark::kMillisecond);
  }
}

void add_one_call(const Options& options, const std::string& name,
                  std::function<std::function<void()>(const Backend&)> make) {
  const Backend& backend = options.backends.back();
  const auto timed = [=](benchmark::State& state) {
    const std::function<void()> run = make(backend);
    const PeakMemory memory;
    for (auto _ : state) {
      run();
      backend.operations().memory().synchronize();
    }
    count_memory(state, memory);
  };
  benchmark::RegisterBenchmark(full_name(name, backend).c_str(), timed)
      ->Unit(benchmark::kMillisecond)
      ->UseRealTime()
      ->Iterations(1);
}

int wrong_answers() { return wrong; }

}  // namespace lodestein::bench
