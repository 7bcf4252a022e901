#include "bench/measure.hpp"

#include <benchmark/benchmark.h>
#include <omp.h>

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

constexpr double infinity = std::numeric_limits<double>::infinity();

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Largest difference relative to the largest expected value; NaN if anything is.
double relative_error(const std::vector<double>& values, const std::vector<double>& expected) {
  if (values.size() != expected.size()) return infinity;
  double difference = 0.0, scale = 0.0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double error = std::abs(values[i] - expected[i]);
    if (std::isnan(error)) return error;
    difference = std::max(difference, error);
    scale = std::max(scale, std::abs(expected[i]));
  }
  return difference == 0.0 ? 0.0 : difference / scale;
}

// Items a second if arithmetic or memory were all that there is.
double limit(const Work& work, const Limits& machine) {
  const double fp32 = work.fp32 / machine.fp32, fp64 = work.fp64 / machine.fp64,
               exponentials = work.exponentials / machine.exponentials;
  const double arithmetic =
      machine.one_pipeline ? fp32 + fp64 + exponentials : std::max({fp32, fp64, exponentials});
  return work.items / std::max(arithmetic, work.bytes / machine.bytes);
}

// The reference's sample of one case, computed once for all backends and repetitions.
class Oracle {
 public:
  Oracle(MakeJob make, Case size) : make_(std::move(make)), size_(std::move(size)) {}
  const std::vector<double>& sample() {
    if (sample_.empty()) {
      const Backend reference = Backend::reference();
      const Job job = make_(reference, Part::sample, size_);
      job.run();
      sample_ = job.sample();
    }
    return sample_;
  }

 private:
  MakeJob make_;
  Case size_;
  std::vector<double> sample_;
};

// What the first repetition found out, for all of them.
struct Check {
  bool done = false;
  std::string failure;
  std::vector<std::pair<std::string, double>> counters;
};

// Code outside the kernels, such as simulation, uses OpenMP's number of threads.
void use_threads_of(const Backend& backend) {
  const bool host = backend.operations().memory().on_host();
  omp_set_num_threads(host ? std::max(1, backend.threads()) : omp_get_num_procs());
}

// Of the host.
void count_memory(benchmark::State& state, const PeakMemory& memory) {
  const double megabytes = memory.megabytes();
  if (std::isfinite(megabytes)) state.counters["memory"] = megabytes;
}

// One benchmark on one backend.
class Timed {
 public:
  Timed(const Options& options, Backend backend, double tolerance, MakeJob make, Case size,
        std::shared_ptr<Oracle> oracle)
      : backend_(std::move(backend)),
        make_(std::move(make)),
        size_(std::move(size)),
        oracle_(std::move(oracle)),
        tolerance_(tolerance),
        scale_(options.tolerance_scale),
        default_sizes_(options.axes.empty()),
        limits_(options.limits && !options.quick && backend_.name() != "simt") {}

  void operator()(benchmark::State& state) {
    use_threads_of(backend_);
    try {
      if (check_.failure.empty()) measure(state);
    } catch (const std::exception& error) {
      check_.failure = error.what();
    }
    if (!check_.failure.empty()) state.SkipWithError(check_.failure.c_str());
  }

 private:
  void measure(benchmark::State& state) {
    const Job job = make_(backend_, Part::whole, size_);
    const kernels::Memory& device = backend_.operations().memory();
    const PeakMemory memory;
    job.run();  // the first call is not timed
    device.synchronize();
    count_memory(state, memory);
    if (!check_.done) check(job);
    if (!check_.failure.empty()) return;
    double best = infinity;
    for (auto _ : state) {
      const double start = seconds();
      job.run();
      device.synchronize();
      best = std::min(best, seconds() - start);
    }
    state.SetLabel(job.work.unit);
    for (const auto& [name, value] : check_.counters) state.counters[name] = value;
    state.counters["seconds"] = best;
    state.counters["throughput"] = job.work.items / best;
    if (most_ > 0.0) {
      state.counters["limit"] = most_;
      state.counters["fraction"] = job.work.items / best / most_;
    }
  }

