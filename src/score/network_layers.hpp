#pragma once

#include <cstdint>
#include <vector>

#include "core/eigen.hpp"
#include "lodestein/score/network_encoder.hpp"

namespace lodestein::score {

/// z = W h_L + b + S h_0 with h_l = f(W_l h_{l-1} + b_l), from p numbers to n.
struct NetworkLayers {
  struct Layer {
    RowMajor weights;
    Eigen::RowVectorXd bias;
  };
  /// From parameters as in NetworkEncoder. @throws InvalidArgument unless they are as many as the
  /// widths ask for.
  NetworkLayers(const std::vector<float>& parameters, const std::vector<std::uint32_t>& widths,
                Eigen::Index inputs, Eigen::Index outputs,
                NetworkEncoder::Activation f = NetworkEncoder::Activation::tanh);
  std::vector<float> parameters() const;
  /// z at the rows of h_0. [N, p] -> [N, n]
  RowMajor operator()(const RowMajor& h) const;

  std::vector<Layer> hidden;              ///< W_l, b_l
  Layer head;                             ///< W, b
  RowMajor skip;                          ///< S [n, p]
  NetworkEncoder::Activation activation;  ///< f
};

/// The same network as z = A (h_0 + r(h_0)) + b. Slopes of tanh are in [0, 1], so that r varies
/// least if A takes half of each: A = S + W W_L .. W_1 / 2^L, and then |r(p) - r(q)| is at most
/// (1 - 2^-L) |A^-1 W| |W_L| .. |W_1| |p - q|, whatever the units between the layers are scaled by.
/// Below 1 the network is one to one and onto (Behrmann et al. 2019).
struct ResidualForm {
  Eigen::MatrixXd linear;  ///< A
  double bound = 0.0;      ///< of r; not finite if A is singular or not square, or f isn't tanh
};
ResidualForm residual_form(const NetworkLayers& layers);

/// Scales the weights of hidden layers and head alike until the bound is at most `most`; keeps A.
/// Whether it had to.
bool contract(NetworkLayers& layers, double most);

}  // namespace lodestein::score
