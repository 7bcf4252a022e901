#include "kernels/network.hpp"

#include <cmath>

#include "kernels/arguments.hpp"

namespace lodestein::kernels {
namespace {

void check_trace(const std::string& where, const NetworkShape& shape) {
  if (shape.outputs != shape.inputs) {
    throw DimensionMismatch(where + "shape has " + std::to_string(shape.inputs) + " inputs but " +
                            std::to_string(shape.outputs) + " outputs: no trace");
  }
  if (shape.depth < 1 || shape.depth > 2)
    throw InvalidArgument(where + "shape: the exact trace needs depth 1 or 2");
  if (shape.quadratic) throw InvalidArgument(where + "shape: no exact trace with quadratic forms");
}

void check_energy(const std::string& where, const NetworkShape& shape) {
  if (shape.outputs != 1) throw DimensionMismatch(where + "shape: an energy has one output");
  if (shape.depth == 0) throw InvalidArgument(where + "shape: an energy needs a hidden layer");
  if (shape.skip) throw InvalidArgument(where + "shape: no skip in an energy");
}

// Stride 0: the same row for every sample.
void check_repeatable(const Arguments& arguments, const char* name, View<const float> view,
                      std::size_t rows, std::size_t cols) {
  if (view.stride == 0) view.stride = view.cols;
  arguments.shape(name, view, rows, cols);
}

void check_evaluation(const Arguments& arguments, const NetworkEvaluation& p) {
  const std::string& where = arguments.where();
  check_network(where, p.shape);
  arguments.present("parameters", p.parameters);
  const std::size_t n = p.samples.rows;
  arguments.shape("samples", p.samples, n, p.shape.inputs);
  if (p.outputs.data != nullptr) arguments.shape("outputs", p.outputs, n, p.shape.outputs);
  if (p.tangents.data != nullptr) {
    check_repeatable(arguments, "directions", p.directions, n, p.shape.inputs);
    arguments.shape("tangents", p.tangents, n, p.shape.outputs);
  }
  if (p.pullbacks.data != nullptr) {
    check_repeatable(arguments, "cotangents", p.cotangents, n, p.shape.outputs);
    arguments.shape("pullbacks", p.pullbacks, n, p.shape.inputs);
  }
  if (p.traces != nullptr) check_trace(where, p.shape);
  if (p.curvatures != nullptr) {
    check_repeatable(arguments, "directions", p.directions, n, p.shape.inputs);
    check_energy(where, p.shape);
  }
}

void check_loss(const Arguments& arguments, const NetworkLoss& p) {
  const std::string& where = arguments.where();
  check_network(where, p.shape);
  check_network_loss(where, p.shape, p.loss, p.sigma);
  arguments.present("parameters", p.parameters);
  arguments.present("value", p.value);
  const std::size_t n = p.samples.rows, d = p.shape.inputs;
  if (n == 0) throw DimensionMismatch(where + "no samples");
  arguments.shape("samples", p.samples, n, d);
  if (p.loss == Loss::logistic) arguments.present("labels", p.labels);
  if (sliced_loss(p.loss)) {
    const std::size_t slices = p.directions.cols / d;
    if (slices == 0) throw DimensionMismatch(where + "directions has no slice");
    arguments.shape("directions", p.directions, n, slices * d);
  }
  if (p.loss == Loss::bilinear) {
    arguments.shape("directions", p.directions, n, d);
    arguments.shape("cotangents", p.cotangents, n, p.shape.outputs);
  }
}

void check_adam(const Arguments& arguments, const AdamStep& p) {
  arguments.require(p.step > 0, "step counts from 1");
  if (p.size == 0) return;
  arguments.present("gradient", p.gradient);
  arguments.present("parameters", p.parameters);
  arguments.present("first", p.first);
  arguments.present("second", p.second);
}

template <class Problem>
void check_all(const char* operation, std::span<const Problem> problems,
               void (*check)(const Arguments&, const Problem&)) {
  for (std::size_t p = 0; p < problems.size(); ++p) check(Arguments(operation, p), problems[p]);
}

}  // namespace

void check_network(const std::string& where, const NetworkShape& shape) {
  if (shape.depth > NetworkShape::most_hidden) {
    throw InvalidArgument(where + "shape: depth " + std::to_string(shape.depth) + " is more than " +
                          std::to_string(NetworkShape::most_hidden));
  }
  for (std::uint32_t l = 0; l <= shape.depth + 1; ++l) {
    if (shape.width(l) == 0 || shape.width(l) > NetworkShape::most_width) {
      throw InvalidArgument(where + "shape: width " + std::to_string(l) + " is " +
                            std::to_string(shape.width(l)) + ", must be 1 to " +
                            std::to_string(NetworkShape::most_width));
    }
  }
  if (shape.parameters() > NetworkShape::most_parameters) {
    throw InvalidArgument(
        where + "shape: " + std::to_string(shape.parameters()) + " parameters are more than " +
        std::to_string(NetworkShape::most_parameters) + "; use narrower layers or fewer inputs");
  }
}

void check_network_loss(const std::string& where, const NetworkShape& shape, Loss loss,
                        float sigma) {
  const bool score = loss != Loss::logistic && loss != Loss::bilinear;
  if (energy_loss(loss)) {
    check_energy(where, shape);
  } else if (score) {
    if (shape.outputs != shape.inputs) {
      throw DimensionMismatch(where + "shape: a score of " + std::to_string(shape.inputs) +
                              " inputs has as many outputs, not " + std::to_string(shape.outputs));
    }
    if (shape.quadratic) throw InvalidArgument(where + "shape: no quadratic forms in a score");
  }
  if (shape.causal && loss != Loss::logistic)
    throw InvalidArgument(where + "shape: causal logits belong to the logistic loss");
  if (loss == Loss::exact) check_trace(where, shape);
  if (denoising_loss(loss) && !(sigma > 0.0f))
    throw InvalidArgument(where + "sigma is " + std::to_string(sigma) + ", not positive");
}

void Network::evaluate(std::span<const NetworkEvaluation> problems) const {
  check_all("network evaluate", problems, check_evaluation);
  with_memory("network evaluate", [&] { run(problems); });
}

void Network::loss(std::span<const NetworkLoss> problems) const {
  check_all("network loss", problems, check_loss);
  with_memory("network loss", [&] { run(problems); });
}

void Network::adam(std::span<const AdamStep> problems) const {
  check_all("adam", problems, check_adam);
  with_memory("adam", [&] { run(problems); });
}

std::vector<float> initial_parameters(const NetworkShape& shape, const RandomStream& stream) {
  std::vector<float> parameters(shape.parameters(), 0.0f);
  for (std::uint32_t l = 1; l <= shape.depth + 1; ++l) {
    Draws draws = stream.at(l);
    const double deviation = 1.0 / std::sqrt(static_cast<double>(shape.width(l - 1)));
    for (std::size_t i = shape.weights(l); i < shape.biases(l); ++i)
      parameters[i] = static_cast<float>(deviation * draws.normal());
  }
  return parameters;
}

}  // namespace lodestein::kernels
