#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lodestein/core/backend.hpp"
#include "lodestein/core/matrix.hpp"
#include "lodestein/core/observer.hpp"
#include "lodestein/core/random.hpp"
#include "lodestein/data/dataset.hpp"
#include "lodestein/score/difference.hpp"
#include "lodestein/score/encoder.hpp"
#include "lodestein/score/network_encoder.hpp"

namespace lodestein {

struct ContrastiveOptions {
  double sparsity = 1e-4;    ///< weight of sum |A|
  double acyclicity = 1e-5;  ///< weight of tr (I + A.A / K)^K - K, which is 0 for acyclic A
  std::size_t iterations = 500;
  double held_out = 0.1;  ///< share of every environment, for the losses of the summary
  bool operator==(const ContrastiveOptions&) const = default;
};

/// A linear encoder with the head of a linear causal model behind it.
struct ContrastiveFit {
  ScoreDifferences differences;
  std::vector<double> centre;  ///< observational mean [d]
  Matrix encoder;  ///< [K, d]: z = encoder (x - centre), observational variances 1; row m
                   ///< is the latent on which environment m intervenes
  Matrix weights;  ///< [K, K]: weights(i, j) is the effect of z_i on z_j
};

/// Contrastive estimate for linear latents with Gaussian noise and one hard intervention per latent
/// (Buchholz et al. 2023), with a linear encoder:
///   log p_m / p_0 = -(c_m + a_m z_m + (lambda_m z_m)^2 - (B_m . z)^2),  B = scale (I - A), z = H
///   x,
/// a quadratic form of rank 2 per environment. Against the published code: one softmax over all
/// environments instead of pairs, deterministic L-BFGS on all samples from a start by the Gaussian
/// fits, and samples centred instead of a penalty on the latents' means.
/// Without shifts of the mean (a_m = 0) the likelihood alone doesn't fix row m of the encoder
/// within the plane of row m and B_m; only the penalties do then. The differences are fixed either
/// way.
/// @throws InvalidArgument for options out of range, data that validate() refuses, environments of
/// fewer than 10 samples, or more interventional environments than variables; Cancelled.
/// Same seed, same bits. Cost per iteration: 6 N K d^2 flops.
ContrastiveFit contrastive_fit(const Backend& backend, const Dataset& dataset,
                               const ContrastiveOptions& options = {}, Seed seed = {},
                               Observer& observer = silent());

struct ContrastiveNetworkOptions {
  /// Widths of the encoder's hidden layers (SiLU), beside which a linear skip goes.
  std::vector<std::uint32_t> hidden = {256};
  /// The first from the linear fit, the others random. These explain the data as well but fold
  /// latents more often, which the held-out loss does not see.
  std::size_t starts = 1;
  double rate = 2e-3;  ///< Adam's, falling to 0 by a cosine
  double weight_decay = 1e-5;
  std::size_t batch = 512;
  double epochs = 40.0;
  std::size_t least_steps = 2000;  ///< of small data sets
  double held_out = 0.1;           ///< share of every environment, for early stopping
  bool operator==(const ContrastiveNetworkOptions&) const = default;
};

/// A network with the head of a linear causal model behind it.
struct ContrastiveNetworkFit {
  ScoreDifferences differences;
  Encoder encoder;  ///< z = h(x), observational mean 0 and variances 1; latent m is the one on
                    ///< which environment m intervenes
  Matrix weights;   ///< [K, K]: weights(i, j) is the effect of z_i on z_j, as the head has it

  // The encoder as numbers that can be stored: z = network(whitening (x - centre)), in fp64.
  std::vector<double> centre;  ///< [d]
  Matrix whitening;            ///< [d, d]
  NetworkEncoder network;
};

/// The same model with z = A x + network(x), trained on one softmax over all environments by
/// minibatches; of all starts and epochs the parameters with the least held-out cross-entropy are
/// kept, the linear fit itself among them. No penalties. For linear latents with Gaussian noise
/// behind any smooth invertible mixing. The loss is nearly flat along some bends of the latents
/// (see docs/methods/contrastive.md): expect correlations with the truth of .9, not 1.
/// @throws as contrastive_fit. A training that diverges, or that the linear fit beats, is a finding
/// of the differences' summary, which also says which start and epoch were kept.
/// Same seed, same bits for any thread count. Cost per sample, epoch and start: 6 p^2 (depth - 1) +
/// 6 p (d + K) flops for widths p.
ContrastiveNetworkFit contrastive_network(const Backend& backend, const Dataset& dataset,
                                          const ContrastiveNetworkOptions& options = {},
                                          Seed seed = {}, Observer& observer = silent());

}  // namespace lodestein
