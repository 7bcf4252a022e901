#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>

#include "core/eigen.hpp"
#include "kernels/operations.hpp"
#include "kernels/philox.hpp"
#include "lodestein/core/error.hpp"
#include "score/contrastive_head.hpp"
#include "score/latent_network.hpp"

namespace lodestein {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using kernels::Buffer;
using kernels::NetworkShape;
using kernels::Resident;
using kernels::View;

constexpr std::size_t rounds = 20;  // calls of the training, between which it can be cancelled
constexpr std::size_t evaluations_per_round = 3;

void check_options(const ContrastiveNetworkOptions& o) {
  const auto refuse = [](const std::string& what) {
    throw InvalidArgument("contrastive network: " + what);
  };
  if (o.hidden.empty()) refuse("it has no hidden layer; use contrastive_fit for a linear encoder");
  if (o.hidden.size() > NetworkShape::most_hidden)
    refuse("at most " + std::to_string(NetworkShape::most_hidden) + " hidden layers");
  for (const std::uint32_t width : o.hidden) {
    if (width == 0) refuse("a hidden layer has width 0; leave it out or give it units");
  }
  if (o.starts == 0) refuse("starts must be at least 1");
  if (!(o.rate > 0.0) || !std::isfinite(o.rate)) refuse("rate must be positive, e.g. 2e-3");
  if (!(o.weight_decay >= 0.0)) refuse("weight_decay can't be negative; 1e-5 is usual");
  if (o.batch == 0) refuse("batch must be at least 1, e.g. 1024");
  if (!(o.epochs > 0.0) || !std::isfinite(o.epochs)) refuse("epochs must be positive, e.g. 40");
}

NetworkShape shape_of(const ContrastiveNetworkOptions& options, const Classes& classes) {
  NetworkShape shape;
  shape.inputs = static_cast<std::uint32_t>(classes.dimension);
  shape.outputs = static_cast<std::uint32_t>(classes.environments - 1);
  shape.depth = static_cast<std::uint32_t>(options.hidden.size());
  std::copy(options.hidden.begin(), options.hidden.end(), shape.hidden);
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

struct Outcome {
  std::vector<float> parameters;
  double loss = std::numeric_limits<double>::infinity();  ///< held-out cross-entropy
  std::size_t step = 0;                                   ///< at which it was least; 0: the start
  bool diverged = false;
};

// All starts on the same rows, in the same calls.
class Training {
 public:
  Training(const Backend& backend, const Classes& classes, const NetworkShape& shape,
           const ContrastiveNetworkOptions& options, Seed seed)
      : operations_(backend.operations()),
        shape_(shape),
        options_(options),
        seed_(seed),
        rows_(classes.training_labels.size()),
        held_out_rows_(classes.held_out_labels.size()),
        samples_(operations_.memory(), classes.training),
        held_out_(operations_.memory(), classes.held_out),
        labels_(operations_.memory(), classes.training_labels),
        held_out_labels_(operations_.memory(), classes.held_out_labels) {
    batch_ = std::min(options.batch, rows_);
    const double wanted =
        std::ceil(options.epochs * static_cast<double>(rows_) / static_cast<double>(batch_));
    const std::size_t steps = std::max(static_cast<std::size_t>(wanted), options.least_steps);
    evaluate_every_ = std::max<std::size_t>(1, steps / (rounds * evaluations_per_round));
    steps_per_round_ = evaluate_every_ * evaluations_per_round;
    steps_ = steps_per_round_ * ((steps + steps_per_round_ - 1) / steps_per_round_);
  }

  double steps_per_epoch() const {
    return static_cast<double>(rows_) / static_cast<double>(batch_);
  }
  std::size_t steps() const { return steps_; }

  std::vector<Outcome> run(const std::vector<std::vector<float>>& starts, Observer& observer) {
    std::vector<Outcome> outcomes;
    for (const std::vector<float>& start : starts) {
      runs_.emplace_back(operations_.memory(), start, evaluations_per_round);
      outcomes.push_back({start, start_loss(runs_.back())});
    }
    std::size_t done = 0;
    while (done < steps_) {
      check_cancelled(observer);
      observer.progress("contrastive", done, steps_);
      std::vector<kernels::TrainingProblem> problems;
      for (std::size_t s = 0; s < runs_.size(); ++s)
        problems.push_back(problem(s, done, outcomes[s].loss));
      operations_.training()(problems);
      for (std::size_t s = 0; s < runs_.size(); ++s) record(runs_[s], done, outcomes[s]);
      done += steps_per_round_;
    }
    observer.progress("contrastive", steps_, steps_);
    for (std::size_t s = 0; s < runs_.size(); ++s) {
      if (outcomes[s].step > 0) outcomes[s].parameters = runs_[s].best.download();
    }
    return outcomes;
  }

 private:
  struct Run {
    Buffer<float> parameters, best, moments;
    Buffer<double> losses;
    Run(const kernels::Memory& memory, const std::vector<float>& start, std::size_t evaluations)
        : parameters(memory, start),
          best(memory, start),
          moments(memory, 2 * start.size()),
          losses(memory, evaluations) {
      moments.clear();
    }
  };

  View<const float> held_out() const { return {held_out_.data(), held_out_rows_, shape_.inputs}; }

  double start_loss(const Run& run) const {
    const Buffer<double> value(operations_.memory(), 1);
    kernels::NetworkLoss l;
    l.shape = shape_;
    l.loss = kernels::Loss::logistic;
    l.parameters = run.parameters.data();
    l.samples = held_out();
    l.labels = held_out_labels_.data();
    l.value = value.data();
    operations_.network().loss({&l, 1});
    return value.download().front();
  }

  kernels::TrainingProblem problem(std::size_t start, std::size_t done, double least) const {
    const Run& run = runs_[start];
    kernels::TrainingProblem p;
    p.shape = shape_;
    p.loss = kernels::Loss::logistic;
    p.samples = {samples_.data(), rows_, shape_.inputs};
    p.labels = labels_.data();
    p.batch = batch_;
    p.steps = steps_per_round_;
    p.first_step = done;
    p.total_steps = steps_;
    p.adam.rate = static_cast<float>(options_.rate);
    p.adam.decay = static_cast<float>(options_.weight_decay);
    p.cosine = true;
    p.key =
        kernels::PhiloxStream(seed_, Purpose::contrastive_rows, static_cast<std::uint32_t>(start))
            .key;
    p.parameters = run.parameters.data();
    p.moments = run.moments.data();
    p.held_out = held_out();
    p.held_out_labels = held_out_labels_.data();
    p.evaluate_every = evaluate_every_;
    p.held_out_losses = run.losses.data();
    p.least_held_out = least;
    p.best = run.best.data();
    return p;
  }

  void record(const Run& run, std::size_t done, Outcome& outcome) const {
    for (const double loss : run.losses.download()) {
      done += evaluate_every_;
      outcome.diverged = outcome.diverged || !std::isfinite(loss);
      if (!(loss < outcome.loss)) continue;
      outcome.loss = loss;
      outcome.step = done;
    }
  }

  const kernels::Operations& operations_;
  NetworkShape shape_;
  ContrastiveNetworkOptions options_;
  Seed seed_;
  std::size_t rows_, held_out_rows_, batch_ = 0, steps_ = 0, evaluate_every_ = 0,
                                     steps_per_round_ = 0;
  Resident<float> samples_, held_out_;
  Resident<std::int32_t> labels_, held_out_labels_;
  std::vector<Run> runs_;
};

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
  VectorXd deviation;
};
Standardised standardised(std::shared_ptr<const LatentNetwork> network, ConstMatrixView x) {
  const Encoder raw(std::move(network));
  const Matrix z = raw(x);
  const Eigen::RowVectorXd mean = as_eigen(z).colwise().mean();
  const auto n = static_cast<double>(z.rows());
  VectorXd deviation =
      ((as_eigen(z).rowwise() - mean).colwise().squaredNorm() / n).cwiseSqrt().transpose();
  for (double& s : deviation) s = s > 0.0 ? s : 1.0;  // a latent that collapsed stays 0
  const Encoder scaled(to_matrix(MatrixXd(deviation.cwiseInverse().asDiagonal())),
                       {mean.data(), mean.data() + mean.size()});
  return {composed(scaled, raw), deviation};
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
  Training training(backend, classes, shape, options, seed);
  const std::vector<Outcome> outcomes = training.run(starts, observer);
  const auto better = [](const Outcome& a, const Outcome& b) { return a.loss < b.loss; };
  const auto best = static_cast<std::size_t>(
      std::min_element(outcomes.begin(), outcomes.end(), better) - outcomes.begin());

  DifferenceSummary summary{.estimator = "contrastive network",
                            .environments = interventional_names(dataset)};
  const auto epochs = [&](std::size_t steps) {
    return static_cast<double>(steps) / training.steps_per_epoch();
  };
  summary.settings = {{"epochs", epochs(training.steps())},
                      {"best epoch", epochs(outcomes[best].step)},
                      {"best start", static_cast<double>(best)},
                      {"held-out cross-entropy", outcomes[best].loss},
                      {"parameters", static_cast<double>(shape.parameters())}};
  add_findings(outcomes, best, summary);
  std::vector<double> priors;
  for (std::size_t m = 0; m < shape.outputs; ++m) priors.push_back(classes.log_prior(m));
  const CausalLogits logits(shape, outcomes[best].parameters);
  const auto network = std::make_shared<const LatentNetwork>(backend, classes.whitening, shape,
                                                             outcomes[best].parameters);
  auto model = std::make_shared<CausalRatio>(network, logits, priors);
  judge(*model, classes.held_out_points, summary);
  const Standardised result = standardised(network, dataset.observational().samples);
  return {ScoreDifferences(std::move(model), std::move(summary)), result.encoder,
          structural_weights(logits.rows, result.deviation)};
}

}  // namespace lodestein
