// False alarms: seeds are fixed, so a test here passes always or never. The arithmetic beside each
// bound says how likely the test would be to fail by bad luck if a seed or the order of draws
// changed.
#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <cmath>
#include <vector>

#include "core/eigen.hpp"
#include "core/wishart.hpp"
#include "lodestein/evaluate/metrics.hpp"
#include "lodestein/simulate/study.hpp"
#include "lodestein/unmix/fit.hpp"
#include "tests/unit/unmix_support.hpp"
#include "unmix/edge_tests.hpp"
#include "unmix/newton_frame.hpp"
#include "unmix/refine.hpp"
#include "unmix/resample.hpp"

namespace lodestein {
namespace {

using Eigen::MatrixXd;
using test::Population;
using unmix::LinearProblem;
using unmix::ParentSets;
using unmix::ProfileLikelihood;

LinearProblem drawn(const Population& population, std::size_t samples, std::uint32_t replicate) {
  std::vector<EnvironmentMoments> moments = population.latent;
  for (std::size_t e = 0; e < moments.size(); ++e) {
    const SampleMoments draw = draw_sample_moments(
        moments[e].covariance, samples,
        RandomStream(Seed{61}, Purpose::test, static_cast<std::uint32_t>(e), replicate));
    moments[e].samples = samples;
    moments[e].covariance = draw.covariance;
    moments[e].mean.assign(draw.mean.data(), draw.mean.data() + draw.mean.cols());
  }
  return unmix::linear_problem(moments);
}

// 0 -> 1 and 0 -> 2; the pair (1, 2) has no edge.
Population fork(Intervention type = Intervention::hard) {
  return test::population_of(
      LatentModel(Matrix{{0, 1, -0.8}, {0, 0, 0}, {0, 0, 0}}, {1.0, 0.7, 1.3}), Matrix::identity(3),
      {0, 1, 2}, test::scaled(0.25, type));
}

// Likelihood ratio of the edge 1 -> 2 with the order 0, 1, 2 given, the encoder fitted both times.
double edge_ratio(const LinearProblem& problem, const ParentSets& with, const ParentSets& without) {
  const ProfileLikelihood likelihood(problem, {0, 1, 2}, Intervention::hard);
  MatrixXd h = MatrixXd::Identity(3, 3);
  const double f_with = unmix::minimise_from_afar(likelihood, h, with, 1e-8);
  const double f_without = unmix::minimise_from_afar(likelihood, h, without, 1e-8);
  return likelihood.ratio(f_without, f_with);
}

// Under the null the ratio is chi-square with one degree of freedom: mean 1, variance 2. With 10
// 000 replicates its mean has standard error 0.014 and a rejection rate p has sqrt(p (1 - p) /
// 10000). Each check allows 5 standard errors (6e-7), plus 1% of the level for the chi-square being
// an approximation at 2000 samples.
TEST(UnmixLaw, EdgeTestHasItsLevel) {
  const Population population = fork();
  constexpr int replicates = 10000;
  double mean = 0.0;
  const std::vector<double> levels{0.5, 0.1, 0.05, 0.01};
  std::vector<double> rejected(levels.size(), 0.0);
  for (int r = 0; r < replicates; ++r) {
    const double ratio = edge_ratio(drawn(population, 2000, static_cast<std::uint32_t>(r)),
                                    {{}, {0}, {0, 1}}, {{}, {0}, {0}});
    ASSERT_GE(ratio, -1e-3);
    mean += ratio / replicates;
    const double p = std::erfc(std::sqrt(0.5 * std::max(0.0, ratio)));
    for (std::size_t l = 0; l < levels.size(); ++l)
      rejected[l] += (p < levels[l]) / double(replicates);
  }
  EXPECT_NEAR(mean, 1.0, 5.0 * std::sqrt(2.0 / replicates) + 0.01);
  for (std::size_t l = 0; l < levels.size(); ++l) {
    const double error = std::sqrt(levels[l] * (1.0 - levels[l]) / replicates);
    EXPECT_NEAR(rejected[l], levels[l], 5.0 * error + 0.01 * levels[l]) << "level " << levels[l];
  }
}

// A true edge of coefficient 0.8: the ratio grows with N, so 2000 samples reject at any level.
TEST(UnmixLaw, EdgeTestHasPower) {
  const Population population = fork();
  for (std::uint32_t r = 0; r < 50; ++r) {
    EXPECT_GT(edge_ratio(drawn(population, 2000, 20000 + r), {{}, {0}, {0}}, {{}, {0}, {}}), 100.0);
  }
}

FitOptions plain() {
  FitOptions options;
  options.null_splits = 0;
  return options;
}

StudyOptions study_options(std::size_t samples, double density) {
  StudyOptions options;
  options.latent.latents = 5;
  options.latent.density = density;
  options.mixing.observed = 5;
  options.samples = samples;
  return options;
}

// Pruning keeps an edge whose ratio is at least log N = log 60000 = 11: chance 9e-4 for a pair
// without edge. 100 studies have 1000 such pairs; the order search may take the better of two
// directions, so at most 2 * 0.9 = 1.8 false edges are expected, and more than 10 have chance 1e-5
// (Poisson).
TEST(UnmixLaw, EmptyGraphsStayEmpty) {
  std::size_t edges = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const LinearStudy study = simulate_moments(study_options(10000, 0.0), Seed{seed});
    edges += fit(Backend::cpu(1), study.moments, plain(), Seed{seed}).graph.edge_count();
  }
  RecordProperty("false_edges", std::to_string(edges));
  EXPECT_LE(edges, 10u);
}

// Without edges any edge is false: at a level of .05 at most 5 % of the graphs may have one, though
// the order takes the smaller p-value of each pair. Of 4000 that is 200, standard deviation 14;
// more than 265 have chance 2e-6. Fewer than 120 would be a test that never finds anything.
TEST(UnmixLaw, TestedGraphsHoldTheirLevel) {
  for (const Eigen::Index n : {2, 3, 5}) {
    std::size_t wrong = 0;
    for (std::uint32_t k = 0; k < 4000; ++k) {
      Draws draws = RandomStream(Seed{71}, Purpose::test, static_cast<std::uint32_t>(n), k).at(0);
      MatrixXd p_value(n, n);
      for (Eigen::Index i = 0; i < n; ++i)
        for (Eigen::Index j = 0; j < n; ++j) p_value(i, j) = draws.uniform();
      wrong += unmix::tested_graph(p_value, 0.05).graph.edge_count() > 0;
    }
    RecordProperty("wrong_of_" + std::to_string(n), std::to_string(wrong));
    EXPECT_LE(wrong, 265u) << n;
    EXPECT_GE(wrong, 120u) << n;
  }
}

Digraph truth_by_environment(const LinearStudy& study) {
  std::vector<std::size_t> targets;
  for (std::size_t k = 1; k < study.truth.interventions.size(); ++k)
    targets.push_back(study.truth.interventions[k].targets[0]);
  return permuted(study.truth.model.graph(), targets);
}

std::size_t differing_pairs(const Digraph& a, const Digraph& b) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < a.nodes(); ++i) {
    for (std::size_t j = 0; j < i; ++j)
      count += a.edge(i, j) != b.edge(i, j) || a.edge(j, i) != b.edge(j, i);
  }
  return count;
}

