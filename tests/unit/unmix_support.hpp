#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "core/eigen.hpp"
#include "lodestein/simulate/latent_model.hpp"
#include "lodestein/simulate/mixing.hpp"
#include "lodestein/unmix/fit.hpp"
#include "simulate_support.hpp"
#include "unmix/linear_problem.hpp"

namespace lodestein::test {

/// A linear model with the exact moments of every environment: what infinitely many samples tell.
struct Population {
  LatentModel model;
  Matrix mixing;                             ///< [d, n]
  std::vector<std::size_t> targets;          ///< per interventional environment
  std::vector<EnvironmentMoments> latent;    ///< of z
  std::vector<EnvironmentMoments> observed;  ///< of x = mixing z
};

inline EnvironmentMoments exact_moments(const LatentModel& model, const InterventionSpec& spec,
                                        std::string name, std::size_t samples) {
  return {std::move(name),
          {},
          samples,
          std::vector<double>(model.latents(), 0.0),
          model.covariance(spec)};
}

/// `samples` is the number the moments claim to stem from.
inline Population population_of(LatentModel model, Matrix mixing, std::vector<std::size_t> targets,
                                InterventionSpec spec = {}, std::size_t samples = 1000000) {
  Population result{std::move(model), std::move(mixing), std::move(targets), {}, {}};
  result.latent.push_back(exact_moments(result.model, {}, "obs", samples));
  for (std::size_t k = 0; k < result.targets.size(); ++k) {
    spec.targets = {result.targets[k]};
    result.latent.push_back(
        exact_moments(result.model, spec, "e" + std::to_string(k + 1), samples));
  }
  result.observed = transformed(result.latent, result.mixing);
  return result;
}

inline std::vector<std::size_t> random_permutation(std::size_t n, Draws& draws) {
  std::vector<std::size_t> order(n);
  for (std::size_t i = 0; i < n; ++i) order[i] = i;
  for (std::size_t i = n; i > 1; --i)
    std::swap(order[i - 1], order[draws.below(static_cast<std::uint32_t>(i))]);
  return order;
}

/// One environment per latent, in random order. [d, n] mixing.
inline Population random_population(std::size_t n, std::size_t d, std::uint64_t seed,
                                    InterventionSpec spec = {}, std::size_t samples = 1000000) {
  LatentModelOptions latent;
  latent.latents = n;
  MixingOptions mixing;
  mixing.observed = d;
  Draws draws = RandomStream(Seed{seed}, Purpose::test).at(0);
  return population_of(LatentModel(latent, Seed{seed}),
                       Mixing(n, mixing, Seed{seed}).layers().front(), random_permutation(n, draws),
                       spec, samples);
}

inline InterventionSpec scaled(double c, Intervention type = Intervention::hard) {
  InterventionSpec spec;
  spec.type = type;
  spec.variance_scale = c;
  return spec;
}

/// The true graph with latents named after the environment that hits them.
inline Digraph graph_by_environment(const Population& population) {
  return permuted(population.model.graph(), population.targets);
}

/// Largest |entry| of encoder * mixing away from (i, targets[i]), rows scaled to 1 there: 0 if the
/// encoder inverts the mixing up to scale.
inline double mixing_left(const Matrix& encoder, const Population& population) {
  const Matrix effective = multiply(encoder, population.mixing);
  double largest = 0.0;
  for (std::size_t i = 0; i < effective.rows(); ++i) {
    const double own = std::abs(effective(i, population.targets[i]));
    for (std::size_t j = 0; j < effective.cols(); ++j) {
      if (j != population.targets[i]) largest = std::max(largest, std::abs(effective(i, j)) / own);
    }
  }
  return largest;
}

/// Well-conditioned random covariances and means; nothing of a latent model in them.
inline unmix::LinearProblem random_problem(Eigen::Index n, std::size_t interventions,
                                           std::uint64_t number, bool with_means = true) {
  Draws draws = RandomStream(Seed{90}, Purpose::test).at(number);
  unmix::LinearProblem problem;
  for (std::size_t e = 0; e <= interventions; ++e) {
    Eigen::MatrixXd root(n, n);
    Eigen::VectorXd mean(n);
    for (Eigen::Index i = 0; i < n; ++i) {
      mean(i) = with_means ? draws.normal() : 0.0;
      for (Eigen::Index j = 0; j < n; ++j) root(i, j) = draws.normal();
    }
    problem.covariance.emplace_back(root * root.transpose() / static_cast<double>(n) +
                                    0.3 * Eigen::MatrixXd::Identity(n, n));
    problem.mean.push_back(mean);
    problem.samples.push_back(std::floor(draws.uniform(100.0, 1000.0)));
  }
  return problem;
}

inline Eigen::MatrixXd random_regular(Eigen::Index n, std::uint64_t number) {
  Draws draws = RandomStream(Seed{91}, Purpose::test).at(number);
  Eigen::MatrixXd h(n, n);
  for (Eigen::Index i = 0; i < n; ++i) {
    for (Eigen::Index j = 0; j < n; ++j) h(i, j) = 0.3 * draws.normal() + (i == j ? 1.0 : 0.0);
  }
  return h;
}

}  // namespace lodestein::test
