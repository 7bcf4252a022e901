#include "kernels/latent_loss.hpp"

#include <cmath>
#include <string>

#include "lodestein/core/error.hpp"

namespace lodestein::kernels {
namespace {

template <class T>
void check_shape(const std::string& where, const char* name, const View<T>& view, std::size_t rows,
                 std::size_t cols) {
  if (view.rows == rows && view.cols == cols) return;
  throw DimensionMismatch(where + name + " is " + std::to_string(view.rows) + " x " +
                          std::to_string(view.cols) + ", must be " + std::to_string(rows) + " x " +
                          std::to_string(cols));
}

void refuse_unless(bool allowed, const std::string& where, const char* what) {
  if (!allowed) throw InvalidArgument(where + what);
}

void check_network(const std::string& where, const Perceptron& network) {
  if (network.layers > Perceptron::most_layers) {
    throw InvalidArgument(where + "layers = " + std::to_string(network.layers) + ", the most is " +
                          std::to_string(Perceptron::most_layers));
  }
  for (std::size_t l = 0; l <= network.layers; ++l) {
    if (network.widths[l] >= 1 && network.widths[l] <= LatentLoss::most_width) continue;
    throw InvalidArgument(where + "widths[" + std::to_string(l) +
                          "] = " + std::to_string(network.widths[l]) + ": must be 1 to " +
                          std::to_string(LatentLoss::most_width));
  }
}

void check(const std::string& where, const LatentLossProblem& p) {
  check_network(where + "encoder: ", p.encoder);
  check_network(where + "decoder: ", p.decoder);
  refuse_unless(p.decoder.layers >= 1, where, "decoder has no layer");
  const std::size_t points = p.inputs.rows, latents = p.decoder.inputs();
  if (p.encoder.outputs() != latents) {
    throw DimensionMismatch(where + "encoder gives " + std::to_string(p.encoder.outputs()) +
                            " latents, decoder takes " + std::to_string(latents));
  }
  refuse_unless(points >= 1, where, "inputs have no rows");
  check_shape(where, "inputs", p.inputs, points, p.encoder.inputs());
  check_shape(where, "differences", p.differences, p.mean_absolute.rows * points,
              p.decoder.outputs());
  check_shape(where, "mean_absolute", p.mean_absolute, p.mean_absolute.rows, latents);
  const bool targets = p.targets.data != nullptr;
  if (targets) check_shape(where, "targets", p.targets, points, p.decoder.outputs());
  refuse_unless(targets || p.reconstruction == nullptr, where, "reconstruction without targets");
  refuse_unless(targets || p.reconstruction_cotangent == 0.0, where,
                "reconstruction_cotangent without targets");
  refuse_unless(p.parameters != nullptr, where, "parameters is null");
  refuse_unless(p.smoothing >= 0.0 && std::isfinite(p.smoothing), where,
                "smoothing must be at least 0 and finite");
  if (p.gradient != nullptr)
    check_shape(where, "cotangent", p.cotangent, p.mean_absolute.rows, latents);
}

}  // namespace

void LatentLoss::operator()(std::span<const LatentLossProblem> problems) const {
  for (std::size_t p = 0; p < problems.size(); ++p)
    check("latent_loss, problem " + std::to_string(p) + ": ", problems[p]);
  run(problems);
}

}  // namespace lodestein::kernels