// Wrong edges over models with seeds 0, 1, ...
std::size_t wrong_edges(const StudyOptions& options, std::uint64_t models) {
  std::size_t errors = 0;
  for (std::uint64_t seed = 0; seed < models; ++seed) {
    const LinearStudy study = simulate_moments(options, Seed{seed});
    const FitResult result = fit(Backend::cpu(1), study.moments, plain(), Seed{seed});
    errors += differing_pairs(result.graph, truth_by_environment(study));
  }
  ::testing::Test::RecordProperty("errors", std::to_string(errors));
  return errors;
}

// The published setting (n = 5, c = 0.25, N = 50 000, weak edges left out). About 100 absent pairs
// at chance P(chi-square > log 300000 = 12.6) = 4e-4 make 0.04 false edges; a true edge of the
// smallest strength the filter lets pass, E[(s - s^i)_j^2] = 0.02, has a ratio of about
// N * 0.02 / 2 = 500, hundreds above the threshold, so none is missed. More than 2 errors in 20
// models have chance 1e-5.
TEST(UnmixLaw, RecoversTheGraphInThePublishedSetting) {
  StudyOptions options = study_options(50000, 0.5);
  options.weak_edge_filter = 0.02;
  EXPECT_LE(wrong_edges(options, 20), 2u);
}

// Stronger variance, c = 5: the published thresholds leave 0.9 errors per model at this size, the
// likelihood about none.
TEST(UnmixLaw, RecoversTheGraphWhereInterventionsAddNoise) {
  StudyOptions options = study_options(50000, 0.5);
  options.weak_edge_filter = 0.02;
  options.variance_scale = 5.0;
  EXPECT_LE(wrong_edges(options, 20), 4u);
}

