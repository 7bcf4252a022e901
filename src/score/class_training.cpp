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
      best_(memory, start_),
      moments_(memory, 2 * start_.size()),
      start_loss_(memory, 1),
      losses_(memory, schedule.steps / schedule.evaluate_every) {
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
  const std::size_t seen = step_ / schedule_.evaluate_every;
  p.held_out_losses = losses_.data() + seen;
  const std::vector<double> before = losses_.download();
  for (std::size_t i = 0; i < seen; ++i) p.least_held_out = std::min(p.least_held_out, before[i]);
  p.best = best_.data();
  step_ += p.steps;
  return p;
}

kernels::NetworkLoss ClassTraining::start_loss() const {
  kernels::NetworkLoss l;
  l.shape = shape_;
  l.loss = kernels::Loss::logistic;
  l.parameters = parameters_.data();
  l.samples = rows_->held_out();
  l.labels = rows_->held_out_labels.data();
  l.value = start_loss_.data();
  return l;
}

ClassTraining::Outcome ClassTraining::outcome() const {
  Outcome outcome;
  outcome.loss = start_loss_.download().front();
  const std::vector<double> losses = losses_.download();
  for (std::size_t i = 0; i < losses.size(); ++i) {
    outcome.diverged = outcome.diverged || !std::isfinite(losses[i]);
    if (!(losses[i] < outcome.loss)) continue;
    outcome.loss = losses[i];
    outcome.step = (i + 1) * schedule_.evaluate_every;
  }
  outcome.parameters = outcome.step == 0 ? start_ : best_.download();
  return outcome;
}

void train_classes(const Backend& backend, const std::vector<ClassTraining*>& trainings,
                   const std::string& stage, Observer& observer) {
  std::vector<kernels::NetworkLoss> starts;
  for (const ClassTraining* training : trainings) starts.push_back(training->start_loss());
  backend.operations().network().loss(starts);
  while (true) {
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

}  // namespace lodestein
