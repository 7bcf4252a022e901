// What the methods do where nothing is random: with the exact moments of a model every one must
// find its graph and its encoder.
#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <algorithm>
#include <set>

#include "unmix/linear_unmixing.hpp"
#include "unmix/starts.hpp"
#include "unmix_support.hpp"

namespace lodestein {
namespace {

using test::graph_by_environment;
using test::mixing_left;
using test::Population;
using test::population_of;
using test::random_population;
using test::scaled;

constexpr std::uint64_t models = 50;

FitResult fit_exact(const Population& population, FitOptions options) {
  options.null_splits = 0;
  return fit(Backend::reference(), population.observed, options);
}

std::string place(std::size_t n, double c, std::uint64_t seed) {
  return "n = " + std::to_string(n) + ", c = " + std::to_string(c) + ", model " +
         std::to_string(seed);
}

template <class Check>
void for_all_models(Check check) {
  for (std::uint64_t seed = 0; seed < models; ++seed) {
    const std::size_t n = 2 + seed % 5;
    for (const double c : {0.25, 5.0}) {
      SCOPED_TRACE(place(n, c, seed));
      check(random_population(n, n + seed % 4, seed, scaled(c), 100000000));
    }
  }
}

void expect_parents_first(const FitResult& result) {
  std::vector<std::size_t> place(result.order.size());
  for (std::size_t t = 0; t < place.size(); ++t) place[result.order[t]] = t;
  for (const auto& [from, to] : result.graph.edges()) EXPECT_LT(place[from], place[to]);
}

TEST(UnmixPopulation, RefinementIsExact) {
  for_all_models([](const Population& population) {
    const FitResult result = fit_exact(population, {});
    EXPECT_EQ(result.graph, graph_by_environment(population));
    EXPECT_LE(mixing_left(result.encoder, population), 1e-5);
    EXPECT_FALSE(result.failed());
    expect_parents_first(result);
  });
}

TEST(UnmixPopulation, LscaleIsExact) {
  FitOptions options;
  options.method = UnmixMethod::lscale;
  options.lscale_edge_threshold = 1e-9;
  for_all_models([&](const Population& population) {
    const FitResult result = fit_exact(population, options);
    EXPECT_EQ(result.graph, graph_by_environment(population));
    EXPECT_LE(mixing_left(result.encoder, population), 1e-6);
    expect_parents_first(result);
  });
}

TEST(UnmixPopulation, LcdIsExact) {
  FitOptions options;
  options.method = UnmixMethod::lcd;
  options.lcd_edge_threshold = 1e-6;
  options.lcd_rank_one_acceptance = 1.0 - 1e-9;
  for_all_models([&](const Population& population) {
    const FitResult result = fit_exact(population, options);
    EXPECT_EQ(result.graph, graph_by_environment(population));
    EXPECT_LE(mixing_left(result.encoder, population), 1e-9);
    expect_parents_first(result);
  });
}

// Decoder and encoder invert each other, latents have unit observational variance, and the weights
// are those of the model in that scale.
TEST(UnmixPopulation, ResultIsInTheScaleItPromises) {
  const Population population = random_population(5, 8, 3, scaled(0.25), 100000000);
  const FitResult result = fit_exact(population, {});
  const Matrix covariance = multiply(multiply(result.encoder, population.observed[0].covariance),
                                     transpose(result.encoder));
  const Matrix identity = multiply(result.encoder, result.decoder);
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_NEAR(covariance(i, i), 1.0, 1e-10);
    for (std::size_t j = 0; j < 5; ++j) EXPECT_NEAR(identity(i, j), i == j ? 1.0 : 0.0, 1e-9);
  }
  const Matrix effective = multiply(result.encoder, population.mixing);
  ASSERT_GT(result.edges.size(), 0u);
  for (const LatentEdge& edge : result.edges) {
    const std::size_t from = population.targets[edge.from], to = population.targets[edge.to];
    EXPECT_NEAR(
        edge.weight,
        population.model.weights()(from, to) * effective(edge.to, to) / effective(edge.from, from),
        1e-4);
  }
}

TEST(UnmixPopulation, ScoreDifferencesLieOnTheTargetAndItsParents) {
  const Population population = random_population(5, 5, 6, scaled(0.25), 100000000);
  const FitResult result = fit_exact(population, {});
  ASSERT_EQ(result.score_differences.rows(), 5u);
  ASSERT_EQ(result.score_differences.cols(), 5u);
  for (std::size_t m = 0; m < 5; ++m) {
    for (std::size_t j = 0; j < 5; ++j) {
      const bool touched = j == m || result.graph.edge(j, m);
      EXPECT_EQ(result.score_differences(j, m) > 1e-3, touched) << j << ", environment " << m;
    }
  }
}

TEST(UnmixPopulation, SoftInterventionsGiveTheClosure) {
  FitOptions options;
  options.intervention = Intervention::soft;
  for (std::uint64_t seed = 0; seed < models; ++seed) {
    const std::size_t n = 2 + seed % 4;
    SCOPED_TRACE(place(n, 0.25, seed));
    const Population population =
        random_population(n, n + 1, seed, scaled(0.25, Intervention::soft), 100000000);
    const FitResult result = fit_exact(population, options);
    EXPECT_EQ(transitive_closure(result.graph),
              transitive_closure(graph_by_environment(population)));
    expect_parents_first(result);
    // Latents are found up to mixing with their ancestors.
    const Matrix effective = multiply(result.encoder, population.mixing);
    const Digraph closure = transitive_closure(population.model.graph());
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t own = population.targets[i];
      for (std::size_t j = 0; j < n; ++j) {
        if (j == own || closure.edge(j, own)) continue;
        EXPECT_LE(std::abs(effective(i, j)), 1e-3 * std::abs(effective(i, own)));
      }
    }
  }
}

