#include "lodestein/score/classifier.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>

#include "core/eigen.hpp"
#include "kernels/operations.hpp"
#include "lodestein/core/error.hpp"
#include "score/classes.hpp"
#include "score/gaussian_ratio.hpp"
#include "score/network_ratio.hpp"
#include "score/ratio.hpp"

namespace lodestein {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using kernels::Buffer;
using kernels::NetworkShape;
using kernels::Resident;
using kernels::View;

void check_options(const ClassifierOptions& o) {
  const auto refuse = [](const std::string& what) { throw InvalidArgument("classifier: " + what); };
  if (o.hidden.size() > NetworkShape::most_hidden)
    refuse("at most " + std::to_string(NetworkShape::most_hidden) + " hidden layers");
  for (const std::uint32_t width : o.hidden) {
    if (width == 0) refuse("a hidden layer has width 0; leave it out or give it units");
  }
  if (o.gaussian_start && !o.quadratic)
    refuse("gaussian_start needs quadratic; turn it off for a trunk with linear heads");
  if (!(o.rate > 0.0) || !std::isfinite(o.rate)) refuse("rate must be positive, e.g. 2e-3");
  if (!(o.weight_decay >= 0.0)) refuse("weight_decay can't be negative; 1e-5 is usual");
  if (o.batch == 0) refuse("batch must be at least 1, e.g. 1024");
  if (!(o.epochs > 0.0) || !std::isfinite(o.epochs)) refuse("epochs must be positive, e.g. 15");
}

NetworkShape shape_of(const ClassifierOptions& options, const Classes& classes) {
  NetworkShape shape;
  shape.inputs = static_cast<std::uint32_t>(classes.dimension);
  shape.outputs = static_cast<std::uint32_t>(classes.environments - 1);
  shape.depth = static_cast<std::uint32_t>(options.hidden.size());
  std::copy(options.hidden.begin(), options.hidden.end(), shape.hidden);
  shape.skip = true;
  shape.quadratic = options.quadratic;
  return shape;
}

// Heads of the trunk at 0, the forms those of Gaussian fits.
void start_gaussian(const Classes& classes, const NetworkShape& shape,
                    std::vector<float>& parameters) {
  constexpr double floor = 1e-4;  // variances in whitened units; a constant column has none
  std::vector<EnvironmentMoments> moments = training_moments(classes);
  for (EnvironmentMoments& m : moments) as_eigen(m.covariance).diagonal().array() += floor;
  const std::vector<GaussianRatio> ratios = gaussian_ratios(gaussian_scores(moments));
  const auto head = shape.depth + 1;
  const auto put = [&](std::size_t at, double value) {
    parameters[at] = static_cast<float>(value);
  };
  std::fill(parameters.begin() + static_cast<std::ptrdiff_t>(shape.weights(head)),
            parameters.begin() + static_cast<std::ptrdiff_t>(shape.biases(head)), 0.0f);
  const std::size_t d = shape.inputs;
  for (std::uint32_t m = 0; m < shape.outputs; ++m) {
    const GaussianRatio& r = ratios[m];
    const VectorXd pulled = r.quadratic * r.centre, linear = r.linear - 2.0 * pulled;
    put(shape.biases(head) + m,
        r.constant - r.linear.dot(r.centre) + r.centre.dot(pulled) + classes.log_prior(m));
    for (std::size_t j = 0; j < d; ++j) {
      put(shape.skip_weights() + m * d + j, linear(static_cast<Index>(j)));
      for (std::size_t i = 0; i < d; ++i)
        put(shape.quadratic_weights(m) + i * d + j,
            r.quadratic(static_cast<Index>(i), static_cast<Index>(j)));
    }
  }
}

// One task's data and parameters where the training finds them.
class Trainee {
 public:
  Trainee(const Backend& backend, const ClassifierTask& task)
      : backend_(backend),
        memory_(backend.operations().memory()),
        task_(task),
        classes_(label_environments(*task.dataset, task.options.held_out, task.seed)),
        shape_(shape_of(task.options, classes_)),
        start_(start()),
        samples_(memory_, classes_.training),
        held_out_(memory_, classes_.held_out),
        labels_(memory_, classes_.training_labels),
        held_out_labels_(memory_, classes_.held_out_labels),
        parameters_(memory_, start_),
        best_(memory_, start_),
        start_loss_(memory_, 1) {
    const auto n = static_cast<double>(classes_.training_labels.size());
    batch_ = std::min(task.options.batch, classes_.training_labels.size());
    const double per_epoch = n / static_cast<double>(batch_);
    steps_ = std::max(static_cast<std::size_t>(std::ceil(task.options.epochs * per_epoch)),
                      task.options.least_steps);
    constexpr double evaluations = 50;  // at most, of the held-out loss
    const double steps_between = std::max(per_epoch, static_cast<double>(steps_) / evaluations);
    evaluate_every_ = std::clamp<std::size_t>(static_cast<std::size_t>(std::llround(steps_between)),
                                              1, std::max<std::size_t>(steps_, 1));
    losses_ = Buffer<double>(memory_, steps_ / evaluate_every_);
    moments_ = Buffer<float>(memory_, 2 * start_.size());
    moments_.clear();
  }

  bool done() const { return step_ == steps_; }
  std::size_t steps_done() const { return step_; }
  std::size_t steps() const { return steps_; }

