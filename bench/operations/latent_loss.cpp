#include "kernels/latent_loss.hpp"

#include <memory>

#include "bench/data.hpp"
#include "bench/operations/operations.hpp"

namespace lodestein::bench {
namespace {

using namespace kernels;

Perceptron perceptron(std::size_t inputs, std::size_t hidden, std::size_t outputs) {
  Perceptron result;
  if (hidden == 0) {
    result.layers = 1;
    result.widths = {inputs, outputs};
  } else {
    result.layers = 3;
    result.widths = {inputs, hidden, hidden, outputs};
    result.bias = true;
  }
  return result;
}

// Values and gradient; without hidden units ("p") encoder and decoder are linear but for the link.
Job latent_loss(const Operations& operations, Link link, const Case& size) {
  struct Data {
    Buffer<float> parameters, inputs, differences;
    Buffer<double> values, cotangent, gradient;
    LatentLossProblem problem;
  };
  const std::size_t n = size["n"], m = size["environments"], d = size["d"],
                    latents = size["latents"], hidden = size["p"];
  const Memory& memory = operations.memory();
  auto data = std::make_shared<Data>();
  LatentLossProblem& problem = data->problem;
  problem.encoder = perceptron(d, hidden, latents);
  problem.decoder = perceptron(latents, hidden, d);
  problem.decoder.output = link;
  const std::size_t parameters = problem.encoder.parameters() + problem.decoder.parameters();
  data->parameters = random_buffer<float>(memory, parameters, 0, 0.3);
  data->inputs = random_buffer<float>(memory, n * d, 1);
  data->differences = random_buffer<float>(memory, m * n * d, 2);
  data->cotangent = random_buffer<double>(memory, m * latents, 3);
  data->values = Buffer<double>(memory, m * latents + 1);
  data->gradient = Buffer<double>(memory, parameters);
  problem.parameters = data->parameters.data();
  problem.inputs = {data->inputs.data(), n, d};
  problem.targets = problem.inputs;
  problem.differences = {data->differences.data(), m * n, d};
  problem.mean_absolute = {data->values.data(), m, latents};
  problem.reconstruction = data->values.data() + m * latents;
  problem.cotangent = {data->cotangent.data(), m, latents};
  problem.reconstruction_cotangent = 1.0;
  problem.gradient = data->gradient.data();
  Job job;
  job.work = {.items = static_cast<double>(n), .unit = "points"};
  job.work.fp32 = 3.0 * job.work.items *
                  static_cast<double>(2 * problem.decoder.parameters() * m + 2 * parameters);
  job.work.bytes = 4.0 * job.work.items * static_cast<double>(m * d + 2 * d);
  job.run = [&operations, data] { operations.latent_loss()({&data->problem, 1}); };
  job.sample = [data, parameters] { return first_values(data->gradient, parameters); };
  return job;
}

}  // namespace

void add_latent_loss(const Options& options) {
  const std::size_t points = options.quick ? 200 : 20'000, few = options.quick ? 50 : 500;
  const auto with = [](Link link) {
    return [link](const Operations& operations, Part, const Case& size) {
      return latent_loss(operations, link, size);
    };
  };
  // The second is a step of GSCALE-I in the chart's coordinates, `tanh` one as published.
  add(options, "latent_loss/linear", 1e-4,
      {{{"environments", 6}, {"d", 20}, {"latents", 5}, {"n", points}},
       {{"environments", 8}, {"d", 8}, {"latents", 8}, {"n", few}}},
      with(Link::identity));
  add(options, "latent_loss/tanh", 1e-4,
      {{{"environments", 8}, {"d", 100}, {"latents", 8}, {"n", few}}}, with(Link::tanh));
  add(options, "latent_loss/mlp", 1e-4,
      {{{"environments", 6}, {"d", 20}, {"latents", 5}, {"p", 32}, {"n", points}}},
      with(Link::identity));
}

}  // namespace lodestein::bench
