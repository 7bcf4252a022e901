#include "lodestein/score/stein.hpp"

#include <memory>

#include "bench/jobs/jobs.hpp"

namespace lodestein::bench {
namespace {

constexpr std::size_t few = 200;

std::vector<double> values_of(const Matrix& m) {
  return {m.data(), m.data() + m.rows() * m.cols()};
}

struct Data {
  Backend backend;
  Dataset whole, few;
  SteinOptions options;
};

std::shared_ptr<Data> make_data(const Backend& backend, Part part, const Case& size,
                                const SteinOptions& options) {
  const std::size_t d = size["d"];
  auto data = std::make_shared<Data>(Data{backend, {}, random_dataset(1, few, d), options});
  data->whole = random_dataset(1, part == Part::whole ? size["n"] : few, d);
  return data;
}

// Score and Hessian diagonal with SCORE's settings; the sample is those of few samples.
Job parity(const Backend& backend, Part part, const Case& size) {
  SteinOptions options;
  options.parity = true;
  const auto data = make_data(backend, part, size, options);
  const auto n = static_cast<double>(size["n"]), d = static_cast<double>(size["d"]);
  Job job;
  job.work = {.items = n, .unit = "samples"};
  job.work.fp32 = n * n * n / 3.0 + n * n * 10.0 * d;
  job.work.exponentials = 2.0 * n * n;
  job.run = [data] {
    const SteinFit fit = fit_stein(data->backend, data->whole, data->options).front();
    fit.in_sample();
    fit.hessian_diagonal();
  };
  job.sample = [data] {
    return values_of(fit_stein(data->backend, data->few, data->options).front().in_sample());
  };
  return job;
}

// The score by Nystrom's method with 1000 centres, or by 1000 Fourier features; the sample is one
// of 50 of these.
Job scalable(const Backend& backend, Part part, const Case& size, KernelSolver solver) {
  SteinOptions options;
  options.solver = solver;
  const auto data = make_data(backend, part, size, options);
  const bool nystrom = solver == KernelSolver::nystrom;
  const auto n = static_cast<double>(size["n"]), m = static_cast<double>(options.centres);
  Job job;
  job.work = {.items = n, .unit = "samples"};
  job.work.fp32 = (nystrom ? 2.0 : 1.0) * n * m * m;
  job.work.exponentials = (nystrom ? 2.0 : 1.0) * n * m;
  job.run = [data] { stein_scores(data->backend, data->whole, data->options); };
  job.sample = [data] {
    SteinOptions one = data->options;
    one.centres = one.features = 50;
    one.ridge = 1.0;
    return values_of(stein_scores(data->backend, data->few, one)
                         .front()
                         .evaluate(data->few.environments.front().samples));
  };
  return job;
}

}  // namespace

void add_stein(const Options& options) {
  const std::size_t dense = options.quick ? few : 4000, many = options.quick ? few : 100000;
  add(options, "stein/parity_with_hessian", 2e-2, {{{"d", 10}, {"n", dense}}}, parity);
  const std::pair<const char*, KernelSolver> solvers[] = {{"nystrom", KernelSolver::nystrom},
                                                          {"fourier", KernelSolver::fourier}};
  for (const auto& [name, solver] : solvers) {
    add(options, std::string("stein/") + name, 2e-2, {{{"d", 10}, {"n", many}}},
        [solver = solver](const Backend& backend, Part part, const Case& size) {
          return scalable(backend, part, size, solver);
        });
  }
}

}  // namespace lodestein::bench
