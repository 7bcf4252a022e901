#include "lodestein/simulate/latent_model.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <string>
#include <utility>

#include "core/eigen.hpp"
#include "core/shuffle.hpp"
#include "lodestein/core/error.hpp"
#include "simulate/check.hpp"

namespace lodestein {
namespace {

constexpr std::size_t hidden_units = 32;
constexpr double smallest_singular_value = 0.1;
constexpr int most_redraws = 100000;
constexpr std::size_t parallel_values = 1 << 16;  // below, threads cost more than they save

// f(z_pa) of one node; each writes the gradient [k] too unless it is null. The parents' values are
// gathered from the full latent vector, so that nothing is copied per sample.
struct Mechanism {
  std::vector<std::size_t> parents;
  std::vector<double> inner;       // linear: [k]. quadratic: L [k, k]. mlp: W1 [32, k]
  std::vector<double> inner_bias;  // mlp: b1 [32]
  std::vector<double> outer;       // mlp: W2 [32]
  double outer_bias = 0.0;         // mlp: b2

  double dot(const double* weights, const double* z) const {
    double sum = 0.0;
    for (std::size_t a = 0; a < parents.size(); ++a) sum += weights[a] * z[parents[a]];
    return sum;
  }
  void add(double factor, const double* weights, double* gradient) const {
    if (gradient == nullptr) return;
    for (std::size_t a = 0; a < parents.size(); ++a) gradient[a] += factor * weights[a];
  }

