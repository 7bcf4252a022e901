#include "kernels/network.hpp"

#include <memory>

#include "bench/data.hpp"
#include "bench/operations/operations.hpp"

namespace lodestein::bench {
namespace {

using namespace kernels;

constexpr std::uint32_t inputs = 20, width = 64;

NetworkShape two_hidden(std::uint32_t outputs) {
  NetworkShape shape;
  shape.inputs = inputs;
  shape.outputs = outputs;
  shape.depth = 2;
  shape.hidden[0] = shape.hidden[1] = width;
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
  data->samples = random_buffer<float>(memory, n * inputs, 0);
  data->directions = random_buffer<float>(memory, n * inputs, 1);
  data->gradient = Buffer<float>(memory, shape.parameters());
  data->value = Buffer<double>(memory, 1);
  std::vector<std::int32_t> labels(n);
  for (std::size_t k = 0; k < n; ++k) labels[k] = static_cast<std::int32_t>(k % 2);
  data->labels = Buffer<std::int32_t>(memory, labels);
  return data;
}

double forward_flops(std::uint32_t outputs) {
  return 2.0 * width * (width + inputs + outputs);  // per sample
}

Job evaluate(const Operations& operations, Part part, std::size_t n) {
  const std::size_t rows = part == Part::whole ? n : std::min<std::size_t>(n, 64);
  const NetworkShape shape = two_hidden(inputs);
  const auto data = draw(operations.memory(), shape, n);
  data->gradient = Buffer<float>(operations.memory(), rows * inputs);
  NetworkEvaluation problem;
  problem.shape = shape;
  problem.parameters = data->parameters.data();
  problem.samples = {data->samples.data(), rows, inputs};
  problem.outputs = {data->gradient.data(), rows, inputs};
  Job job;
  job.work = {.items = static_cast<double>(rows), .unit = "samples"};
  job.work.fp32 = job.work.items * forward_flops(inputs);
  job.work.bytes = 8.0 * inputs * job.work.items;
  job.run = [&operations, data, problem] { operations.network().evaluate({&problem, 1}); };
  job.sample = [data, n] { return first_values(data->gradient, std::min<std::size_t>(n, 64)); };
  return job;
}

// Value and gradient of one loss.
Job loss(const Operations& operations, std::size_t n, Loss kind, std::uint32_t outputs,
         double flops) {
  const NetworkShape shape = two_hidden(outputs);
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
  job.work.fp32 = job.work.items * flops;
  job.work.bytes = 8.0 * inputs * job.work.items;
  job.run = [&operations, data, problem] { operations.network().loss({&problem, 1}); };
  job.sample = [data] { return first_values(data->gradient, data->gradient.size()); };
  return job;
}

// One Adam step of many parameters.
Job adam(const Operations& operations, std::size_t n) {
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
  const std::size_t n = options.quick ? 300 : 8192;
  const std::string size = "/d:20/p:64/n:" + std::to_string(n);
  add(options, "network/evaluate" + size, tolerance,
      [n](const Operations& operations, Part part) { return evaluate(operations, part, n); });
  const auto add_loss = [&](const std::string& name, Loss kind, std::uint32_t outputs,
                            double flops) {
    add(options, "network/" + name + size, tolerance, [=](const Operations& operations, Part) {
      return loss(operations, n, kind, outputs, flops);
    });
  };
  add_loss("exact", Loss::exact, inputs, 2.0 * (6.0 * width * width + 5.0 * inputs * width));
  add_loss("sliced_reduced", Loss::sliced_reduced, inputs, 6.0 * forward_flops(inputs));
  add_loss("energy_sliced_reduced", Loss::energy_sliced_reduced, 1, 6.0 * forward_flops(1));
  add_loss("denoising", Loss::denoising, inputs, 6.0 * forward_flops(inputs));  // at +-e
  add_loss("logistic", Loss::logistic, 1, 3.0 * forward_flops(1));
  const std::size_t parameters = options.quick ? 10'000 : 10'000'000;
  add(options, "network/adam/n:" + std::to_string(parameters), tolerance,
      [parameters](const Operations& operations, Part) { return adam(operations, parameters); });
}

}  // namespace lodestein::bench
