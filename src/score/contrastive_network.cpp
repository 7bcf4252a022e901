#include <algorithm>
#include <cmath>
#include <memory>
#include <string>

#include "core/eigen.hpp"
#include "kernels/operations.hpp"
#include "kernels/philox.hpp"
#include "lodestein/core/error.hpp"
#include "score/class_training.hpp"
#include "score/contrastive_head.hpp"
#include "score/latent_network.hpp"

namespace lodestein {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using kernels::NetworkShape;

void check_options(const ContrastiveNetworkOptions& o) {
  check_class_training("contrastive network", o);
  const auto refuse = [](const std::string& what) {
    throw InvalidArgument("contrastive network: " + what);
  };
  if (o.hidden.empty()) refuse("it has no hidden layer; use contrastive_fit for a linear encoder");
  if (o.starts == 0) refuse("starts must be at least 1");
}

NetworkShape shape_of(const ContrastiveNetworkOptions& options, const Classes& classes) {
  NetworkShape shape = class_shape(classes, options.hidden);
  shape.activation = kernels::Activation::silu;
  shape.skip = true;
  shape.causal = true;
  return shape;
}

// ---- starts

// The linear fit with latents at unit observational variance; the network's last layer is 0.
void start_linear(const ContrastiveHead& head, const MatrixXd& observational,
                  const NetworkShape& shape, std::vector<float>& parameters) {
  const VectorXd deviation =
      (head.encoder * observational * head.encoder.transpose()).diagonal().cwiseSqrt();
  const auto last = shape.depth + 1;
  std::fill(parameters.begin() + static_cast<std::ptrdiff_t>(shape.weights(last)),
            parameters.begin() + static_cast<std::ptrdiff_t>(shape.biases(last)), 0.0f);
  float* skip = parameters.data() + shape.skip_weights();
  float* to = parameters.data() + shape.causal_weights();
  const Index k = head.count(), d = head.encoder.cols();
  for (Index m = 0; m < k; ++m) {
    for (Index j = 0; j < d; ++j)
      skip[m * d + j] = static_cast<float>(head.encoder(m, j) / deviation(m));
    const VectorXd row = head.row(m).cwiseProduct(deviation);
    for (Index j = 0; j < k; ++j) to[m * k + j] = static_cast<float>(row(j));
    to[k * k + m] = static_cast<float>(head.lambda(m) * deviation(m));
    to[k * k + k + m] = static_cast<float>(-head.linear(m) * deviation(m));
    to[k * k + 2 * k + m] = static_cast<float>(-head.constant(m));
  }
}

// Random directions, no edges, and equal variances inside and outside interventions.
void start_random(const NetworkShape& shape, const RandomStream& stream,
                  std::vector<float>& parameters) {
  const std::size_t k = shape.outputs, d = shape.inputs;
  Draws draws = stream.at(0);
  float* skip = parameters.data() + shape.skip_weights();
  for (std::size_t i = 0; i < k * d; ++i)
    skip[i] = static_cast<float>(draws.normal() / std::sqrt(static_cast<double>(d)));
  constexpr float half = 0.70710678f;  // 1 / (2 half^2): unit variance
  float* to = parameters.data() + shape.causal_weights();
  for (std::size_t m = 0; m < k; ++m) {
    to[m * k + m] = half;
    to[k * k + m] = half;
    to[k * k + k + m] = -1.0f;
  }
}

// ---- training

using Outcome = ClassTraining::Outcome;

// All evaluations of the held-out loss are equally far apart.
ClassSchedule schedule_of(const ContrastiveNetworkOptions& options, std::size_t rows) {
  constexpr std::size_t evaluations = 60, of_a_round = 3;
  ClassSchedule s = ClassSchedule::of(options, rows);
  s.evaluate_every = std::max<std::size_t>(1, s.steps / evaluations);
  const std::size_t round = of_a_round * s.evaluate_every;
  s.steps = round * ((s.steps + round - 1) / round);
  return s;
}

// All starts on the same rows, in the same calls.
std::vector<Outcome> train(const Backend& backend, const Classes& classes,
                           const NetworkShape& shape, const ClassSchedule& schedule,
                           const std::vector<std::vector<float>>& starts, Seed seed,
                           Observer& observer) {
  const kernels::Memory& memory = backend.operations().memory();
  const auto rows = std::make_shared<const ClassRows>(memory, classes);
  std::vector<std::unique_ptr<ClassTraining>> trainings;
  std::vector<ClassTraining*> all;
  for (std::size_t s = 0; s < starts.size(); ++s) {
    const kernels::PhiloxStream stream(seed, Purpose::contrastive_rows,
                                       static_cast<std::uint32_t>(s));
    trainings.push_back(
        std::make_unique<ClassTraining>(memory, rows, shape, schedule, starts[s], stream.key));
    all.push_back(trainings.back().get());
  }
  train_classes(backend, all, "contrastive", observer);
  std::vector<Outcome> outcomes;
  for (const ClassTraining* training : all) outcomes.push_back(training->outcome());
  return outcomes;
}

// ---- result

void add_findings(const std::vector<Outcome>& outcomes, std::size_t best,
                  DifferenceSummary& summary) {
  const auto diverged =
      std::count_if(outcomes.begin(), outcomes.end(), [](const Outcome& o) { return o.diverged; });
  if (diverged > 0) {
    summary.findings.push_back({Severity::warning, "training-diverged",
                                std::to_string(diverged) + " of " +
                                    std::to_string(outcomes.size()) +
                                    " trainings diverged; the best parameters before that are used",
                                "lower the rate"});
  }
  if (outcomes[best].step == 0) {
    summary.findings.push_back({Severity::note, "no-better-than-start",
                                "no training did better than the linear fit on held-out samples",
                                "the mixing may be linear, or the samples too few for a network"});
  }
}

// Rows of B are scale (I - A); weights(i, j) is the effect of z_i on z_j at unit variances.
Matrix structural_weights(const MatrixXd& rows, const VectorXd& deviation) {
  constexpr double least = 1e-3;  // share of a row that belongs to its own latent
  const Index k = rows.rows();
  MatrixXd weights = MatrixXd::Zero(k, k);
  for (Index j = 0; j < k; ++j) {
    if (!(std::abs(rows(j, j)) > least * rows.row(j).norm())) continue;  // no latent of its own
    for (Index i = 0; i < k; ++i) {
      if (i != j) weights(i, j) = -rows(j, i) / rows(j, j) * deviation(i) / deviation(j);
    }
  }
  return to_matrix(weights);
}

// Latents at observational mean 0 and variance 1.
struct Standardised {
  Encoder encoder;
  VectorXd mean, deviation;
};
Standardised standardised(std::shared_ptr<const LatentNetwork> network, ConstMatrixView x) {
  const Encoder raw(std::move(network));
  const Matrix z = raw(x);
  const VectorXd mean = as_eigen(z).colwise().mean().transpose();
  const auto n = static_cast<double>(z.rows());
  VectorXd deviation = ((as_eigen(z).rowwise() - mean.transpose()).colwise().squaredNorm() / n)
                           .cwiseSqrt()
                           .transpose();
  for (double& s : deviation) s = s > 0.0 ? s : 1.0;  // a latent that collapsed stays 0
  const Encoder scaled(to_matrix(MatrixXd(deviation.cwiseInverse().asDiagonal())), to_vector(mean));
  return {composed(scaled, raw), mean, deviation};
}

// The same in fp64; what the head has is left out.
NetworkEncoder stored(const NetworkShape& shape, const std::vector<float>& parameters,
                      const Standardised& result) {
  const std::size_t p = shape.inputs;
  return {Matrix::identity(p),
          {shape.hidden, shape.hidden + shape.depth},
          {parameters.begin(),
           parameters.begin() + static_cast<std::ptrdiff_t>(shape.causal_weights())},
          to_vector(result.mean),
          to_vector(result.deviation),
          NetworkEncoder::Activation::silu};
}

}  // namespace