  double linear(const double* z, double* gradient) const {
    add(1.0, inner.data(), gradient);
    return dot(inner.data(), z);
  }
  // f = ||L z||, gradient L^T L z / f. The kink at 0 has probability 0; there the gradient is 0.
  double quadratic(const double* z, double* gradient) const {
    const std::size_t k = parents.size();
    double square = 0.0;
    for (std::size_t r = 0; r < k; ++r) {
      const double projection = dot(&inner[r * k], z);
      square += projection * projection;
      add(projection, &inner[r * k], gradient);
    }
    const double value = std::sqrt(square);
    if (gradient != nullptr && value > 0.0) {
      for (std::size_t a = 0; a < k; ++a) gradient[a] /= value;
    }
    return value;
  }
  double mlp(const double* z, double* gradient) const {
    const std::size_t k = parents.size();
    double value = outer_bias;
    for (std::size_t h = 0; h < hidden_units; ++h) {
      const double activation = inner_bias[h] + dot(&inner[h * k], z);
      if (activation <= 0.0) continue;
      value += outer[h] * activation;
      add(outer[h], &inner[h * k], gradient);
    }
    return value;
  }
};

Mechanism draw_linear(std::vector<std::size_t> parents, const LatentModelOptions& options,
                      Draws& draws) {
  Mechanism result{std::move(parents), {}, {}, {}, 0.0};
  for (std::size_t a = 0; a < result.parents.size(); ++a) {
    const double sign = draws.below(2) == 0 ? -1.0 : 1.0;
    result.inner.push_back(sign * draws.uniform(options.weight_low, options.weight_high));
  }
  return result;
}

Mechanism draw_quadratic(std::vector<std::size_t> parents, Draws& draws) {
  Mechanism result{std::move(parents), {}, {}, {}, 0.0};
  const std::size_t k = result.parents.size();
  if (k == 0) return result;
  Matrix l(k, k);
  for (int redraw = 0; redraw < most_redraws; ++redraw) {
    std::generate_n(l.data(), k * k, [&] { return draws.uniform(-1.0, 1.0); });
    const Eigen::BDCSVD<Eigen::MatrixXd> svd(as_eigen(l));
    if (svd.singularValues().minCoeff() < smallest_singular_value) continue;
    result.inner.assign(l.data(), l.data() + k * k);
    return result;
  }
  throw InvalidArgument("quadratic mechanism with " + std::to_string(k) + " parents: none of " +
                        std::to_string(most_redraws) +
                        " draws has its smallest singular value at 0.1 or above; lower density or "
                        "latents");
}

// torch.nn.Linear's default: weights and biases uniform within 1 / sqrt(inputs).
Mechanism draw_mlp(std::vector<std::size_t> parents, Draws& draws) {
  Mechanism result{std::move(parents), {}, {}, {}, 0.0};
  const std::size_t k = result.parents.size();
  if (k == 0) return result;
  const auto fill = [&](std::vector<double>& values, std::size_t count, double bound) {
    for (std::size_t i = 0; i < count; ++i) values.push_back(draws.uniform(-bound, bound));
  };
  const double inner = 1.0 / std::sqrt(static_cast<double>(k));
  const double outer = 1.0 / std::sqrt(static_cast<double>(hidden_units));
  fill(result.inner, hidden_units * k, inner);
  fill(result.inner_bias, hidden_units, inner);
  fill(result.outer, hidden_units, outer);
  result.outer_bias = draws.uniform(-outer, outer);
  return result;
}

Mechanism draw_mechanism(std::vector<std::size_t> parents, const LatentModelOptions& options,
                         Draws draws) {
  switch (options.family) {
    case LatentFamily::linear:
      return draw_linear(std::move(parents), options, draws);
    case LatentFamily::quadratic:
      return draw_quadratic(std::move(parents), draws);
    case LatentFamily::mlp:
      return draw_mlp(std::move(parents), draws);
  }
  throw InvalidArgument("option family: not one of linear, quadratic, mlp");
}

// What an intervention makes of every node: z_i = factor_i f_i(z_pa) + sqrt(variance_i) e_i.
struct Regime {
  std::vector<double> factor, variance;
};

[[noreturn]] void refuse(const std::string& what) {
  throw InvalidArgument("intervention: " + what);
}

double changed_variance(double variance, std::size_t node, const InterventionSpec& intervention) {
  if (!(intervention.variance >= 0.0)) refuse("variance must be greater than 0, or 0 for unset");
  const double result = intervention.variance > 0.0 ? intervention.variance
                                                    : variance * intervention.variance_scale +
                                                          intervention.variance_increase;
  if (!(result > 0.0) || !std::isfinite(result)) {
    refuse("node " + std::to_string(node) + " would get noise variance " + std::to_string(result) +
           "; it must be greater than 0: raise variance_scale or variance_increase");
  }
  return result;
}

Regime regime(const std::vector<double>& variances, const InterventionSpec& intervention) {
  Regime result{std::vector<double>(variances.size(), 1.0), variances};
  std::vector<bool> seen(variances.size(), false);
  const double factor = intervention.type == Intervention::hard ? 0.0 : intervention.soft_factor;
  if (!std::isfinite(factor)) refuse("soft_factor must be finite");
  for (const std::size_t node : intervention.targets) {
    if (node >= variances.size()) {
      refuse("target " + std::to_string(node) + " is not a node; there are " +
             std::to_string(variances.size()) + ", counted from 0");
    }
    if (seen[node]) refuse("target " + std::to_string(node) + " is named twice");
    seen[node] = true;
    result.factor[node] = factor;
    result.variance[node] = changed_variance(variances[node], node, intervention);
  }
  return result;
}

}  // namespace

struct LatentModel::Mechanisms {
  LatentFamily family = LatentFamily::linear;
  std::vector<Mechanism> nodes;

  double evaluate(std::size_t node, const double* z, double* gradient = nullptr) const {
    const Mechanism& mechanism = nodes[node];
    if (gradient != nullptr) std::fill_n(gradient, mechanism.parents.size(), 0.0);
    if (mechanism.parents.empty()) return 0.0;
    if (family == LatentFamily::linear) return mechanism.linear(z, gradient);
    if (family == LatentFamily::quadratic) return mechanism.quadratic(z, gradient);
    return mechanism.mlp(z, gradient);
  }

