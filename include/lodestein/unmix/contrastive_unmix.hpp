#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lodestein/core/backend.hpp"
#include "lodestein/core/matrix.hpp"
#include "lodestein/core/observer.hpp"
#include "lodestein/core/random.hpp"
#include "lodestein/data/dataset.hpp"
#include "lodestein/graph/digraph.hpp"
#include "lodestein/score/contrastive.hpp"
#include "lodestein/score/encoder.hpp"
#include "lodestein/score/network_encoder.hpp"
#include "lodestein/unmix/diagnosis.hpp"
#include "lodestein/unmix/fit.hpp"
#include "lodestein/unmix/learned_model.hpp"

namespace lodestein {

struct ContrastiveUnmixOptions {
  EncoderFamily encoder = EncoderFamily::network;
  ContrastiveOptions linear{};          ///< of a linear encoder
  ContrastiveNetworkOptions network{};  ///< of a network
  std::size_t null_splits = 64;         ///< pairs of resampled controls behind the diagnosis
};

/// What contrastive learning found: latents, one per interventional environment, and their graph.
struct ContrastiveUnmixing {
  explicit ContrastiveUnmixing(Encoder h) : encoder(std::move(h)) {}

  Seed seed{};
  std::string backend;
  std::vector<std::string> features;
  std::vector<std::string> latent_names;  ///< "Z1", "Z2", ...
  std::vector<AppliedStep> preprocessing;

  Encoder encoder;  ///< z of x; observational mean 0 and variances 1
  // The encoder as numbers that can be stored, in fp64: z = y or network(y), y = matrix (x -
  // centre).
  std::vector<double> centre;  ///< [d]
  Matrix matrix;  ///< [K, d]; of a network [p, d], p the dimensions in which samples lie
  std::optional<NetworkEncoder> network;

  Digraph graph;
  std::vector<LatentEdge> edges;   ///< likelihood ratios are divided by the dispersion
  std::vector<std::size_t> order;  ///< causal, parents first
  std::vector<EnvironmentTarget> targets;
  /// Misfit of the latents' moments per degree of freedom, at least 1: by how much the encoder's
  /// error exceeds sampling.
  double dispersion = 1.0;
  Matrix head_weights;  ///< [K, K] structural weights as the classifier's head has them, latents by
                        ///< environment: (i, j) is the effect of i on j
  double held_out_loss = 0.0;  ///< of the differences' summary; log 2 without any difference
  std::vector<Setting> settings;

  std::string identified;
  std::vector<std::string> assumptions;
  Diagnosis diagnosis;
  std::vector<StageTime> timings;

  bool failed() const { return diagnosis.failed(); }
};

/// Contrastive causal representation learning (Buchholz et al. 2023) for linear Gaussian latents
/// behind a linear or smooth mixing, one hard intervention per latent. A classifier of the
/// environments with a causal head (contrastive_fit, contrastive_network) gives latents up to what
/// it can't tell apart; their moments then go to the likelihood of linear latent models (`fit`:
/// order search, likelihood-ratio pruning), which settles the rest and the graph. Edges stay where
/// their likelihood ratio, divided by the dispersion as for overdispersed data, is at least log N
/// (BIC): no threshold depends on the scale of the weights.
///
/// Observations that lie in a linear subspace (more variables than latents, no noise) are reduced
/// to it first.
/// A statistical failure comes back as a result whose diagnosis says what happened.
/// @throws InvalidArgument as contrastive_fit and contrastive_network; Cancelled.
/// Same seed, same bits for any thread count.
ContrastiveUnmixing contrastive_unmix(const Backend& backend, const Dataset& dataset,
                                      const ContrastiveUnmixOptions& options = {}, Seed seed = {},
                                      Observer& observer = silent());

/// The result in the shape of all methods; `dataset` is what it was fitted to. No graph where the
/// latents have no linear model.
/// @throws DimensionMismatch for data of other environments.
LearnedModel learned_model(const ContrastiveUnmixing& result, const Dataset& dataset);

}  // namespace lodestein
