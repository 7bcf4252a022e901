#include "lodestein/score/stein.hpp"

#include <memory>

#include "bench/jobs/jobs.hpp"

namespace lodestein::bench {
namespace {

constexpr std::size_t d = 10, few = 200;

std::vector<double> values_of(const Matrix& m) {
  return {m.data(), m.data() + m.rows() * m.cols()};
}

struct Data {
  Backend backend;
  Dataset whole, few;
  SteinOptions options;
};

std::shared_ptr<Data> make_data(const kernels::Operations& operations, Part part, std::size_t n,
                                const SteinOptions& options) {
  auto data = std::make_shared<Data>(Data{Backend::named(operations.name(), operations.threads()),
                                          {},
                                          random_dataset(1, few, d),
                                          options});
  data->whole = random_dataset(1, part == Part::whole ? n : few, d);
  return data;
}

// Score and Hessian diagonal with SCORE's settings; the sample is those of few samples.
Job parity(const kernels::Operations& operations, Part part, std::size_t n) {
  SteinOptions options;
  options.parity = true;
  const auto data = make_data(operations, part, n, options);
  const auto size = static_cast<double>(n);
  Job job;
  job.work = {.items = size, .unit = "samples"};
  job.work.fp32 = size * size * size / 3.0 + size * size * 10.0 * double{d};
  job.work.exponentials = 2.0 * size * size;
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
Job scalable(const kernels::Operations& operations, Part part, std::size_t n, KernelSolver solver) {
  SteinOptions options;
  options.solver = solver;
  const auto data = make_data(operations, part, n, options);
  const bool nystrom = solver == KernelSolver::nystrom;
  const auto size = static_cast<double>(n), m = static_cast<double>(options.centres);
  Job job;
  job.work = {.items = size, .unit = "samples"};
  job.work.fp32 = (nystrom ? 2.0 : 1.0) * size * m * m;
  job.work.exponentials = (nystrom ? 2.0 : 1.0) * size * m;
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
  add(options, "stein/parity_with_hessian/d:10/n:" + std::to_string(dense), 2e-2,
      [dense](const auto& operations, Part part) { return parity(operations, part, dense); });
  const std::pair<const char*, KernelSolver> solvers[] = {{"nystrom", KernelSolver::nystrom},
                                                          {"fourier", KernelSolver::fourier}};
  for (const auto& [name, solver] : solvers) {
    add(options, std::string("stein/") + name + "/d:10/n:" + std::to_string(many), 2e-2,
        [solver = solver, many](const auto& operations, Part part) {
          return scalable(operations, part, many, solver);
        });
  }
}

}  // namespace lodestein::bench