  void check(const Job& job) {
    check_.done = true;
    if (job.sample) check_sample(job);
    if (job.quality) check_quality(job);
    const Work& work = job.work;
    const bool declared = work.fp32 + work.fp64 + work.exponentials + work.bytes > 0.0;
    if (limits_ && declared) most_ = limit(work, measure_limits(backend_));
  }

  void check_sample(const Job& job) {
    const double error = relative_error(job.sample(), oracle_->sample());
    check_.counters.emplace_back("error", error);
    if (!(error <= scale_ * tolerance_)) fail("relative error", error, scale_ * tolerance_);
  }

  void check_quality(const Job& job) {
    for (const auto& [name, value, most] : job.quality()) {
      check_.counters.emplace_back(name, value);
      if (default_sizes_ && !(value <= scale_ * most)) fail(name, value, scale_ * most);
    }
  }

  void fail(const std::string& what, double value, double most) {
    char numbers[64];
    std::snprintf(numbers, sizeof numbers, " %.2g > %.2g", value, most);
    check_.failure = "wrong answer: " + what + numbers;
  }

  Backend backend_;
  MakeJob make_;
  Case size_;
  std::shared_ptr<Oracle> oracle_;
  double tolerance_, scale_;
  bool default_sizes_, limits_;
  Check check_;
  double most_ = 0.0;  // items a second that the machine allows; 0: unknown
};

void time_one_call(benchmark::State& state, const Backend& backend,
                   const std::function<void()>& run) {
  use_threads_of(backend);
  const PeakMemory memory;
  const double start = seconds();
  for (auto _ : state) {
    run();
    backend.operations().memory().synchronize();
  }
  state.counters["seconds"] = seconds() - start;
  count_memory(state, memory);
}

std::string full_name(const std::string& name, const Case& size, const Backend& backend) {
  return name + size.name() + "/backend:" + backend.name() +
         "/threads:" + std::to_string(backend.threads());
}

}  // namespace

void add(const Options& options, const std::string& name, double tolerance,
         const std::vector<Case>& defaults, const MakeJob& make) {
  for (const Case& size : apply(options.axes, defaults)) {
    const auto oracle = std::make_shared<Oracle>(make, size);
    for (const Backend& backend : options.backends) {
      const auto timed = std::make_shared<Timed>(options, backend, tolerance, make, size, oracle);
      benchmark::RegisterBenchmark(full_name(name, size, backend).c_str(),
                                   [timed](benchmark::State& state) { (*timed)(state); })
          ->Unit(benchmark::kMillisecond)
          ->UseRealTime();
    }
  }
}

void add(const Options& options, const std::string& name, double tolerance,
         const std::vector<Case>& defaults, const MakeOperation& make) {
  add(options, name, tolerance, defaults,
      MakeJob([make](const Backend& backend, Part part, const Case& size) {
        return make(backend.operations(), part, size);
      }));
}

void add(const Options& options, const std::string& name, const std::vector<Case>& defaults,
         const MakeJob& make) {
  add(options, name, 0.0, defaults, make);
}

void add_one_call(const Options& options, const std::string& name,
                  const std::vector<Case>& defaults,
                  const std::function<std::function<void()>(const Backend&, const Case&)>& make) {
  const Backend& backend = options.backends.back();
  for (const Case& size : apply(options.axes, defaults)) {
    const auto timed = [=](benchmark::State& state) {
      try {
        time_one_call(state, backend, make(backend, size));
      } catch (const std::exception& error) {
        state.SkipWithError(error.what());
      }
    };
    benchmark::RegisterBenchmark(full_name(name, size, backend).c_str(), timed)
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime()
        ->Iterations(1)
        ->Repetitions(1);
  }
}

}  // namespace lodestein::bench