ContrastiveNetworkFit contrastive_network(const Backend& backend, const Dataset& dataset,
                                          const ContrastiveNetworkOptions& options, Seed seed,
                                          Observer& observer) {
  check_options(options);
  check_contrastive(dataset);
  Classes classes = label_environments(dataset, options.held_out, seed);
  centre_observational(classes);
  const NetworkShape shape = shape_of(options, classes);
  const ContrastiveHead head =
      linear_contrastive_head(backend, classes, {.iterations = 100}, observer);
  std::vector<std::vector<float>> starts;
  for (std::size_t s = 0; s < options.starts; ++s) {
    const RandomStream stream(seed, Purpose::contrastive, static_cast<std::uint32_t>(s));
    starts.push_back(kernels::initial_parameters(shape, stream));
    if (s == 0) {
      start_linear(head, as_eigen(training_moments(classes).front().covariance), shape,
                   starts.back());
    } else {
      start_random(shape, stream, starts.back());
    }
  }
  const std::size_t rows = classes.training_labels.size();
  const ClassSchedule schedule = schedule_of(options, rows);
  const std::vector<Outcome> outcomes =
      train(backend, classes, shape, schedule, starts, seed, observer);
  const auto better = [](const Outcome& a, const Outcome& b) { return a.loss < b.loss; };
  const auto best = static_cast<std::size_t>(
      std::min_element(outcomes.begin(), outcomes.end(), better) - outcomes.begin());

  DifferenceSummary summary{.estimator = "contrastive network",
                            .environments = interventional_names(dataset)};
  summary.settings = training_settings(schedule, rows, outcomes[best], shape);
  summary.settings.push_back({"best start", static_cast<double>(best)});
  add_findings(outcomes, best, summary);
  const CausalLogits logits(shape, outcomes[best].parameters);
  const auto network = std::make_shared<const LatentNetwork>(backend, classes.whitening, shape,
                                                             outcomes[best].parameters);
  auto model = std::make_shared<CausalRatio>(network, logits, log_priors(classes));
  judge(*model, classes.held_out_points, summary);
  const Standardised result = standardised(network, dataset.observational().samples);
  return {ScoreDifferences(std::move(model), std::move(summary)),
          result.encoder,
          structural_weights(logits.rows, result.deviation),
          to_vector(classes.whitening.mean),
          to_matrix(classes.whitening.forward),
          stored(shape, outcomes[best].parameters, result)};
}

}  // namespace lodestein
