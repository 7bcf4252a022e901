#include "kernels/network.hpp"

#include <memory>

#include "bench/data.hpp"
#include "bench/operations/operations.hpp"

namespace lodestein::bench {
namespace {

using namespace kernels;

NetworkShape two_hidden(const Case& size, std::size_t outputs) {
  NetworkShape shape;
  shape.inputs = static_cast<std::uint32_t>(size["d"]);
  shape.outputs = static_cast<std::uint32_t>(outputs);
  shape.depth = 2;
  shape.hidden[0] = shape.hidden[1] = static_cast<std::uint32_t>(size["p"]);
  return shape;
}

struct Data {
  Buffer<float> parameters, samples, directions, gradient, first, second;
  Buffer<std::int32_t> labels;
  Buffer<double> value;
};

std::shared_ptr<Data> draw(const Memory& memory, const NetworkShape& shape, std::size_t n) {
  auto data = std::make_shared<Data>();
  data->parameters =
      Buffer<float>(memory, initial_parameters(shape, RandomStream(Seed{2}, Purpose::test)));
  data->samples = random_buffer<float>(memory, n * shape.inputs, 0);
  data->directions = random_buffer<float>(memory, n * shape.inputs, 1);
  data->gradient = Buffer<float>(memory, shape.parameters());
  data->value = Buffer<double>(memory, 1);
  std::vector<std::int32_t> labels(n);
  for (std::size_t k = 0; k < n; ++k) labels[k] = static_cast<std::int32_t>(k % 2);
  data->labels = Buffer<std::int32_t>(memory, labels);
  return data;
}

// Per sample.
double forward_flops(const Case& size, std::size_t outputs) {
  return 2.0 * static_cast<double>(size["p"] * (size["p"] + size["d"] + outputs));
}

Job evaluate(const Operations& operations, Part part, const Case& size) {
  const std::size_t n = size["n"], inputs = size["d"];
  const std::size_t rows = part == Part::whole ? n : std::min<std::size_t>(n, 64);
  const NetworkShape shape = two_hidden(size, inputs);
  const auto data = draw(operations.memory(), shape, n);
  data->gradient = Buffer<float>(operations.memory(), rows * inputs);
  NetworkEvaluation problem;
  problem.shape = shape;
  problem.parameters = data->parameters.data();
  problem.samples = {data->samples.data(), rows, inputs};
  problem.outputs = {data->gradient.data(), rows, inputs};
  Job job;
  job.work = {.items = static_cast<double>(rows), .unit = "samples"};
  job.work.fp32 = job.work.items * forward_flops(size, inputs);
  job.work.bytes = 8.0 * static_cast<double>(inputs) * job.work.items;
  job.run = [&operations, data, problem] { operations.network().evaluate({&problem, 1}); };
  job.sample = [data, n] { return first_values(data->gradient, std::min<std::size_t>(n, 64)); };
  return job;
}

std::size_t outputs_of(Loss kind, const Case& size) {
  return kind == Loss::logistic || kind == Loss::energy_sliced_reduced ? 1 : size["d"];
}

// Per sample, backward pass included.
double loss_flops(Loss kind, const NetworkShape& shape, const Case& size) {
  const auto p = static_cast<double>(size["p"]), d = static_cast<double>(size["d"]);
  const double k = shape.outputs;
  double forward = forward_flops(size, shape.outputs);
  if (shape.causal) forward += 2.0 * k * (d + k);  // with its skip
  if (kind == Loss::exact) return 2.0 * (6.0 * p * p + 5.0 * d * p);
  return kind == Loss::logistic ? 3.0 * forward : 6.0 * forward;  // denoising: at +-e
}

// Value and gradient of one loss; the causal head has a latent for each input.
Job loss(const Operations& operations, Loss kind, bool causal, const Case& size) {
  const std::size_t n = size["n"], inputs = size["d"];
  NetworkShape shape = two_hidden(size, causal ? inputs : outputs_of(kind, size));
  shape.skip = shape.causal = causal;
  const auto data = draw(operations.memory(), shape, n);
  NetworkLoss problem;
  problem.shape = shape;
  problem.loss = kind;
  problem.parameters = data->parameters.data();
  problem.samples = {data->samples.data(), n, inputs};
  if (kind == Loss::logistic) problem.labels = data->labels.data();
  if (sliced_loss(kind)) problem.directions = {data->directions.data(), n, inputs};
  if (denoising_loss(kind)) problem.sigma = 0.2f;
  problem.value = data->value.data();
  problem.gradient = data->gradient.data();
  Job job;
  job.work = {.items = static_cast<double>(n), .unit = "samples"};
  job.work.fp32 = job.work.items * loss_flops(kind, shape, size);
  job.work.bytes = 8.0 * static_cast<double>(inputs) * job.work.items;
  job.run = [&operations, data, problem] { operations.network().loss({&problem, 1}); };
  job.sample = [data] { return first_values(data->gradient, data->gradient.size()); };
  return job;
}

// One Adam step of many parameters.
Job adam(const Operations& operations, Part, const Case& size) {
  const std::size_t n = size["parameters"];
  const Memory& memory = operations.memory();
  auto data = std::make_shared<Data>();
  data->gradient = random_buffer<float>(memory, n, 0);
  data->parameters = Buffer<float>(memory, n);
  data->first = Buffer<float>(memory, n);
  data->second = Buffer<float>(memory, n);
  data->parameters.clear();
  data->first.clear();
  data->second.clear();
  Job job;
  job.work = {.items = static_cast<double>(n), .unit = "parameters"};
  job.work.bytes = 28.0 * job.work.items;
  job.run = [&operations, data, step = std::make_shared<std::uint64_t>(0)] {
    AdamStep problem;
    problem.step = ++*step;
    problem.size = data->gradient.size();
    problem.gradient = data->gradient.data();
    problem.parameters = data->parameters.data();
    problem.first = data->first.data();
    problem.second = data->second.data();
    operations.network().adam({&problem, 1});
  };
  job.sample = [data] {
    return first_values(data->parameters, std::min<std::size_t>(1000, data->parameters.size()));
  };
  return job;
}

}  // namespace

void add_network(const Options& options) {
  constexpr double tolerance = 1e-4;  // fp32 gradients, summed over thousands of samples
  const Case size{{"d", 20}, {"p", 64}, {"n", options.quick ? 300 : 8192}};
  add(options, "network/evaluate", tolerance, {size}, evaluate);
  const std::pair<const char*, Loss> losses[] = {
      {"exact", Loss::exact},
      {"sliced_reduced", Loss::sliced_reduced},
      {"energy_sliced_reduced", Loss::energy_sliced_reduced},
      {"denoising", Loss::denoising},
      {"logistic", Loss::logistic}};
  for (const auto& [name, kind] : losses) {
    add(options, std::string("network/") + name, tolerance, {size},
        [kind = kind](const Operations& operations, Part, const Case& its) {
          return loss(operations, kind, false, its);
        });
  }
  add(options, "network/causal", tolerance, {size},
      [](const Operations& operations, Part, const Case& its) {
        return loss(operations, Loss::logistic, true, its);
      });
  add(options, "network/adam", tolerance, {{{"parameters", options.quick ? 10'000 : 10'000'000}}},
      adam);
}

}  // namespace lodestein::bench
