#include "kernels/training.hpp"

#include <memory>

#include "bench/data.hpp"
#include "bench/operations/operations.hpp"

namespace lodestein::bench {
namespace {

using namespace kernels;

constexpr std::size_t checked_steps = 2;  // the reference is slow

struct Size {
  std::uint32_t d, width;
  std::size_t batch, samples, steps, networks;
};

NetworkShape two_hidden(std::uint32_t inputs, std::uint32_t width) {
  NetworkShape shape;
  shape.inputs = shape.outputs = inputs;
  shape.depth = 2;
  shape.hidden[0] = shape.hidden[1] = width;
  return shape;
}

// Many score networks of the exact loss, each with samples and minibatches of its own; the sample
// is the first one's parameters after few steps.
Job training(const Operations& operations, Part part, const Size& size) {
  struct Data {
    std::vector<float> start;
    std::vector<Buffer<float>> samples, parameters;
    std::vector<TrainingProblem> problems;
  };
  const NetworkShape shape = two_hidden(size.d, size.width);
  const std::size_t networks = part == Part::whole ? size.networks : 1;
  const Memory& memory = operations.memory();
  auto data = std::make_shared<Data>();
  data->start = initial_parameters(shape, RandomStream(Seed{2}, Purpose::test));
  for (std::size_t k = 0; k < networks; ++k) {
    data->samples.push_back(random_buffer<float>(memory, size.samples * size.d, k));
    data->parameters.emplace_back(memory, data->start);
    TrainingProblem problem;
    problem.shape = shape;
    problem.loss = Loss::exact;
    problem.samples = {data->samples.back().data(), size.samples, size.d};
    problem.batch = size.batch;
    problem.steps = part == Part::whole ? size.steps : 0;  // all that the sample needs is below
    problem.key = PhiloxKey{{static_cast<std::uint32_t>(k), 7}};
    problem.parameters = data->parameters.back().data();
    data->problems.push_back(problem);
  }
  Job job;
  const double p = size.width, d = size.d;
  job.work = {.items = static_cast<double>(networks * size.steps), .unit = "steps"};
  job.work.fp32 = job.work.items * 2.0 * static_cast<double>(size.batch) * (6 * p * p + 5 * d * p);
  job.run = [&operations, data] {
    for (Buffer<float>& parameters : data->parameters) parameters.upload(data->start);
    operations.training()(data->problems);
  };
  job.sample = [&operations, data] {
    TrainingProblem problem = data->problems[0];
    problem.steps = checked_steps;
    data->parameters[0].upload(data->start);
    operations.training()({&problem, 1});
    return first_values(data->parameters[0], data->start.size());
  };
  return job;
}

}  // namespace

void add_training(const Options& options) {
  const std::size_t batch = options.quick ? 32 : 512, steps = options.quick ? 2 : 20;
  const std::uint32_t shapes[][2] = {{5, 32}, {20, 64}, {100, 128}};
  for (const auto& [d, width] : shapes) {
    const Size size{d, width, batch, 4096, steps, 4};
    // Adam divides by the root of a gradient that may be near 0, which blows rounding up.
    add(options,
        "training/exact/d:" + std::to_string(d) + "/p:" + std::to_string(width) +
            "/batch:" + std::to_string(batch),
        1e-3, [size](const Operations& operations, Part part) {
          return training(operations, part, size);
        });
  }
}

}  // namespace lodestein::bench
