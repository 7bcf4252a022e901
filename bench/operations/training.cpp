#include "kernels/training.hpp"

#include <memory>

#include "bench/data.hpp"
#include "bench/operations/operations.hpp"

namespace lodestein::bench {
namespace {

using namespace kernels;

constexpr std::size_t checked_steps = 2;  // the reference is slow

constexpr std::size_t networks = 4, samples = 4096;

NetworkShape two_hidden(const Case& size) {
  NetworkShape shape;
  shape.inputs = shape.outputs = static_cast<std::uint32_t>(size["d"]);
  shape.depth = 2;
  shape.hidden[0] = shape.hidden[1] = static_cast<std::uint32_t>(size["p"]);
  return shape;
}

// Many score networks of the exact loss, each with samples and minibatches of its own; the sample
// is the first one's parameters after few steps.
Job training(const Operations& operations, Part part, const Case& size, std::size_t steps) {
  struct Data {
    std::vector<float> start;
    std::vector<Buffer<float>> samples, parameters;
    std::vector<TrainingProblem> problems;
  };
  const NetworkShape shape = two_hidden(size);
  const std::size_t count = part == Part::whole ? networks : 1, batch = size["batch"];
  const Memory& memory = operations.memory();
  auto data = std::make_shared<Data>();
  data->start = initial_parameters(shape, RandomStream(Seed{2}, Purpose::test));
  for (std::size_t k = 0; k < count; ++k) {
    data->samples.push_back(random_buffer<float>(memory, samples * shape.inputs, k));
    data->parameters.emplace_back(memory, data->start);
    TrainingProblem problem;
    problem.shape = shape;
    problem.loss = Loss::exact;
    problem.samples = {data->samples.back().data(), samples, shape.inputs};
    problem.batch = batch;
    problem.steps = part == Part::whole ? steps : 0;  // all that the sample needs is below
    problem.key = PhiloxKey{{static_cast<std::uint32_t>(k), 7}};
    problem.parameters = data->parameters.back().data();
    data->problems.push_back(problem);
  }
  Job job;
  const auto p = static_cast<double>(size["p"]), d = static_cast<double>(size["d"]);
  job.work = {.items = static_cast<double>(count * steps), .unit = "steps"};
  job.work.fp32 = job.work.items * 2.0 * static_cast<double>(batch) * (6 * p * p + 5 * d * p);
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
  // Adam divides by the root of a gradient that may be near 0, which blows rounding up.
  add(options, "training/exact", 1e-3,
      {{{"d", 5}, {"p", 32}, {"batch", batch}},
       {{"d", 20}, {"p", 64}, {"batch", batch}},
       {{"d", 100}, {"p", 128}, {"batch", batch}}},
      [steps](const Operations& operations, Part part, const Case& size) {
        return training(operations, part, size, steps);
      });
}

}  // namespace lodestein::bench
