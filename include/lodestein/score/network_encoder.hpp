#pragma once

#include <cstdint>
#include <vector>

#include "lodestein/core/matrix.hpp"

namespace lodestein {

/// An encoder with hidden layers, as numbers that can be stored:
///   h_0 = input y,  h_l = f(W_l h_{l-1} + b_l),  z = (W h + b + A h_0 - mean) / deviation.
struct NetworkEncoder {
  enum class Activation { tanh, silu };  ///< silu: u / (1 + exp(-u))

  Matrix input;                       ///< [p, p]
  std::vector<std::uint32_t> hidden;  ///< widths
  /// W_1 by rows, b_1, .. of each hidden layer, W [n, width], b, A [n, p].
  std::vector<float> parameters;
  std::vector<double> mean, deviation;       ///< [n]
  Activation activation = Activation::tanh;  ///< f

  /// z at the rows of y, in fp64. [N, p] -> [N, n]. Deterministic.
  /// @throws DimensionMismatch; InvalidArgument if the parameters aren't as many as the widths ask.
  Matrix operator()(ConstMatrixView y) const;
};

}  // namespace lodestein
