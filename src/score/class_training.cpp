#include "score/class_training.hpp"

#include <algorithm>
#include <utility>

namespace lodestein {

kernels::NetworkShape class_shape(const Classes& classes,
                                  const std::vector<std::uint32_t>& hidden) {
  kernels::NetworkShape shape;
  shape.inputs = static_cast<std::uint32_t>(classes.dimension);
  shape.outputs = static_cast<std::uint32_t>(classes.environments - 1);
  shape.depth = static_cast<std::uint32_t>(hidden.size());
  std::copy(hidden.begin(), hidden.end(), shape.hidden);
  return shape;
}

ClassRows::ClassRows(const kernels::Memory& memory, const Classes& classes)
    : rows(classes.training_labels.size()),
      held_out_rows(classes.held_out_labels.size()),
      dimension(classes.dimension),
      samples(memory, classes.training),
      held_out_samples(memory, classes.held_out),
      labels(memory, classes.training_labels),
      held_out_labels(memory, classes.held_out_labels) {}

kernels::View<const float> ClassRows::training() const { return {samples.data(), rows, dimension}; }

kernels::View<const float> ClassRows::held_out() const {
  return {held_out_samples.data(), held_out_rows, dimension};
}

ClassTraining::ClassTraining(const kernels::Memory& memory, std::shared_ptr<const ClassRows> rows,
                             const kernels::NetworkShape& shape, const ClassSchedule& schedule,
                             std::vector<float> start, kernels::PhiloxKey key)
    : rows_(std::move(rows)),
      shape_(shape),
      schedule_(schedule),
      start_(std::move(start)),
      key_(key),
      parameters_(memory, start_),
      best_(memory, start_.size()),
      moments_(memory, 2 * start_.size()),
      loss_(memory, 1) {
  moments_.clear();
}

kernels::TrainingProblem ClassTraining::next_round() {
  kernels::TrainingProblem p;
  p.shape = shape_;
  p.loss = kernels::Loss::logistic;
  p.samples = rows_->training();
  p.labels = rows_->labels.data();
  p.batch = schedule_.batch;
  p.first_step = step_;
  p.total_steps = schedule_.steps;
  p.steps = std::min(schedule_.evaluate_every, schedule_.steps - step_);
  p.moments = moments_.data();
  p.adam.rate = static_cast<float>(schedule_.rate);
  p.adam.decay = static_cast<float>(schedule_.weight_decay);
  p.cosine = true;
  p.key = key_;
  p.parameters = parameters_.data();
  p.held_out = rows_->held_out();
  p.held_out_labels = rows_->held_out_labels.data();
  p.evaluate_every = schedule_.evaluate_every;
  p.held_out_losses = loss_.data();
  p.least_held_out = least_;
  p.best = best_.data();
  step_ += p.steps;
  return p;
}

void ClassTraining::finish_round() {
  if (step_ % schedule_.evaluate_every != 0) return;  // the last steps, without an evaluation
  const double loss = loss_.download().front();
  diverged_ = diverged_ || !std::isfinite(loss);
  if (!(loss < least_)) return;
  least_ = loss;
  best_step_ = step_;
}

kernels::NetworkLoss ClassTraining::start_loss() const {
  kernels::NetworkLoss l;
  l.shape = shape_;
  l.loss = kernels::Loss::logistic;
  l.parameters = parameters_.data();
  l.samples = rows_->held_out();
  l.labels = rows_->held_out_labels.data();
  l.value = loss_.data();
  return l;
}

ClassTraining::Outcome ClassTraining::outcome() const {
  return {best_step_ == 0 ? start_ : best_.download(), least_, best_step_, diverged_};
}

void train_classes(const Backend& backend, const std::vector<ClassTraining*>& trainings,
                   const std::string& stage, Observer& observer) {
  std::vector<kernels::NetworkLoss> starts;
  for (const ClassTraining* training : trainings) starts.push_back(training->start_loss());
  backend.operations().network().loss(starts);
  while (true) {
    for (ClassTraining* training : trainings) training->finish_round();
    check_cancelled(observer);
    std::vector<kernels::TrainingProblem> problems;
    std::size_t done = 0, total = 0;
    for (ClassTraining* training : trainings) {
      done += training->steps_done();
      total += training->steps();
      if (!training->done()) problems.push_back(training->next_round());
    }
    observer.progress(stage, done, total);
    if (problems.empty()) return;
    backend.operations().training()(problems);
  }
}

std::vector<Setting> training_settings(const ClassSchedule& schedule, std::size_t rows,
                                       const ClassTraining::Outcome& outcome,
                                       const kernels::NetworkShape& shape) {
  const auto epochs = [&](std::size_t steps) {
    return static_cast<double>(steps) / schedule.steps_per_epoch(rows);
  };
  return {{"epochs", epochs(schedule.steps)},
          {"best epoch", epochs(outcome.step)},
          {"held-out cross-entropy", outcome.loss},
          {"parameters", static_cast<double>(shape.parameters())}};
}

}  // namespace lodestein