TEST(UnmixPopulation, LscaleSoftGivesTheClosure) {
  FitOptions options;
  options.intervention = Intervention::soft;
  options.method = UnmixMethod::lscale;
  options.lscale_edge_threshold = 1e-9;
  for (std::uint64_t seed = 0; seed < models; ++seed) {
    const std::size_t n = 2 + seed % 4;
    SCOPED_TRACE(place(n, 0.25, seed));
    const Population population =
        random_population(n, n + 1, seed, scaled(0.25, Intervention::soft));
    EXPECT_EQ(transitive_closure(fit_exact(population, options).graph),
              transitive_closure(graph_by_environment(population)));
  }
}

TEST(UnmixPopulation, DeflationStartIsExact) {
  for_all_models([](const Population& population) {
    const std::size_t n = population.targets.size();
    const auto problem = unmix::linear_problem(population.latent);
    const unmix::Start start = unmix::deflation_start(problem);
    Population in_latents =
        population_of(LatentModel(population.model.weights(), population.model.noise_variances()),
                      Matrix::identity(n), population.targets);
    EXPECT_LE(mixing_left(to_matrix(start.encoder), in_latents), 1e-5);
    std::vector<std::size_t> place(n);
    for (std::size_t t = 0; t < n; ++t) place[static_cast<std::size_t>(start.order[t])] = t;
    for (const auto& [from, to] : graph_by_environment(population).edges())
      EXPECT_LT(place[from], place[to]);
  });
}

TEST(UnmixPopulation, StrongestEnvironmentsHitEveryLatent) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE(seed);
    const Population base = random_population(4, 4, seed);
    // Three environments on each of two latents, one on each of the others, one without effect.
    Population population =
        population_of(LatentModel(base.model.weights(), base.model.noise_variances()), base.mixing,
                      {0, 0, 0, 1, 1, 1, 2, 3}, scaled(0.25));
    auto problem = unmix::linear_problem(population.latent);
    problem.covariance.push_back(problem.covariance[0]);
    problem.mean.push_back(problem.mean[0]);
    problem.samples.push_back(problem.samples[0]);
    const auto chosen = unmix::strongest_environments(problem, 4);
    ASSERT_EQ(chosen.size(), 4u);
    EXPECT_TRUE(std::is_sorted(chosen.begin(), chosen.end()));
    ASSERT_LT(chosen.back(), 8u) << "the environment without effect";
    std::set<std::size_t> hit;
    for (const std::size_t k : chosen) hit.insert(population.targets[k]);
    EXPECT_EQ(hit.size(), 4u);
  }
}

}  // namespace
}  // namespace lodestein