  void add_score(const Regime& regime, const double* z, double* score, double* gradient) const {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const double factor = regime.factor[i];
      const double residual = z[i] - (factor == 0.0 ? 0.0 : factor * evaluate(i, z, gradient));
      const double own = -residual / regime.variance[i];
      score[i] += own;
      if (factor == 0.0) continue;
      const auto& parents = nodes[i].parents;
      for (std::size_t a = 0; a < parents.size(); ++a) {
        score[parents[a]] -= own * factor * gradient[a];
      }
    }
  }

  double log_density(const Regime& regime, const double* z) const {
    double result = 0.0;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const double residual = z[i] - regime.factor[i] * evaluate(i, z);
      const double variance = regime.variance[i];
      result -=
          0.5 * (std::log(2.0 * std::numbers::pi * variance) + residual * residual / variance);
    }
    return result;
  }
};

LatentModel::LatentModel(const LatentModelOptions& options, Seed seed, std::uint32_t redraw)
    : mechanisms_(std::make_unique<Mechanisms>()) {
  check(options);
  const std::size_t n = options.latents;
  graph_ = Digraph(n);
  order_.resize(n);
  std::iota(order_.begin(), order_.end(), std::size_t{0});
  const RandomStream graph_stream(seed, Purpose::graph, 0, redraw);
  if (options.random_order) shuffle(order_, graph_stream.at(0));
  Draws edge_draws = graph_stream.at(1);
  for (std::size_t to = 1; to < n; ++to) {
    for (std::size_t from = 0; from < to; ++from) {
      if (edge_draws.uniform() < options.density) graph_.set_edge(order_[from], order_[to]);
    }
  }
  mechanisms_->family = options.family;
  for (std::size_t i = 0; i < n; ++i) {
    const RandomStream stream(seed, Purpose::mechanism, static_cast<std::uint32_t>(i), redraw);
    mechanisms_->nodes.push_back(draw_mechanism(graph_.parents(i), options, stream.at(0)));
  }
  Draws variance_draws = RandomStream(seed, Purpose::noise_variance, 0, redraw).at(0);
  noise_variances_.resize(n);
  for (double& v : noise_variances_) {
    v = variance_draws.uniform(options.noise_variance_low, options.noise_variance_high);
  }
  if (options.family != LatentFamily::linear) return;
  weights_ = Matrix(n, n);
  for (std::size_t i = 0; i < n; ++i) {
    const Mechanism& node = mechanisms_->nodes[i];
    for (std::size_t a = 0; a < node.parents.size(); ++a) {
      weights_(node.parents[a], i) = node.inner[a];
    }
  }
}

LatentModel::LatentModel(ConstMatrixView weights, std::vector<double> noise_variances)
    : graph_(weights.rows()),
      noise_variances_(std::move(noise_variances)),
      weights_(weights),
      mechanisms_(std::make_unique<Mechanisms>()) {
  const std::size_t n = weights.rows();
  if (weights.cols() != n || noise_variances_.size() != n || n == 0) {
    throw DimensionMismatch("linear latent model: weights are " + std::to_string(n) + " x " +
                            std::to_string(weights.cols()) + " and there are " +
                            std::to_string(noise_variances_.size()) +
                            " noise variances; all three numbers must be equal and at least 1");
  }
  for (std::size_t i = 0; i < n; ++i) {
    check_positive("noise_variances[" + std::to_string(i) + "]", noise_variances_[i]);
    for (std::size_t j = 0; j < n; ++j) {
      const std::string name = "weights(" + std::to_string(i) + ", " + std::to_string(j) + ")";
      check_finite(name, weights(i, j));
      if (weights(i, j) == 0.0) continue;
      check_option(i != j, name, weights(i, j), "0: a latent does not cause itself");
      graph_.set_edge(i, j);
    }
  }
  auto order = topological_order(graph_);
  if (!order) {
    throw InvalidArgument(
        "linear latent model: the weights form a directed cycle; weights(i, j) is the effect of i "
        "on j and the graph must be acyclic");
  }
  order_ = std::move(*order);
  for (std::size_t i = 0; i < n; ++i) {
    Mechanism node{graph_.parents(i), {}, {}, {}, 0.0};
    for (const std::size_t parent : node.parents) node.inner.push_back(weights(parent, i));
    mechanisms_->nodes.push_back(std::move(node));
  }
}

