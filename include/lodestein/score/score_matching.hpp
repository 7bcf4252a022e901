#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lodestein/core/backend.hpp"
#include "lodestein/core/observer.hpp"
#include "lodestein/core/random.hpp"
#include "lodestein/data/dataset.hpp"
#include "lodestein/score/score.hpp"

namespace lodestein {

/// What a score network s is trained to minimise; J = ds/dx. Sources: Hyvarinen 2005 (exact), Song
/// et al. 2019 (sliced), Vincent 2011 (denoising).
enum class ScoreObjective {
  exact,           ///< E[tr J + 1/2 |s|^2]; cheap for direct networks of one or two hidden layers,
                   ///< by d slices along the axes for others
  sliced,          ///< E[v^T J v + 1/2 (v.s)^2], v random slices
  sliced_reduced,  ///< E[v^T J v + 1/2 |s|^2], less variance (SSM-VR)
  denoising        ///< E 1/2 |sigma s(y + sigma e) + e|^2, e normal, in pairs +-e: the score of the
                   ///< data with noise of standard deviation sigma added
};
enum class ScoreParametrisation {
  direct,  ///< the network gives s
  energy   ///< s is the gradient of the network's one output: curl-free
};
enum class ScoreActivation { tanh, silu, softplus };
enum class ScoreSlices { rademacher, gaussian };
/// Which parameters a training gives.
enum class ScoreIterate {
  best,  ///< those with the least held-out loss, or the Gaussian fit if none beats it
  last
};
enum class ScoreStart {
  gaussian,  ///< with a linear skip, at first the Gaussian fit; the network's output is 0 at first
  uniform    ///< no skip; weights and biases uniform on +-1/sqrt(inputs), PyTorch's default
};

struct ScoreMatchingOptions {
  ScoreObjective objective = ScoreObjective::exact;
  ScoreParametrisation parametrisation = ScoreParametrisation::direct;
  std::vector<std::uint32_t> hidden = {64, 64};  ///< widths, 1 to 8 layers
  ScoreActivation activation = ScoreActivation::silu;

  // The exact objective does without slices, and the noise of denoising is normal: these two say
  // nothing there, so that a preset's objective can be changed alone.
  std::size_t slices = 1;                           ///< M a sample and step; in denoising pairs +-e
  ScoreSlices slice_law = ScoreSlices::rademacher;  ///< of the sliced objectives
  /// Denoising: of the noise, in units of the whitened data. 0: that of `sigmas` with the least
  /// held-out Hyvarinen loss summed over the environments, so that all have the same one.
  double sigma = 0.0;
  std::vector<double> sigmas = {0.1, 0.2, 0.4};

  bool whiten = true;  ///< train in coordinates of mean 0 and covariance I; false: as the data come
  ScoreStart start = ScoreStart::gaussian;  ///< gaussian needs `whiten`

  std::size_t batch = 512;  ///< at most the samples there are
  double epochs = 30.0;
  std::size_t least_steps = 2000;  ///< if there are fewer in the epochs
  double rate = 1e-3;              ///< of Adam
  double beta1 = 0.9, beta2 = 0.999;
  double weight_decay = 0.0;  ///< the gradient gets weight_decay * parameter added
  bool cosine = true;         ///< the rate falls to 0 over the steps

  double held_out = 0.1;      ///< share of the samples not trained on
  std::size_t patience = 10;  ///< stops after so many held-out losses (one an epoch, at most 50) in
                              ///< a row that are not the least so far; 0: never
  ScoreIterate iterate = ScoreIterate::best;
  std::size_t restarts = 1;  ///< networks a fold, of which the held-out loss chooses
  /// 1: one network, `held_out` aside. K > 1: the mean of K networks, each trained without one of
  /// K parts of the samples, which is its held-out part.
  std::size_t folds = 1;

  /// The settings of the published code score-based-crl (Varici et al.): d-64-64-d tanh, two
  /// Gaussian slices, batch 512, the last iterate, nothing whitened. It trains for 20 epochs on
  /// quadratic latent models, for 10 on others.
  static ScoreMatchingOptions published(double epochs = 20.0);
  bool operator==(const ScoreMatchingOptions&) const = default;
};

/// Score networks of all environments, trained at once. Every environment starts from the same
/// parameters and sees the same slices and noise, so that their errors have much in common.
/// Same seed, same bits, for any number of threads and whatever other environments there are.
/// @throws InvalidArgument naming the option, or the environment that has too few samples, a
/// constant column or a covariance without full rank, with the remedy. Cancelled.
/// Cost per step with two hidden layers of width p and batch B: exact 2 B (6 p^2 + 5 d p) flops;
/// M slices 2 B (3 (1 + M) p^2 + 5 (1 + M) d p); denoising 2 M times a network's.
std::vector<Score> score_matching_scores(const Backend& backend, const Dataset& dataset,
                                         const ScoreMatchingOptions& options = {}, Seed seed = {},
                                         Observer& observer = silent());

}  // namespace lodestein
