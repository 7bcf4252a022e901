#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "kernels/operations.hpp"
#include "lodestein/core/backend.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/core/observer.hpp"
#include "lodestein/score/score.hpp"
#include "score/classes.hpp"

namespace lodestein {

/// Refuses what no network can be trained with on labelled rows: the options that all have in
/// common.
template <class Options>
void check_class_training(const std::string& estimator, const Options& o) {
  const auto refuse = [&](const std::string& what) {
    throw InvalidArgument(estimator + ": " + what);
  };
  if (o.hidden.size() > kernels::NetworkShape::most_hidden)
    refuse("at most " + std::to_string(kernels::NetworkShape::most_hidden) + " hidden layers");
  for (const std::uint32_t width : o.hidden) {
    if (width == 0) refuse("a hidden layer has width 0; leave it out or give it units");
  }
  if (!(o.rate > 0.0) || !std::isfinite(o.rate)) refuse("rate must be positive, e.g. 2e-3");
  if (!(o.weight_decay >= 0.0)) refuse("weight_decay can't be negative; 1e-5 is usual");
  if (o.batch == 0) refuse("batch must be at least 1, e.g. 1024");
  if (!(o.epochs > 0.0) || !std::isfinite(o.epochs)) refuse("epochs must be positive, e.g. 15");
}

/// A network from whitened rows to one logit per interventional environment.
kernels::NetworkShape class_shape(const Classes& classes,
                                  const std::vector<std::uint32_t>& hidden = {});

/// Labelled rows where the kernels find them. Views point into it.
struct ClassRows {
  ClassRows(const kernels::Memory& memory, const Classes& classes);

  kernels::View<const float> training() const;
  kernels::View<const float> held_out() const;

  std::size_t rows, held_out_rows, dimension;
  kernels::Resident<float> samples, held_out_samples;
  kernels::Resident<std::int32_t> labels, held_out_labels;
};

/// How long and how often.
struct ClassSchedule {
  std::size_t batch = 0, steps = 0, evaluate_every = 1;
  double rate = 0.0, weight_decay = 0.0;

  /// `epochs` over the rows, in at least `least_steps` steps; `evaluate_every` is the caller's.
  template <class Options>
  static ClassSchedule of(const Options& o, std::size_t rows) {
    ClassSchedule s;
    s.batch = std::min(o.batch, rows);
    s.steps = std::max(static_cast<std::size_t>(std::ceil(o.epochs * s.steps_per_epoch(rows))),
                       o.least_steps);
    s.rate = o.rate;
    s.weight_decay = o.weight_decay;
    return s;
  }
  double steps_per_epoch(std::size_t rows) const {
    return static_cast<double>(rows) / static_cast<double>(batch);
  }
};

/// One network in training on the logistic loss, in rounds from one held-out loss to the next,
/// after each of which somebody may stop.
class ClassTraining {
 public:
  struct Outcome {
    std::vector<float> parameters;  ///< where the held-out loss was least
    double loss = 0.0;              ///< held-out cross-entropy there; infinite if none was finite
    std::size_t step = 0;           ///< at which; 0: the start
    bool diverged = false;          ///< a held-out loss was not finite
  };

  ClassTraining(const kernels::Memory& memory, std::shared_ptr<const ClassRows> rows,
                const kernels::NetworkShape& shape, const ClassSchedule& schedule,
                std::vector<float> start, kernels::PhiloxKey key);

  bool done() const { return step_ == schedule_.steps; }
  std::size_t steps_done() const { return step_; }
  std::size_t steps() const { return schedule_.steps; }

  /// Of the start, which training doesn't evaluate; for network().loss() before the first round.
  kernels::NetworkLoss start_loss() const;
  kernels::TrainingProblem next_round();
  /// Takes note of the held-out loss that start_loss() or a round has left.
  void finish_round();
  Outcome outcome() const;

 private:
  std::shared_ptr<const ClassRows> rows_;
  kernels::NetworkShape shape_;
  ClassSchedule schedule_;
  std::vector<float> start_;
  kernels::PhiloxKey key_;
  kernels::Buffer<float> parameters_, best_, moments_;
  kernels::Buffer<double> loss_;
  double least_ = std::numeric_limits<double>::infinity();
  std::size_t step_ = 0, best_step_ = 0;
  bool diverged_ = false;
};

/// The starts' losses, then round after round, all networks in the same calls. @throws Cancelled.
void train_classes(const Backend& backend, const std::vector<ClassTraining*>& trainings,
                   const std::string& stage, Observer& observer);

/// What every trained classifier reports.
std::vector<Setting> training_settings(const ClassSchedule& schedule, std::size_t rows,
                                       const ClassTraining::Outcome& outcome,
                                       const kernels::NetworkShape& shape);

}  // namespace lodestein