  /// Up to the next held-out loss: between two calls somebody may stop.
  kernels::TrainingProblem next_round() {
    kernels::TrainingProblem p;
    const ClassifierOptions& o = task_.options;
    p.shape = shape_;
    p.loss = kernels::Loss::logistic;
    p.samples = view(samples_.data(), classes_.training_labels.size());
    p.labels = labels_.data();
    p.batch = batch_;
    p.first_step = step_;
    p.total_steps = steps_;
    p.steps = std::min(evaluate_every_, steps_ - step_);
    p.moments = moments_.data();
    p.adam.rate = static_cast<float>(o.rate);
    p.adam.decay = static_cast<float>(o.weight_decay);
    p.cosine = true;
    p.key = kernels::PhiloxStream(task_.seed, Purpose::classifier_rows).key;
    p.parameters = parameters_.data();
    p.held_out = view(held_out_.data(), classes_.held_out_labels.size());
    p.held_out_labels = held_out_labels_.data();
    p.evaluate_every = evaluate_every_;
    const std::size_t seen = step_ / evaluate_every_;
    p.held_out_losses = losses_.data() + seen;
    const std::vector<double> before = losses_.download();
    for (std::size_t i = 0; i < seen; ++i) p.least_held_out = std::min(p.least_held_out, before[i]);
    p.best = best_.data();
    step_ += p.steps;
    return p;
  }

  /// Of the start, which training doesn't evaluate.
  kernels::NetworkLoss start_loss() const {
    kernels::NetworkLoss l;
    l.shape = shape_;
    l.loss = kernels::Loss::logistic;
    l.parameters = parameters_.data();
    l.samples = view(held_out_.data(), classes_.held_out_labels.size());
    l.labels = held_out_labels_.data();
    l.value = start_loss_.data();
    return l;
  }

  ScoreDifferences result() const {
    const std::vector<double> losses = losses_.download();
    double least = start_loss_.download().front();
    std::size_t chosen = 0;  // evaluations; 0 is the start
    for (std::size_t i = 0; i < losses.size(); ++i) {
      if (!(losses[i] < least)) continue;
      least = losses[i];
      chosen = i + 1;
    }
    DifferenceSummary summary{.estimator = "classifier",
                              .environments = interventional_names(*task_.dataset)};
    const double per_epoch =
        static_cast<double>(classes_.training_labels.size()) / static_cast<double>(batch_);
    const auto epochs = [&](std::size_t steps) { return static_cast<double>(steps) / per_epoch; };
    summary.settings = {{"epochs", epochs(steps_)},
                        {"best epoch", epochs(chosen * evaluate_every_)},
                        {"held-out cross-entropy", least},
                        {"parameters", static_cast<double>(shape_.parameters())}};
    if (!losses.empty() && !std::isfinite(losses.back())) summary.findings.push_back(diverged());
    std::vector<double> priors;
    for (std::size_t m = 0; m < shape_.outputs; ++m) priors.push_back(classes_.log_prior(m));
    auto model = std::make_shared<NetworkRatio>(backend_, classes_.whitening, shape_, priors,
                                                chosen == 0 ? start_ : best_.download());
    judge(*model, classes_.held_out_points, summary);
    return {std::move(model), std::move(summary)};
  }

 private:
  std::vector<float> start() const {
    std::vector<float> parameters =
        kernels::initial_parameters(shape_, RandomStream(task_.seed, Purpose::classifier));
    if (task_.options.gaussian_start) start_gaussian(classes_, shape_, parameters);
    return parameters;
  }
  View<const float> view(const float* data, std::size_t rows) const {
    return {data, rows, classes_.dimension};
  }
  static Finding diverged() {
    return {Severity::warning, "training-diverged",
            "the classifier's training diverged; the best parameters before that are used",
            "lower the rate"};
  }

  Backend backend_;
  const kernels::Memory& memory_;
  ClassifierTask task_;
  Classes classes_;
  NetworkShape shape_;
  std::vector<float> start_;
  Resident<float> samples_, held_out_;
  Resident<std::int32_t> labels_, held_out_labels_;
  Buffer<float> parameters_, best_, moments_;
  Buffer<double> start_loss_, losses_;
  std::size_t batch_ = 0, steps_ = 0, step_ = 0, evaluate_every_ = 0;
};

// Round after round, all tasks together.
void train(const Backend& backend, const std::vector<std::unique_ptr<Trainee>>& trainees,
           Observer& observer) {
  while (true) {
    check_cancelled(observer);
    std::vector<kernels::TrainingProblem> problems;
    std::size_t done = 0, total = 0;
    for (const auto& trainee : trainees) {
      done += trainee->steps_done();
      total += trainee->steps();
      if (!trainee->done()) problems.push_back(trainee->next_round());
    }
    observer.progress("classifier", done, total);
    if (problems.empty()) return;
    backend.operations().training()(problems);
  }
}

}  // namespace

std::vector<ScoreDifferences> classifier_differences(const Backend& backend,
                                                     std::span<const ClassifierTask> tasks,
                                                     Observer& observer) {
  std::vector<std::unique_ptr<Trainee>> trainees;  // their views point into themselves
  for (const ClassifierTask& task : tasks) check_options(task.options);
  for (const ClassifierTask& task : tasks)
    trainees.push_back(std::make_unique<Trainee>(backend, task));
  std::vector<kernels::NetworkLoss> starts;
  for (const auto& trainee : trainees) starts.push_back(trainee->start_loss());
  backend.operations().network().loss(starts);
  train(backend, trainees, observer);
  std::vector<ScoreDifferences> results;
  for (const auto& trainee : trainees) results.push_back(trainee->result());
  return results;
}

ScoreDifferences classifier_differences(const Backend& backend, const Dataset& dataset,
                                        const ClassifierOptions& options, Seed seed,
                                        Observer& observer) {
  const ClassifierTask task{&dataset, options, seed};
  return classifier_differences(backend, std::span<const ClassifierTask>(&task, 1), observer)
      .front();
}

}  // namespace lodestein