// Few samples, where wrong local minima of the likelihood used to cost 3 to 6 edges in about one
// model of twelve, 20 in 60 models. Sampling alone makes 0.025 wrong edges a model (200 models with
// other seeds and 10 features): 1.5 expected in 60, more than 8 with chance 3e-5.
TEST(UnmixLaw, FewSamplesLeaveNoLocalMinimum) {
  EXPECT_LE(wrong_edges(study_options(500, 0.5), 60), 8u);
}

// Where the model holds the deviance per degree of freedom has mean 1 + O(1/N). Of environment e it
// has (n (n + 3) / 2 - 2) = 18 degrees of freedom for n = 5, hence variance 2 / 18 = 0.111; the
// pooled mechanism takes up part of it, so the mean lies below 1, by at most the share 1 / 6 that
// the environment has in the pool. 100 studies x 5 environments: standard error 0.015.
TEST(UnmixLaw, DevianceIsOnePerDegreeOfFreedomIfTheModelHolds) {
  double mean = 0.0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const LinearStudy study = simulate_moments(study_options(20000, 0.5), Seed{seed});
    const FitResult result = fit(Backend::cpu(1), study.moments, plain(), Seed{seed});
    for (const EnvironmentDiagnosis& e : result.diagnosis.environments)
      mean += e.deviance_per_dof / 500.0;
  }
  RecordProperty("deviance", std::to_string(mean));
  EXPECT_GT(mean, 5.0 / 6.0 - 6 * 0.015);
  EXPECT_LT(mean, 1.2);
}

// An environment that nothing was done in: its p-value is uniform on {1/65, ..., 1}, so below 0.05
// in about 5% of 400 studies: 20, standard deviation 4.4; 5 of them allow 42 (chance 6e-6 by the
// binomial). The splits share their samples with S_0, which widens the null a little.
TEST(UnmixLaw, EffectTestHasItsLevel) {
  const Population population = fork();
  int detected = 0;
  for (std::uint32_t r = 0; r < 400; ++r) {
    std::vector<EnvironmentMoments> moments = population.latent;
    moments.push_back(moments[0]);
    moments.back().name = "idle";
    for (std::size_t e = 0; e < moments.size(); ++e) {
      const SampleMoments draw = draw_sample_moments(
          moments[e].covariance, 2000,
          RandomStream(Seed{62}, Purpose::test, static_cast<std::uint32_t>(e), r));
      moments[e].samples = 2000;
      moments[e].covariance = draw.covariance;
      moments[e].mean.assign(draw.mean.data(), draw.mean.data() + 3);
    }
    FitOptions options;
    options.latents = 3;
    options.method = UnmixMethod::lscale;
    const FitResult result = fit(Backend::cpu(1), moments, options, Seed{r});
    detected += result.diagnosis.environments[3].p_value <= 0.05;
    for (std::size_t m = 0; m < 3; ++m)
      EXPECT_LE(result.diagnosis.environments[m].p_value, 1.0 / 65 + 1e-12);
  }
  RecordProperty("detected", std::to_string(detected));
  EXPECT_LE(detected, 42);
}

// A variance from N rows of N(0, 1) has variance 2 / N. 1600 pairs know it to a relative standard
// error of sqrt(2 / 1600) = 0.035; 5 of them are allowed (6e-7 a check).
// Of 1 000 000 controls a group has 3906 rows, so the second case needs a group and single rows.
TEST(UnmixLaw, ControlPairsHaveTheSizesAskedFor) {
  constexpr int pairs = 1600;
  const auto relative_spread = [](std::size_t controls, double samples) {
    Dataset dataset{{"x"}, {{"obs", {}, Matrix(controls, 1)}}, {}};
    Draws draws = RandomStream(Seed{63}, Purpose::test).at(controls);
    Matrix& x = dataset.environments[0].samples;
    for (std::size_t k = 0; k < controls; ++k) x(k, 0) = draws.normal();
    const auto resampler =
        unmix::sample_resampler(dataset, MatrixXd::Identity(1, 1), false, Seed{1});
    double mean = 0.0, square = 0.0;
    for (std::size_t r = 0; r < pairs; ++r) {
      const double variance = resampler->control_pair(r, samples).environment(0, 0);
      mean += variance / pairs;
      square += variance * variance / pairs;
    }
    return (square - mean * mean) / (2.0 / samples);
  };
  EXPECT_NEAR(relative_spread(20000, 500), 1.0, 5 * 0.035);
  EXPECT_NEAR(relative_spread(1000000, 5000), 1.0, 5 * 0.035);
}

}  // namespace
}  // namespace lodestein
