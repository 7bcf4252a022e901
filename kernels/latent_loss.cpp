#include "kernels/latent_loss.hpp"

#include <cmath>
#include <string>

#include "kernels/arguments.hpp"

namespace lodestein::kernels {
namespace {

void check_network(const Arguments& arguments, const std::string& name, const Perceptron& network) {
  arguments.require(network.layers <= Perceptron::most_layers,
                    name + ": layers = " + std::to_string(network.layers) + ", the most is " +
                        std::to_string(Perceptron::most_layers));
  for (std::size_t l = 0; l <= network.layers; ++l) {
    arguments.require(network.widths[l] >= 1 && network.widths[l] <= LatentLoss::most_width,
                      name + ": widths[" + std::to_string(l) +
                          "] = " + std::to_string(network.widths[l]) + ": must be 1 to " +
                          std::to_string(LatentLoss::most_width));
  }
}

void check(const LatentLossProblem& p, const Arguments& arguments) {
  check_network(arguments, "encoder", p.encoder);
  check_network(arguments, "decoder", p.decoder);
  arguments.require(p.decoder.layers >= 1, "decoder has no layer");
  const std::size_t points = p.inputs.rows, latents = p.decoder.inputs();
  if (p.encoder.outputs() != latents) {
    arguments.mismatch("encoder gives " + std::to_string(p.encoder.outputs()) +
                       " latents, decoder takes " + std::to_string(latents));
  }
  arguments.require(points >= 1, "inputs have no rows");
  arguments.shape("inputs", p.inputs, points, p.encoder.inputs());
  arguments.shape("differences", p.differences, p.mean_absolute.rows * points, p.decoder.outputs());
  arguments.shape("mean_absolute", p.mean_absolute, p.mean_absolute.rows, latents);
  const bool targets = p.targets.data != nullptr;
  if (targets) arguments.shape("targets", p.targets, points, p.decoder.outputs());
  arguments.require(targets || p.reconstruction == nullptr, "reconstruction without targets");
  arguments.require(targets || p.reconstruction_cotangent == 0.0,
                    "reconstruction_cotangent without targets");
  arguments.present("parameters", p.parameters);
  arguments.require(p.smoothing >= 0.0 && std::isfinite(p.smoothing),
                    "smoothing must be at least 0 and finite");
  if (p.gradient != nullptr)
    arguments.shape("cotangent", p.cotangent, p.mean_absolute.rows, latents);
}

}  // namespace

void LatentLoss::operator()(std::span<const LatentLossProblem> problems) const {
  for (std::size_t p = 0; p < problems.size(); ++p) check(problems[p], Arguments("latent_loss", p));
  with_memory("latent_loss", [&] { run(problems); });
}

}  // namespace lodestein::kernels
