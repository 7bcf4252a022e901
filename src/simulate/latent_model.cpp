#include "lodestein/simulate/latent_model.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <string>
#include <utility>

#include "core/eigen.hpp"
#include "core/shuffle.hpp"
#include "kernels/operations.hpp"
#include "lodestein/core/error.hpp"
#include "simulate/check.hpp"
#include "simulate/mechanism.hpp"
#include "simulate/noise.hpp"
#include "simulate/option_names.hpp"
#include "simulate/placed.hpp"

namespace lodestein {
namespace {

constexpr std::size_t parallel_values = 1 << 16;  // below, threads cost more than they save

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
  if (!(intervention.share > 0.0 && intervention.share <= 1.0)) {
    refuse("share = " + std::to_string(intervention.share) + " of the samples must be in (0, 1]");
  }
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

// An environment's law: a mixture of the intervention and, unless all samples are reached, of
// nothing done.
struct Law {
  Regime changed, untouched;
  double share = 1.0;
  bool is_mixture() const { return share < 1.0; }
};

Law law_of(const std::vector<double>& variances, const InterventionSpec& intervention) {
  Law law{regime(variances, intervention), {}, intervention.share};
  if (intervention.targets.empty()) law.share = 1.0;
  if (law.is_mixture()) law.untouched = regime(variances, {});
  return law;
}

// log of the mixture's density, and the probability that a sample with these two log densities was
// reached.
struct Mixed {
  double log_density, reached;
};
Mixed mixed(double share, double changed, double untouched) {
  const double a = std::log(share) + changed, b = std::log1p(-share) + untouched;
  const double largest = std::max(a, b);
  if (std::isinf(largest)) return {largest, share};  // outside both supports
  const double sum = std::exp(a - largest) + std::exp(b - largest);
  return {largest + std::log(sum), std::exp(a - largest) / sum};
}

// z = B^T z + e with B the weights in the regime, so Cov z = T D T^T, T = (I - B^T)^-1.
Eigen::MatrixXd covariance_in(const Regime& regime, const Matrix& weights) {
  const auto n = static_cast<Eigen::Index>(weights.rows());
  const Eigen::Map<const Eigen::VectorXd> factor(regime.factor.data(), n);
  const Eigen::Map<const Eigen::VectorXd> variance(regime.variance.data(), n);
  const Eigen::MatrixXd identity = Eigen::MatrixXd::Identity(n, n);
  const Eigen::MatrixXd direct = factor.asDiagonal() * as_eigen(weights).transpose();
  const Eigen::MatrixXd total = (identity - direct).partialPivLu().solve(identity);
  const Eigen::MatrixXd scaled = total * variance.cwiseSqrt().asDiagonal();
  return scaled * scaled.transpose();
}

}  // namespace

struct LatentModel::Mechanisms {
  LatentFamily family = LatentFamily::linear;
  NoiseLaw noise{};
  std::vector<NodeMechanism> nodes;

  double evaluate(std::size_t node, const double* z, double* gradient = nullptr) const {
    const NodeMechanism& mechanism = nodes[node];
    if (gradient != nullptr) std::fill_n(gradient, mechanism.parents.size(), 0.0);
    if (mechanism.parents.empty()) return 0.0;
    if (family == LatentFamily::linear) return mechanism.linear(z, gradient);
    if (family == LatentFamily::quadratic) return mechanism.quadratic(z, gradient);
    return mechanism.mlp(z, gradient);
  }

  double residual_score(double residual, double variance) const {
    if (noise.family == NoiseFamily::gaussian) return -residual / variance;
    const double deviation = std::sqrt(variance);
    return noise_score(noise, residual / deviation) / deviation;
  }

  // score += weight grad log p(z) of one regime.
  void add_score(const Regime& regime, const double* z, double* score, double* gradient,
                 double weight = 1.0) const {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const double factor = regime.factor[i];
      const double residual = z[i] - (factor == 0.0 ? 0.0 : factor * evaluate(i, z, gradient));
      const double own = weight * residual_score(residual, regime.variance[i]);
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
      result += noise_log_density(noise, residual / std::sqrt(variance)) - 0.5 * std::log(variance);
    }
    return result;
  }

  void add_score(const Law& law, const double* z, double* score, double* gradient) const {
    if (!law.is_mixture()) {
      add_score(law.changed, z, score, gradient);
      return;
    }
    const double reached =
        mixed(law.share, log_density(law.changed, z), log_density(law.untouched, z)).reached;
    add_score(law.changed, z, score, gradient, reached);
    add_score(law.untouched, z, score, gradient, 1.0 - reached);
  }

  double log_density(const Law& law, const double* z) const {
    const double changed = log_density(law.changed, z);
    if (!law.is_mixture()) return changed;
    return mixed(law.share, changed, log_density(law.untouched, z)).log_density;
  }

