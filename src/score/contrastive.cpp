#include "lodestein/score/contrastive.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>

#include "core/eigen.hpp"
#include "core/lbfgs.hpp"
#include "kernels/operations.hpp"
#include "lodestein/core/error.hpp"
#include "score/class_training.hpp"
#include "score/contrastive_head.hpp"
#include "score/gaussian_ratio.hpp"
#include "score/network_ratio.hpp"

namespace lodestein {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using kernels::Buffer;
using kernels::NetworkShape;
using kernels::Resident;
using kernels::View;
using Head = ContrastiveHead;

void check_options(const ContrastiveOptions& o) {
  if (!(o.sparsity >= 0.0) || !(o.acyclicity >= 0.0))
    throw InvalidArgument("contrastive: penalties can't be negative");
  if (o.iterations == 0) throw InvalidArgument("contrastive: iterations must be at least 1");
}

NetworkShape form_shape(const Classes& classes) {
  NetworkShape shape = class_shape(classes);
  shape.quadratic = true;
  return shape;
}

// Logits of a network without hidden layers: weights, biases and quadratic forms of each output.
std::vector<float> parameters_of(const Head& head, const NetworkShape& shape) {
  std::vector<float> p(shape.parameters(), 0.0f);
  const auto d = static_cast<Index>(shape.inputs);
  for (Index m = 0; m < head.count(); ++m) {
    const auto output = static_cast<std::uint32_t>(m);
    const VectorXd h = head.encoder.row(m).transpose();
    const VectorXd b = head.encoder.transpose() * head.row(m);
    const double l2 = head.lambda(m) * head.lambda(m);
    float* weights = p.data() + shape.weights(1) + m * d;
    float* form = p.data() + shape.quadratic_weights(output);
    p[shape.biases(1) + output] = static_cast<float>(-head.constant(m));
    for (Index i = 0; i < d; ++i) {
      weights[i] = static_cast<float>(-head.linear(m) * h(i));
      for (Index j = 0; j < d; ++j)
        form[i * d + j] = static_cast<float>(b(i) * b(j) - l2 * h(i) * h(j));
    }
  }
  return p;
}

// The chain rule through parameters_of().
Head pulled_back(const Head& head, const NetworkShape& shape, const std::vector<float>& gradient) {
  const auto d = static_cast<Index>(shape.inputs);
  Head result(head.count(), d);
  using RowMajorF = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  for (Index m = 0; m < head.count(); ++m) {
    const auto output = static_cast<std::uint32_t>(m);
    const MatrixXd of_form =
        Eigen::Map<const RowMajorF>(gradient.data() + shape.quadratic_weights(output), d, d)
            .cast<double>();
    const MatrixXd form = 0.5 * (of_form + of_form.transpose());
    const VectorXd weights =
        Eigen::Map<const Eigen::VectorXf>(gradient.data() + shape.weights(1) + m * d, d)
            .cast<double>();
    const VectorXd h = head.encoder.row(m).transpose(), row = head.row(m);
    const VectorXd form_h = form * h, b = head.encoder.transpose() * row, of_b = 2.0 * form * b;
    const double lambda = head.lambda(m);
    result.constant(m) = -static_cast<double>(gradient[shape.biases(1) + output]);
    result.linear(m) = -weights.dot(h);
    result.lambda(m) = -2.0 * lambda * h.dot(form_h);
    result.encoder.row(m) -=
        (head.linear(m) * weights + 2.0 * lambda * lambda * form_h).transpose();
    result.encoder += row * of_b.transpose();
    const VectorXd of_row = head.encoder * of_b;
    result.scale(m) = of_row(m) - head.a.row(m).dot(of_row);
    result.a.row(m) = -head.scale(m) * of_row.transpose();
    result.a(m, m) = 0.0;
  }
  return result;
}

// Penalties on A, added to the gradient. |A| is rounded off at 1e-4.
double penalise(const Head& head, const ContrastiveOptions& options, Head& gradient) {
  constexpr double round = 1e-4;
  const Index k = head.count();
  const Eigen::ArrayXXd size = (head.a.array().square() + round * round).sqrt();
  gradient.a.array() += options.sparsity * head.a.array() / size;
  const MatrixXd step =
      MatrixXd::Identity(k, k) + head.a.cwiseProduct(head.a) / static_cast<double>(k);
  MatrixXd power = MatrixXd::Identity(k, k);
  for (Index i = 1; i < k; ++i) power *= step;
  gradient.a += options.acyclicity * 2.0 * power.transpose().cwiseProduct(head.a);
  const double cycles = (power * step).trace() - static_cast<double>(k);
  return options.sparsity * (size.sum() - round * static_cast<double>(k)) +
         options.acyclicity * cycles;
}

// u, v with -u u^T + v v^T the part of rank 2 of a form. They are known up to a hyperbolic
// rotation, which turns u to the linear term, where there is one: interventions move the mean along
// it.
struct RankTwo {
  VectorXd u, v;
};
RankTwo rank_two(const GaussianRatio& ratio) {
  constexpr double least = 1e-2;  // of both squares: a head at 0 would stay there
  const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(ratio.quadratic);
  const Index last = ratio.linear.size() - 1;
  const VectorXd low = eigen.eigenvectors().col(0), high = eigen.eigenvectors().col(last);
  const VectorXd u = std::sqrt(std::max(least, -eigen.eigenvalues()(0))) * low;
  const VectorXd v = std::sqrt(std::max(least, eigen.eigenvalues()(last))) * high;
  const double along = ratio.linear.dot(u) / u.squaredNorm();
  const double across = ratio.linear.dot(v) / v.squaredNorm();
  const double tanh = std::abs(along) > 0.05 ? across / along : 0.0;
  const double angle = std::atanh(std::clamp(tanh, -0.95, 0.95));
  return {std::cosh(angle) * u + std::sinh(angle) * v, std::sinh(angle) * u + std::cosh(angle) * v};
}

// That of the Gaussian fits.
Head start(const Classes& classes) {
  const auto d = static_cast<Index>(classes.dimension);
  const auto k = static_cast<Index>(classes.environments - 1);
  std::vector<EnvironmentMoments> moments = training_moments(classes);
  for (EnvironmentMoments& m : moments) as_eigen(m.covariance).diagonal().array() += 1e-4;
  const std::vector<GaussianRatio> ratios = gaussian_ratios(gaussian_scores(moments));
  Head head(k, d);
  MatrixXd b(k, d);
  for (Index m = 0; m < k; ++m) {
    const GaussianRatio& ratio = ratios[static_cast<std::size_t>(m)];
    const RankTwo form = rank_two(ratio);
    head.encoder.row(m) = form.u.transpose();
    b.row(m) = form.v.transpose();
    head.linear(m) = -form.u.dot(ratio.linear) / form.u.squaredNorm();
    head.constant(m) = -ratio.constant - classes.log_prior(static_cast<std::size_t>(m));
  }
  const MatrixXd rows =
      b * head.encoder.completeOrthogonalDecomposition().pseudoInverse();  // B = scale (I - A)
  for (Index m = 0; m < k; ++m) {
    head.scale(m) = std::abs(rows(m, m)) > 0.1 ? rows(m, m) : 1.0;
    head.a.row(m) = -rows.row(m) / head.scale(m);
    head.a(m, m) = 0.0;
  }
  return head;
}

class Objective {
 public:
  Objective(const Backend& backend, const Classes& classes, const NetworkShape& shape,
            const ContrastiveOptions& options, Observer& observer)
      : operations_(backend.operations()),
        shape_(shape),
        options_(options),
        observer_(observer),
        rows_(classes.training_labels.size()),
        samples_(operations_.memory(), classes.training),
        labels_(operations_.memory(), classes.training_labels) {}

