#include "lodestein/score/classifier.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>

#include "core/eigen.hpp"
#include "lodestein/core/error.hpp"
#include "score/class_training.hpp"
#include "score/gaussian_ratio.hpp"
#include "score/network_ratio.hpp"
#include "score/ratio.hpp"

namespace lodestein {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using kernels::NetworkShape;

void check_options(const ClassifierOptions& o) {
  check_class_training("classifier", o);
  if (o.gaussian_start && !o.quadratic)
    throw InvalidArgument(
        "classifier: gaussian_start needs quadratic; turn it off for a trunk with linear heads");
}

NetworkShape shape_of(const ClassifierOptions& options, const Classes& classes) {
  NetworkShape shape = class_shape(classes, options.hidden);
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

ClassSchedule schedule_of(const ClassifierOptions& options, std::size_t rows) {
  ClassSchedule s = ClassSchedule::of(options, rows);
  constexpr double evaluations = 50;  // at most, of the held-out loss
  const double between =
      std::max(s.steps_per_epoch(rows), static_cast<double>(s.steps) / evaluations);
  s.evaluate_every = std::clamp<std::size_t>(static_cast<std::size_t>(std::llround(between)), 1,
                                             std::max<std::size_t>(s.steps, 1));
  return s;
}

// One task from its labelled rows to its differences.
class Trainee {
 public:
  Trainee(const Backend& backend, const ClassifierTask& task)
      : backend_(backend),
        task_(task),
        classes_(label_environments(*task.dataset, task.options.held_out, task.seed)),
        shape_(shape_of(task.options, classes_)),
        schedule_(schedule_of(task.options, classes_.training_labels.size())),
        training_(memory(), std::make_shared<ClassRows>(memory(), classes_), shape_, schedule_,
                  start(), kernels::PhiloxStream(task.seed, Purpose::classifier_rows).key) {}

  ClassTraining* training() { return &training_; }

  ScoreDifferences result() const {
    const ClassTraining::Outcome outcome = training_.outcome();
    DifferenceSummary summary{.estimator = "classifier",
                              .environments = interventional_names(*task_.dataset)};
    summary.settings =
        training_settings(schedule_, classes_.training_labels.size(), outcome, shape_);
    if (outcome.diverged) summary.findings.push_back(diverged());
    auto model = std::make_shared<NetworkRatio>(backend_, classes_.whitening, shape_,
                                                log_priors(classes_), outcome.parameters);
    judge(*model, classes_.held_out_points, summary);
    return {std::move(model), std::move(summary)};
  }

 private:
  const kernels::Memory& memory() const { return backend_.operations().memory(); }
  std::vector<float> start() const {
    std::vector<float> parameters =
        kernels::initial_parameters(shape_, RandomStream(task_.seed, Purpose::classifier));
    if (task_.options.gaussian_start) start_gaussian(classes_, shape_, parameters);
    return parameters;
  }
  static Finding diverged() {
    return {Severity::warning, "training-diverged",
            "the classifier's training diverged; the best parameters before that are used",
            "lower the rate"};
  }

  Backend backend_;
  ClassifierTask task_;
  Classes classes_;
  NetworkShape shape_;
  ClassSchedule schedule_;
  ClassTraining training_;
};

}  // namespace

std::vector<ScoreDifferences> classifier_differences(const Backend& backend,
                                                     std::span<const ClassifierTask> tasks,
                                                     Observer& observer) {
  std::vector<std::unique_ptr<Trainee>> trainees;  // their views point into themselves
  for (const ClassifierTask& task : tasks) check_options(task.options);
  for (const ClassifierTask& task : tasks)
    trainees.push_back(std::make_unique<Trainee>(backend, task));
  std::vector<ClassTraining*> trainings;
  for (const auto& trainee : trainees) trainings.push_back(trainee->training());
  train_classes(backend, trainings, "classifier", observer);
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
