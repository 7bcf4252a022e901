#include "kernels/simulate.hpp"

#include <memory>

#include "bench/data.hpp"
#include "bench/operations/operations.hpp"

namespace lodestein::bench {
namespace {

using namespace kernels;

// A linear model in which every node has all nodes before it as parents.
struct Model {
  Buffer<std::uint32_t> order, parents, begin;
  Buffer<double> weights, factor, variance;
  ScmView scm;
  RegimeView regime;
};

Model dense_linear_model(const Memory& memory, std::uint32_t n) {
  std::vector<std::uint32_t> order, parents, begin{0};
  for (std::uint32_t i = 0; i < n; ++i) {
    order.push_back(i);
    for (std::uint32_t j = 0; j < i; ++j) parents.push_back(j);
    begin.push_back(static_cast<std::uint32_t>(parents.size()));
  }
  Model model{Buffer<std::uint32_t>(memory, order),
              Buffer<std::uint32_t>(memory, parents),
              Buffer<std::uint32_t>(memory, begin),
              random_buffer<double>(memory, parents.size(), 0, 0.3),
              Buffer<double>(memory, std::vector<double>(n, 1.0)),
              Buffer<double>(memory, std::vector<double>(n, 1.0)),
              {},
              {}};
  model.scm.latents = n;
  model.scm.order = model.order.data();
  model.scm.parents = model.parents.data();
  model.scm.parents_begin = model.scm.parameters_begin = model.begin.data();
  model.scm.parameters = model.weights.data();
  model.regime = {model.factor.data(), model.variance.data()};
  return model;
}

struct Data {
  Model model;
  Buffer<double> matrix, latents, out;
};

std::shared_ptr<Data> draw(const Memory& memory, const Case& size, std::size_t columns) {
  const std::size_t latents = size["latents"];
  auto data = std::make_shared<Data>();
  data->model = dense_linear_model(memory, static_cast<std::uint32_t>(latents));
  data->matrix = random_buffer<double>(memory, size["d"] * latents, 1);
  data->latents = random_buffer<double>(memory, size["n"] * latents, 2);
  data->out = Buffer<double>(memory, size["n"] * columns);
  return data;
}

double edges(std::size_t latents) { return 0.5 * static_cast<double>(latents * (latents - 1)); }

Job finish(const std::shared_ptr<Data>& data, std::size_t n, double fp64, double bytes,
           std::function<void()> run) {
  Job job;
  job.work = {.items = static_cast<double>(n), .unit = "samples"};
  job.work.fp64 = fp64 * job.work.items;
  job.work.bytes = bytes * job.work.items;
  job.run = std::move(run);
  job.sample = [data] {
    return first_values(data->out, std::min<std::size_t>(1000, data->out.size()));
  };
  return job;
}

Job sample(const Operations& operations, Part, const Case& size) {
  const std::size_t n = size["n"], latents = size["latents"];
  const auto data = draw(operations.memory(), size, latents);
  SampleProblem problem;
  problem.model = data->model.scm;
  problem.regime = data->model.regime;
  problem.stream = PhiloxStream(Seed{1}, Purpose::latent_noise);
  problem.latents = {data->out.data(), n, latents};
  const double bytes = 8.0 * static_cast<double>(latents);
  return finish(data, n, 2.0 * edges(latents), bytes, [&operations, data, problem] {
    operations.simulate().sample({&problem, 1});
  });
}

Job score(const Operations& operations, Part, const Case& size) {
  const std::size_t n = size["n"], latents = size["latents"];
  const auto data = draw(operations.memory(), size, latents);
  ScoreProblem problem;
  problem.model = data->model.scm;
  problem.regime = data->model.regime;
  problem.latents = {data->latents.data(), n, latents};
  problem.scores = {data->out.data(), n, latents};
  const double bytes = 16.0 * static_cast<double>(latents);
  return finish(data, n, 4.0 * edges(latents), bytes, [&operations, data, problem] {
    operations.simulate().score({&problem, 1});
  });
}

Job mix(const Operations& operations, Part, const Case& size) {
  const std::size_t n = size["n"], latents = size["latents"], observed = size["d"];
  const auto data = draw(operations.memory(), size, observed);
  MixProblem problem;
  problem.matrices[0] = {data->matrix.data(), observed, latents};
  problem.latents = {data->latents.data(), n, latents};
  problem.observed = {data->out.data(), n, observed};
  const double flops = 2.0 * static_cast<double>(latents * observed);
  const double bytes = 8.0 * static_cast<double>(latents + observed);
  return finish(data, n, flops, bytes, [&operations, data, problem] {
    operations.simulate().mix({&problem, 1});
  });
}

}  // namespace

void add_simulate(const Options& options) {
  const std::size_t n = options.quick ? 500 : 500'000;
  add(options, "simulate/sample", 1e-12, {{{"latents", 10}, {"n", n}}}, sample);
  add(options, "simulate/score", 1e-12, {{{"latents", 10}, {"n", n}}}, score);
  add(options, "simulate/mix", 1e-12, {{{"latents", 10}, {"d", 100}, {"n", n}}}, mix);
}

}  // namespace lodestein::bench
