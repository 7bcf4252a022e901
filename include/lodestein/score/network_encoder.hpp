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
  /// @throws DimensionMismatch; InvalidArgument if the parameters aren't as many as the widths ask
  /// (here and below).
  Matrix operator()(ConstMatrixView y) const;

  /// For tanh layers that give as many latents as they take, else infinite: bound c on what the
  /// hidden layers can bend, z = B (h_0 + r(h_0)) + const with
  /// |r(p) - r(q)| <= c |p - q|. Below 1 the encoder is one to one and onto R^n, if `input` is
  /// regular; it always is if the encoder was fitted as EncoderFamily::invertible.
  double bend() const;

  /// y at the rows of z, by h_0 <- h_0 + B^-1 (z - z(h_0)) from 0; after k steps the error is at
  /// most c^k / (1 - c) of the first step. Goes on until that is 1e-13. [N, n] -> [N, n].
  /// Deterministic. @throws InvalidArgument unless bend() < 1.
  Matrix inverse(ConstMatrixView z) const;
};

}  // namespace lodestein
