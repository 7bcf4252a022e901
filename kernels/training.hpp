#pragma once

#include <span>

#include "kernels/network.hpp"
#include "kernels/philox.hpp"

namespace lodestein::kernels {

enum class SliceLaw : std::uint32_t { rademacher, gaussian };

/// One network's whole training. Minibatches go through a permutation of the rows that is new in
/// every epoch; rows and slices come from the counter stream `key` (kernels/training_draws.hpp),
/// the same on every backend.
struct TrainingProblem {
  NetworkShape shape;
  Loss loss = Loss::exact;               ///< any but bilinear
  View<const float> samples;             ///< [n, inputs]
  const std::int32_t* labels = nullptr;  ///< [n]; logistic only
  std::size_t batch = 512;               ///< 1 .. n
  std::size_t steps = 0;
  std::uint32_t slices = 1;  ///< M; sliced losses only
  SliceLaw law = SliceLaw::rademacher;
  AdamOptions adam;
  bool cosine = false;  ///< the rate falls to 0 as (1 + cos(pi t / steps)) / 2
  PhiloxKey key;
  float* parameters = nullptr;  ///< [parameters], from the start to the last values
  double* losses = nullptr;     ///< [steps], written unless null: each minibatch's mean loss

  View<const float> held_out;                     ///< [m, inputs]; m = 0: none
  const std::int32_t* held_out_labels = nullptr;  ///< [m]; logistic only
  std::size_t evaluate_every = 0;                 ///< steps between held-out losses; 0: none
  double* held_out_losses = nullptr;  ///< [steps / evaluate_every], written; the same slices each
                                      ///< time
  float* best = nullptr;  ///< [parameters], written unless null: those with the least held-out loss
};

/// Many small networks trained at once: environments x folds x seeds x instances in one call.
///
/// Data, determinism and numbers as in Network. Flops per step as Network's loss with n = batch.
/// On a GPU a block of threads owns a network for all its steps.
class Training {
 public:
  virtual ~Training() = default;
  void operator()(std::span<const TrainingProblem> problems) const;

 private:
  virtual void run(std::span<const TrainingProblem> problems) const = 0;
};

}  // namespace lodestein::kernels
