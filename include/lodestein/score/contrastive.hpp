#pragma once

#include <cstddef>
#include <vector>

#include "lodestein/core/backend.hpp"
#include "lodestein/core/matrix.hpp"
#include "lodestein/core/observer.hpp"
#include "lodestein/core/random.hpp"
#include "lodestein/data/dataset.hpp"
#include "lodestein/score/difference.hpp"

namespace lodestein {

struct ContrastiveOptions {
  double sparsity = 1e-4;    ///< weight of sum |A|
  double acyclicity = 1e-5;  ///< weight of tr (I + A.A / K)^K - K, which is 0 for acyclic A
  std::size_t iterations = 500;
  double held_out = 0.1;  ///< share of every environment, for the losses of the summary
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

}  // namespace lodestein
