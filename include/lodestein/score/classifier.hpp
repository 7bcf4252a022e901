#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lodestein/core/backend.hpp"
#include "lodestein/core/observer.hpp"
#include "lodestein/core/random.hpp"
#include "lodestein/data/dataset.hpp"
#include "lodestein/score/difference.hpp"

namespace lodestein {

struct ClassifierOptions {
  std::vector<std::uint32_t> hidden = {128, 128};  ///< widths of the shared tanh trunk
  bool quadratic = true;                           ///< a quadratic form of x in every logit
  bool gaussian_start = true;  ///< logits start as those of Gaussian fits; needs `quadratic`
  double rate = 2e-3;          ///< of Adam, falling to 0 by a cosine
  double weight_decay = 1e-5;
  std::size_t batch = 1024;
  double epochs = 15;
  std::size_t least_steps = 1500;  ///< of small data sets, more epochs if need be
  double held_out = 0.1;           ///< share of every environment, for early stopping
  bool operator==(const ClassifierOptions&) const = default;
};

/// Score differences by one softmax classifier over all environments: its logit m against the
/// observational class is log p_m / p_0 up to a constant, so that d^m = -grad logit_m. A coordinate
/// on which the density ratio doesn't depend is one the classifier has no reason to look at, which
/// is why errors stay out of the entries that decide about edges. The default for nonlinear data.
///
/// Inputs are whitened with the pooled covariance; logits are a linear head on the trunk plus a
/// linear and a quadratic form of x; the parameters with the least held-out cross-entropy are kept,
/// the Gaussian start among them. Unequal environments are corrected for.
///
/// @throws InvalidArgument for options out of range, data that validate() refuses, and environments
/// of fewer than 10 samples; Cancelled. Environments that can't be told from the observational one,
/// or hardly overlap with it, are findings of the summary.
/// Same seed, same bits for any thread count. Cost per sample and epoch: 6 p^2 (depth - 1) +
/// 6 p (d + K) flops for widths p.
ScoreDifferences classifier_differences(const Backend& backend, const Dataset& dataset,
                                        const ClassifierOptions& options = {}, Seed seed = {},
                                        Observer& observer = silent());

/// One classifier of many: of folds, seeds or candidate options.
struct ClassifierTask {
  const Dataset* dataset = nullptr;
  ClassifierOptions options{};
  Seed seed{};
};

/// As above with all trainings in one call, which fills the machine; every result has the bits it
/// has alone.
std::vector<ScoreDifferences> classifier_differences(const Backend& backend,
                                                     std::span<const ClassifierTask> tasks,
                                                     Observer& observer = silent());

}  // namespace lodestein