  double operator()(const VectorXd& v, VectorXd& gradient) {
    check_cancelled(observer_);
    Head head((classes()), static_cast<Index>(shape_.inputs));
    head.unpack(v);
    const kernels::Memory& memory = operations_.memory();
    const Buffer<float> parameters(memory, parameters_of(head, shape_));
    const Buffer<float> slope(memory, shape_.parameters());
    const Buffer<double> value(memory, 1);
    kernels::NetworkLoss problem;
    problem.shape = shape_;
    problem.loss = kernels::Loss::logistic;
    problem.parameters = parameters.data();
    problem.samples = View<const float>(samples_.data(), rows_, shape_.inputs);
    problem.labels = labels_.data();
    problem.value = value.data();
    problem.gradient = slope.data();
    operations_.network().loss({&problem, 1});
    Head pulled = pulled_back(head, shape_, slope.download());
    const double f = value.download().front() + penalise(head, options_, pulled);
    gradient = pulled.packed();
    return f;
  }

  /// From `from`; the best point seen.
  VectorXd minimise(const VectorXd& from) {
    const auto settings = lbfgs_settings(1e-5, static_cast<int>(options_.iterations));
    Lowest lowest{from};
    go_down(settings, *this, lowest);  // 1e-5: fp32 gradients
    return lowest.point;
  }

