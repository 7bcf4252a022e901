// Networks with their samples for the backend tests.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "kernels/network.hpp"
#include "lodestein/core/random.hpp"
#include "tests/backend/backends.hpp"

namespace lodestein::test {

using kernels::Activation;
using kernels::Loss;
using kernels::NetworkShape;
using kernels::View;

constexpr float nan_float = std::numeric_limits<float>::quiet_NaN();

inline NetworkShape shape_of(std::uint32_t inputs, std::vector<std::uint32_t> hidden,
                             std::uint32_t outputs, Activation activation = Activation::tanh,
                             bool skip = false, bool quadratic = false) {
  NetworkShape shape;
  shape.inputs = inputs;
  shape.outputs = outputs;
  shape.depth = static_cast<std::uint32_t>(hidden.size());
  for (std::size_t l = 0; l < hidden.size(); ++l) shape.hidden[l] = hidden[l];
  shape.activation = activation;
  shape.skip = skip;
  shape.quadratic = quadratic;
  return shape;
}

/// With causal logits.
inline NetworkShape causal(NetworkShape shape) {
  shape.causal = true;
  return shape;
}

/// Normal numbers times `scale`; rows are followed by `padding` NaN.
inline std::vector<float> random_rows(std::size_t rows, std::size_t cols, std::size_t padding,
                                      std::uint64_t number, double scale = 1.0) {
  Draws draws = RandomStream(Seed{11}, Purpose::test).at(number);
  std::vector<float> values;
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < cols; ++j)
      values.push_back(static_cast<float>(scale * draws.normal()));
    values.insert(values.end(), padding, nan_float);
  }
  return values;
}

/// All parameters random, so that every bias and form takes part.
inline std::vector<float> random_parameters(const NetworkShape& shape, std::uint64_t number) {
  std::vector<float> parameters = kernels::initial_parameters(
      shape, RandomStream(Seed{12}, Purpose::test, static_cast<std::uint32_t>(number)));
  const std::vector<float> more = random_rows(1, parameters.size(), 0, 1000 + number, 0.2);
  for (std::size_t i = 0; i < parameters.size(); ++i) parameters[i] += more[i];
  return parameters;
}

inline double largest(const std::vector<float>& values) {
  double most = 0.0;
  for (const float v : values) most = std::max(most, std::abs(double{v}));
  return most;
}

}  // namespace lodestein::test
