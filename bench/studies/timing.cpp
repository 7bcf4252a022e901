#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <ctime>

#include "bench/studies/studies.hpp"

namespace lodestein::studies {
namespace {

double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct Times {
  double wall = 0.0, cpu = 0.0;
};

template <class Job>
Times median_times(std::size_t runs, const Job& job) {
  std::vector<double> wall, cpu;
  for (std::size_t run = 0; run < runs; ++run) {
    const double w = wall_seconds(), c = cpu_seconds();
    job(run);
    cpu.push_back(cpu_seconds() - c);
    wall.push_back(wall_seconds() - w);
  }
  std::sort(wall.begin(), wall.end());
  std::sort(cpu.begin(), cpu.end());
  return {wall[runs / 2], cpu[runs / 2]};
}

void report(const char* job, const Times& times) {
  std::printf("| %s | %.4f | %.4f |\n", job, times.wall, times.cpu);
  std::fflush(stdout);
}

void time_refinement(std::size_t latents, std::size_t runs) {
  StudyOptions options;
  options.latent.latents = latents;
  options.mixing.observed = latents;
  options.mixing.minimum_conditioning = latents > 10 ? 0.01 : 0.1;
  options.samples = 50000;
  std::vector<LinearStudy> studies;
  for (std::size_t run = 0; run < runs; ++run) {
    studies.push_back(simulate_moments(options, Seed{300 + run}));
  }
  FitOptions fit_options;
  fit_options.null_splits = 0;
  const Backend backend = Backend::cpu(1);
  double shd = 0.0;
  const Times times = median_times(runs, [&](std::size_t run) {
    shd += score(studies[run], fit(backend, studies[run].moments, fit_options)).shd;
  });
  char name[128];
  std::snprintf(name, sizeof name,
                "LSCALE-I, order search and pruning from moments, n = %zu, N = 50k (mean SHD %.2f)",
                latents, shd / static_cast<double>(runs));
  report(name, times);
}

// Throughput of the moments kernel on one thread beside that of a plain copy of the same samples;
// a result that differs from the reference backend's is no result.
void time_moments(std::size_t features, std::size_t samples) {
  Environment environment{"", {}, Matrix(samples, features)};
  Draws draws = RandomStream(Seed{1}, Purpose::test).at(0);
  for (std::size_t i = 0; i < samples * features; ++i) {
    environment.samples.data()[i] = draws.uniform();
  }
  Dataset dataset{std::vector<std::string>(features), {environment}, {}};
  const Backend backend = Backend::cpu(1);
  const Times times = median_times(9, [&](std::size_t) { compute_moments(backend, dataset); });
  Matrix copy(samples, features);
  const Times copying = median_times(9, [&](std::size_t) {
    std::copy_n(environment.samples.data(), samples * features, copy.data());
  });
  dataset.environments[0].samples = Matrix(
      ConstMatrixView(environment.samples.data(), std::min<std::size_t>(samples, 2000), features));
  const Matrix fast = compute_moments(backend, dataset)[0].covariance;
  const Matrix slow = compute_moments(Backend::reference(), dataset)[0].covariance;
  double error = 0.0;
  for (std::size_t i = 0; i < features * features; ++i) {
    error = std::max(error, std::abs(fast.data()[i] - slow.data()[i]));
  }
  const double pairs = 0.5 * static_cast<double>(samples * features * (features + 1));
  if (error > 1e-12) {
    std::printf("| moments, d = %zu: WRONG by %g | | |\n", features, error);
    return;
  }
  std::printf(
      "| moments, d = %zu: %.1f G multiply-adds/s, %.1f times the time of a copy | %.4f | "
      "%.4f |\n",
      features, 1e-9 * pairs / times.wall, times.wall / copying.wall, times.wall, times.cpu);
}

}  // namespace

void timing(std::size_t runs) {
  std::printf("| job | wall [s] | CPU [s] |\n|---|---|---|\n");
  {
    StudyOptions options;
    options.samples = 50000;
    const Study study = simulate_study(options, Seed{7});
    const Backend backend = Backend::cpu(1);
    report("fit n = 5, d = 100, 6 environments of 50k samples from memory, 1 thread, median",
           median_times(std::max<std::size_t>(3, runs / 10),
                        [&](std::size_t) { fit(backend, study.dataset, {}, Seed{7}); }));
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    std::printf(
        "| peak memory of that process, data (240 MB), true latents and fit | %.0f MB | |\n",
        static_cast<double>(usage.ru_maxrss) / 1024.0);
  }
  time_refinement(8, std::max<std::size_t>(3, runs / 5));
  time_refinement(20, std::clamp<std::size_t>(runs / 20, 3, 5));
  for (const std::size_t features : {5, 20, 50, 100, 300})
    time_moments(features, 20000000 / features);
}

}  // namespace lodestein::studies