 private:
  Index classes() const { return static_cast<Index>(shape_.outputs); }

  const kernels::Operations& operations_;
  NetworkShape shape_;
  ContrastiveOptions options_;
  Observer& observer_;
  std::size_t rows_;
  Resident<float> samples_;
  Resident<std::int32_t> labels_;
};

}  // namespace

void check_contrastive(const Dataset& dataset) {
  if (dataset.interventions() > dataset.feature_count()) {
    throw InvalidArgument("contrastive: " + std::to_string(dataset.interventions()) +
                          " interventional environments but " +
                          std::to_string(dataset.feature_count()) +
                          " variables; give one environment per latent");
  }
}

void centre_observational(Classes& classes) {
  const std::size_t d = classes.dimension;
  const EnvironmentMoments observational = training_moments(classes).front();
  const Eigen::Map<const VectorXd> mean(observational.mean.data(), static_cast<Index>(d));
  classes.whitening.mean += classes.whitening.backward * mean;
  for (std::vector<float>* y : {&classes.training, &classes.held_out}) {
    for (std::size_t i = 0; i < y->size(); ++i)
      (*y)[i] -= static_cast<float>(observational.mean[i % d]);
  }
}

ContrastiveHead linear_contrastive_head(const Backend& backend, const Classes& classes,
                                        const ContrastiveOptions& options, Observer& observer) {
  Head head = start(classes);
  Objective objective(backend, classes, form_shape(classes), options, observer);
  head.unpack(objective.minimise(head.packed()));
  return head;
}

ContrastiveFit contrastive_fit(const Backend& backend, const Dataset& dataset,
                               const ContrastiveOptions& options, Seed seed, Observer& observer) {
  check_options(options);
  check_contrastive(dataset);
  Classes classes = label_environments(dataset, options.held_out, seed);
  centre_observational(classes);
  const Head head = linear_contrastive_head(backend, classes, options, observer);
  const NetworkShape shape = form_shape(classes);
  DifferenceSummary summary{.estimator = "contrastive",
                            .environments = interventional_names(dataset)};
  auto model = std::make_shared<NetworkRatio>(backend, classes.whitening, shape,
                                              log_priors(classes), parameters_of(head, shape));
  judge(*model, classes.held_out_points, summary);

  // Latents in units of their observational standard deviations.
  const MatrixXd covariance = as_eigen(training_moments(classes).front().covariance);
  const VectorXd deviation =
      (head.encoder * covariance * head.encoder.transpose()).diagonal().cwiseSqrt();
  const MatrixXd encoder =
      deviation.cwiseInverse().asDiagonal() * head.encoder * classes.whitening.forward;
  const MatrixXd weights =
      deviation.asDiagonal() * head.a.transpose() * deviation.cwiseInverse().asDiagonal();
  const VectorXd& mean = classes.whitening.mean;
  return {ScoreDifferences(std::move(model), std::move(summary)),
          {mean.data(), mean.data() + mean.size()},
          to_matrix(encoder),
          to_matrix(weights)};
}

}  // namespace lodestein
