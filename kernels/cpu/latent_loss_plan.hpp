// What kernels/cpu/latent_loss.cpp prepares once per problem, for every vector instruction set.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "kernels/latent_loss.hpp"

namespace lodestein::kernels::cpu {

/// A layer with its weights in both orders and rows filled up to whole vectors.
struct PackedLayer {
  std::size_t in, out, in_padded, out_padded;
  Link link;
  std::vector<float> weights;     ///< [out, in_padded]
  std::vector<float> transposed;  ///< [in, out_padded]
  std::vector<float> bias;        ///< [out_padded], or empty
  std::size_t gradient;  ///< where its gradient starts: transposed [in, out_padded], bias [out]
};

/// Where the matrices of one block lie in a thread's scratch.
struct BlockLayout {
  using Offsets = std::array<std::size_t, Perceptron::most_layers>;
  Offsets encoded{}, decoded{};  ///< values after each layer [points, out_padded]
  Offsets scaled{};              ///< u_l = slope_l v_(l+1) [rows, out_padded]
  Offsets extra{};               ///< cotangents of values before a link [points, out_padded]
  std::array<std::size_t, 2> forward{}, backward{};  ///< cotangents on their way, taking turns
  std::size_t gradient = 0;                          ///< the packed gradient of one block
  std::size_t total = 0;
};

struct LatentLossPlan {
  std::vector<PackedLayer> encoder, decoder;
  std::vector<float> cotangent;  ///< [M, n padded]; zeros without a gradient
  BlockLayout layout;
  std::size_t block = 0;     ///< points at a time; times M environments: rows
  std::size_t gradient = 0;  ///< size of the packed gradient
};

/// Sums over some of the points.
struct LatentLossSums {
  double weight = 0.0, reconstruction = 0.0;
  std::vector<double> mean_absolute, gradient;
};

}  // namespace lodestein::kernels::cpu