  void sample(const Law& law, const std::vector<std::size_t>& order, Draws draws, double* z) const {
    const bool reached = !law.is_mixture() || draws.uniform() < law.share;
    const Regime& regime = reached ? law.changed : law.untouched;
    for (std::size_t i = 0; i < nodes.size(); ++i)
      z[i] = std::sqrt(regime.variance[i]) * draw_noise(noise, draws);
    for (const std::size_t i : order) {
      if (regime.factor[i] != 0.0) z[i] += regime.factor[i] * evaluate(i, z);
    }
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
  mechanisms_->noise = {options.noise, options.student_degrees};
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
    const NodeMechanism& node = mechanisms_->nodes[i];
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
    NodeMechanism node{graph_.parents(i), {}, {}, {}, 0.0};
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
  const Law law = law_of(noise_variances_, intervention);
  Matrix result(samples, n);
#pragma omp parallel for schedule(static) if (samples * n >= parallel_values)
  for (std::size_t k = 0; k < samples; ++k) {
    mechanisms_->sample(law, order_, stream.at(k), result.row(k));
  }
  return result;
}

std::vector<Matrix> LatentModel::sample(const Backend& backend, std::size_t samples,
                                        const std::vector<InterventionSpec>& interventions,
                                        const std::vector<RandomStream>& streams) const {
  if (streams.size() != interventions.size()) {
    throw DimensionMismatch("latent model: " + std::to_string(streams.size()) + " streams for " +
                            std::to_string(interventions.size()) + " interventions");
  }
  std::vector<Law> laws;
  for (const InterventionSpec& intervention : interventions)
    laws.push_back(law_of(noise_variances_, intervention));
  const bool bulk = noise() == NoiseFamily::gaussian &&
                    latents() <= kernels::Simulate::most_latents &&
                    std::none_of(laws.begin(), laws.end(), std::mem_fn(&Law::is_mixture));
  std::vector<Matrix> result;
  if (!bulk) {
    for (std::size_t m = 0; m < interventions.size(); ++m)
      result.push_back(sample(samples, interventions[m], streams[m]));
    return result;
  }
  const kernels::Operations& operations = backend.operations();
  const kernels::Memory& memory = operations.memory();
  const PlacedModel model(memory, mechanisms_->family, order_, mechanisms_->nodes);
  std::vector<kernels::Resident<double>> regimes;  // factor and variance of each
  std::vector<Returned> places;
  std::vector<kernels::SampleProblem> problems;
  for (std::size_t m = 0; m < laws.size(); ++m) {
    const auto& [factor, variance] = laws[m].changed;
    const double* f = regimes.emplace_back(memory, std::span<const double>(factor)).data();
    const double* v = regimes.emplace_back(memory, std::span<const double>(variance)).data();
    places.emplace_back(memory, samples, latents());
    problems.push_back(
        {model.view(), {f, v}, kernels::PhiloxStream(streams[m]), 0, places.back().view()});
  }
  operations.simulate().sample(problems);
  for (Returned& place : places) result.push_back(place.take());
  return result;
}

Matrix LatentModel::score(ConstMatrixView z, const InterventionSpec& intervention) const {
  check_columns(z);
  if (!has_score(noise())) {
    throw InvalidArgument("score: the density of " + name_of(noise_family_names, noise()) +
                          " noise jumps, so it has no score; use gaussian, laplace or student");
  }
  const Law law = law_of(noise_variances_, intervention);
  Matrix result(z.rows(), latents());
#pragma omp parallel if (z.rows() * z.cols() >= parallel_values)
  {
    std::vector<double> gradient(latents());
#pragma omp for schedule(static)
    for (std::size_t k = 0; k < z.rows(); ++k) {
      mechanisms_->add_score(law, z.row(k), result.row(k), gradient.data());
    }
  }
  return result;
}

std::vector<double> LatentModel::log_density(ConstMatrixView z,
                                             const InterventionSpec& intervention) const {
  check_columns(z);
  const Law law = law_of(noise_variances_, intervention);
  std::vector<double> result(z.rows());
#pragma omp parallel for schedule(static) if (z.rows() * z.cols() >= parallel_values)
  for (std::size_t k = 0; k < z.rows(); ++k) {
    result[k] = mechanisms_->log_density(law, z.row(k));
  }
  return result;
}

NoiseFamily LatentModel::noise() const { return mechanisms_->noise.family; }

Matrix LatentModel::covariance(const InterventionSpec& intervention) const {
  if (weights_.empty()) {
    throw InvalidArgument(
        "covariance: there is a closed form for linear latent models only; estimate it from "
        "sample() for the other families");
  }
  const Law law = law_of(noise_variances_, intervention);
  Eigen::MatrixXd result = covariance_in(law.changed, weights_);
  if (law.is_mixture()) {  // of parts that have mean 0
    result = law.share * result + (1.0 - law.share) * covariance_in(law.untouched, weights_);
  }
  return to_matrix(result);
}

void LatentModel::check_columns(ConstMatrixView z) const {
  if (z.cols() == latents()) return;
  throw DimensionMismatch("latent model: z has " + std::to_string(z.cols()) +
                          " columns, the model has " + std::to_string(latents()) + " latents");
}

}  // namespace lodestein
