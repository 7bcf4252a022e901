#pragma once

#include <limits>
#include <span>

#include "kernels/network.hpp"
#include "kernels/philox.hpp"

namespace lodestein::kernels {

/// rademacher: +-1; gaussian: standard normal; axes: slice k is sqrt(d) e_k, so that M = d slices
/// give the exact trace of `sliced_reduced` for networks of any depth.
enum class SliceLaw : std::uint32_t { rademacher, gaussian, axes };

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
  std::uint32_t slices = 1;  ///< M; sliced and denoising losses only
  SliceLaw law = SliceLaw::rademacher;
  float sigma = 0.0f;  ///< denoising only
  AdamOptions adam;
  bool cosine = false;  ///< the rate falls to 0 as (1 + cos(pi t / total)) / 2
  PhiloxKey key;
  float* parameters = nullptr;  ///< [parameters], from the start to the last values
  double* losses = nullptr;     ///< [steps], written unless null: each minibatch's mean loss

  // A training may be done in several calls, with the same bits as in one: parameters, moments and
  // best stay; counts of steps go on.
  std::size_t first_step = 0;   ///< steps done in the calls before
  std::size_t total_steps = 0;  ///< of all calls, for `cosine`; 0: first_step + steps
  float* moments = nullptr;     ///< [2 parameters] Adam's, updated; 0 before the first call. Null:
                                ///< start at 0, keep nothing; then first_step must be 0

  View<const float> held_out;                     ///< [m, inputs]; m = 0: none
  const std::int32_t* held_out_labels = nullptr;  ///< [m]; logistic only
  std::size_t evaluate_every = 0;                 ///< steps between held-out losses; 0: none
  double* held_out_losses = nullptr;  ///< [evaluations()], written; the same slices each time
  double least_held_out = std::numeric_limits<double>::infinity();  ///< of the calls before
  float* best = nullptr;  ///< [parameters], written unless null: those with the least held-out
                          ///< loss, if it is less than least_held_out

  /// Held-out losses of this call.
  constexpr std::size_t evaluations() const {
    if (evaluate_every == 0 || held_out.rows == 0) return 0;
    return (first_step + steps) / evaluate_every - first_step / evaluate_every;
  }
};

/// Many small networks trained at once: environments x folds x seeds x instances in one call.
///
/// Data and determinism as in Network; a minibatch's gradient is summed in fp32. Flops per step as
/// Network's loss with n = batch. On a GPU a block of threads owns a network for all its steps.
class Training {
 public:
  virtual ~Training() = default;
  void operator()(std::span<const TrainingProblem> problems) const;

 private:
  virtual void run(std::span<const TrainingProblem> problems) const = 0;
};

}  // namespace lodestein::kernels
