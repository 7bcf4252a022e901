#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "kernels/view.hpp"

namespace lodestein::kernels {

enum class Link { identity, tanh };

/// Fully connected network v -> a_L(W_L ... a_1(W_1 v + b_1) ... + b_L). Its parameters are one
/// array: W_1 [widths[1], widths[0]] row by row, b_1 if there are biases, W_2 and so on.
struct Perceptron {
  static constexpr std::size_t most_layers = 4;
  std::size_t layers = 0;  ///< 0: v itself, of size widths[0]
  std::array<std::size_t, most_layers + 1> widths{};
  bool bias = false;
  Link hidden = Link::tanh, output = Link::identity;

  constexpr std::size_t inputs() const { return widths[0]; }
  constexpr std::size_t outputs() const { return widths[layers]; }
  constexpr Link link(std::size_t layer) const { return layer + 1 == layers ? output : hidden; }
  /// Where layer `layer`'s weights start among the parameters; of `layers`: how many there are.
  constexpr std::size_t offset(std::size_t layer) const {
    std::size_t sum = 0;
    for (std::size_t l = 0; l < layer; ++l) sum += widths[l + 1] * (widths[l] + (bias ? 1 : 0));
    return sum;
  }
  constexpr std::size_t parameters() const { return offset(layers); }
};

/// One autoencoder and the score differences of M environments at N points, all arrays in the
/// backend's memory. z = encoder(input), J = Jacobian of the decoder at z.
/// Linear: encoder {d, n} and decoder {n, d} of one layer. x = tanh(T z): the same with
/// decoder.output = tanh and the encoder's input arctanh(x).
struct LatentLossProblem {
  Perceptron encoder, decoder;        ///< encoder {d', ..., n}, decoder {n, ..., d}
  const float* parameters = nullptr;  ///< the encoder's, then the decoder's
  View<const float> inputs;           ///< [N, d'], N >= 1
  View<const float> differences;      ///< [M N, d]: environment m's at point k in row m N + k
  View<const float> targets;          ///< [N, d], what the decoder should give; empty: no such term
  const float* weights = nullptr;     ///< [N], >= 0, sum > 0; null: all 1
  double smoothing = 0.0;             ///< |u| becomes sqrt(u^2 + smoothing^2)

  View<double> mean_absolute;        ///< [M, n], written
  double* reconstruction = nullptr;  ///< [1], written unless null; needs targets

  View<const double> cotangent;           ///< [M, n]; only for the gradient
  double reconstruction_cotangent = 0.0;  ///< not 0 only with targets
  double* gradient = nullptr;             ///< [parameters], written; null: values only
};

/// D_mi = mean_k |J(z_k)^T d^m(x_k)|_i, what is left of score differences in latent i (GSCALE-I),
/// and the reconstruction error mean_k |decoder(z_k) - target_k|^2; means are weighted by
/// `weights`. With `gradient`: that of sum_mi cotangent_mi D_mi + reconstruction_cotangent *
/// reconstruction with respect to all parameters, through J, z and the encoder. The derivative of
/// |u| at 0 is 0.
///
/// Aliasing: outputs overlap neither each other nor the inputs.
/// Determinism: per backend the same bits on every run, for any thread count and batch composition.
/// Flops: values 2 P_dec per (environment, point) and 2 P per point, gradient three times that (P
/// parameters). Bytes: 4 N (M d + d' + d) read once per call, 4 P read.
/// Numbers: fp32 values and products, fp64 sums over points. Widths up to 1024.
/// @throws DimensionMismatch or InvalidArgument naming the problem and the argument.
class LatentLoss {
 public:
  static constexpr std::size_t most_width = 1024;
  virtual ~LatentLoss() = default;
  void operator()(std::span<const LatentLossProblem> problems) const;

 private:
  virtual void run(std::span<const LatentLossProblem> problems) const = 0;
};

}  // namespace lodestein::kernels
