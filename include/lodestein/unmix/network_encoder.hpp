#pragma once

#include <cstdint>
#include <vector>

#include "lodestein/core/matrix.hpp"

namespace lodestein {

/// An encoder with hidden layers, as numbers that can be stored:
///   h_0 = input y,  h_l = tanh(W_l h_{l-1} + b_l),  z = (W h + b + A h_0 - mean) / deviation.
struct NetworkEncoder {
  Matrix input;                       ///< [n, n]
  std::vector<std::uint32_t> hidden;  ///< widths
  /// W_1 by rows, b_1, .. of each hidden layer, W [n, width], b, A [n, n].
  std::vector<float> parameters;
  std::vector<double> mean, deviation;  ///< [n]

  /// z at the rows of y, in fp64. [N, n] -> [N, n]. Deterministic.
  /// @throws DimensionMismatch; InvalidArgument if the parameters aren't as many as the widths ask.
  Matrix operator()(ConstMatrixView y) const;
};

}  // namespace lodestein