LatentModel::~LatentModel() = default;
LatentModel::LatentModel(LatentModel&&) noexcept = default;
LatentModel& LatentModel::operator=(LatentModel&&) noexcept = default;

Matrix LatentModel::sample(std::size_t samples, const InterventionSpec& intervention,
                           const RandomStream& stream) const {
  const std::size_t n = latents();
  const Regime changed = regime(noise_variances_, intervention);
  std::vector<double> deviation(n);
  for (std::size_t i = 0; i < n; ++i) deviation[i] = std::sqrt(changed.variance[i]);
  Matrix result(samples, n);
#pragma omp parallel for schedule(static) if (samples * n >= parallel_values)
  for (std::size_t k = 0; k < samples; ++k) {
    double* z = result.row(k);
    Draws draws = stream.at(k);
    for (std::size_t i = 0; i < n; ++i) z[i] = deviation[i] * draws.normal();
    for (const std::size_t i : order_) {
      if (changed.factor[i] != 0.0) z[i] += changed.factor[i] * mechanisms_->evaluate(i, z);
    }
  }
  return result;
}

Matrix LatentModel::score(ConstMatrixView z, const InterventionSpec& intervention) const {
  check_columns(z);
  const Regime changed = regime(noise_variances_, intervention);
  Matrix result(z.rows(), latents());
#pragma omp parallel if (z.rows() * z.cols() >= parallel_values)
  {
    std::vector<double> gradient(latents());
#pragma omp for schedule(static)
    for (std::size_t k = 0; k < z.rows(); ++k) {
      mechanisms_->add_score(changed, z.row(k), result.row(k), gradient.data());
    }
  }
  return result;
}

std::vector<double> LatentModel::log_density(ConstMatrixView z,
                                             const InterventionSpec& intervention) const {
  check_columns(z);
  const Regime changed = regime(noise_variances_, intervention);
  std::vector<double> result(z.rows());
#pragma omp parallel for schedule(static) if (z.rows() * z.cols() >= parallel_values)
  for (std::size_t k = 0; k < z.rows(); ++k) {
    result[k] = mechanisms_->log_density(changed, z.row(k));
  }
  return result;
}

// z = B^T z + e with B the weights under the intervention, so Cov z = T D T^T, T = (I - B^T)^-1.
Matrix LatentModel::covariance(const InterventionSpec& intervention) const {
  if (weights_.empty()) {
    throw InvalidArgument(
        "covariance: there is a closed form for linear latent models only; estimate it from "
        "sample() for the other families");
  }
  const Regime changed = regime(noise_variances_, intervention);
  const auto n = static_cast<Eigen::Index>(latents());
  const Eigen::Map<const Eigen::VectorXd> factor(changed.factor.data(), n);
  const Eigen::Map<const Eigen::VectorXd> variance(changed.variance.data(), n);
  const Eigen::MatrixXd identity = Eigen::MatrixXd::Identity(n, n);
  const Eigen::MatrixXd direct = factor.asDiagonal() * as_eigen(weights_).transpose();
  const Eigen::MatrixXd total = (identity - direct).partialPivLu().solve(identity);
  const Eigen::MatrixXd scaled = total * variance.cwiseSqrt().asDiagonal();
  return to_matrix((scaled * scaled.transpose()).eval());
}

void LatentModel::check_columns(ConstMatrixView z) const {
  if (z.cols() == latents()) return;
  throw DimensionMismatch("latent model: z has " + std::to_string(z.cols()) +
                          " columns, the model has " + std::to_string(latents()) + " latents");
}

}  // namespace lodestein
