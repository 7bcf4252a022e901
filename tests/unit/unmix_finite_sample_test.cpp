#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include "lodestein/core/error.hpp"
#include "lodestein/evaluate/evaluate.hpp"
#include "lodestein/score/estimate.hpp"
#include "lodestein/score/gaussian.hpp"
#include "lodestein/simulate/study.hpp"
#include "lodestein/unmix/lscale.hpp"
#include "unmix_support.hpp"

namespace lodestein {
namespace {

using test::graph_by_environment;
using test::Population;
using test::random_population;
using test::scaled;
using ::testing::HasSubstr;

constexpr FiniteSampleOptions exact_thresholds{1e-8, 1e-4};

/// R^m of exact moments, in as many variables as latents.
DifferenceMoments exact_differences(const Population& population) {
  return difference_moments(gaussian_scores(population.observed),
                            population.observed.front().covariance);
}

/// The same in d variables: an orthonormal map puts the n of them into d.
DifferenceMoments embedded(const DifferenceMoments& differences, std::size_t d) {
  const std::size_t n = differences.own.size();
  Eigen::MatrixXd random(static_cast<Eigen::Index>(d), static_cast<Eigen::Index>(n));
  Draws draws = RandomStream(Seed{4}, Purpose::test).at(0);
  for (double& value : random.reshaped()) value = draws.normal();
  const Eigen::MatrixXd q = Eigen::HouseholderQR<Eigen::MatrixXd>(random).householderQ() *
                            Eigen::MatrixXd::Identity(random.rows(), random.cols());
  DifferenceMoments result = differences;
  for (Matrix& own : result.own) own = to_matrix((q * as_eigen(own) * q.transpose()).eval());
  return result;
}

/// Share of the effective transform's row i outside latent i and its parents.
double mixed_in(const Matrix& encoder, const Population& population) {
  const Matrix effective = multiply(encoder, population.mixing);
  double worst = 0.0;
  for (std::size_t i = 0; i < effective.rows(); ++i) {
    const std::size_t own = population.targets[i];
    double outside = 0.0, all = 0.0;
    for (std::size_t j = 0; j < effective.cols(); ++j) {
      all += effective(i, j) * effective(i, j);
      if (j != own && !population.model.graph().edge(j, own))
        outside += effective(i, j) * effective(i, j);
    }
    worst = std::max(worst, std::sqrt(outside / all));
  }
  return worst;
}

TEST(FiniteSample, ExactMomentsGiveTheClosureAndParentsAtMost) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const std::size_t n = 1 + seed % 6;
    for (const Intervention type : {Intervention::hard, Intervention::soft}) {
      const double c = seed % 2 == 0 ? 0.25 : 5.0;
      SCOPED_TRACE("n = " + std::to_string(n) + ", model " + std::to_string(seed));
      const Population population = random_population(n, n, seed, scaled(c, type));
      const DifferenceMoments differences = exact_differences(population);
      const LscaleResult result = lscale_finite_sample(differences, exact_thresholds);
      EXPECT_EQ(result.graph, transitive_closure(graph_by_environment(population)));
      EXPECT_LE(mixed_in(result.encoder, population), 1e-6);
      std::vector<std::size_t> place(n);
      for (std::size_t t = 0; t < n; ++t) place[result.order.at(t)] = t;
      for (const auto& [from, to] : result.graph.edges()) EXPECT_LT(place[from], place[to]);
    }
  }
}

struct Sampled {
  LinearStudy study;
  DifferenceMoments differences;
};

Sampled sampled(std::size_t samples, std::uint64_t seed = 3) {
  StudyOptions options;
  options.latent.latents = options.mixing.observed = 4;
  options.mixing.normalise_columns = false;
  options.samples = samples;
  LinearStudy study = simulate_moments(options, Seed{seed});
  auto differences =
      difference_moments(gaussian_scores(study.moments), study.moments.front().covariance);
  return {std::move(study), std::move(differences)};
}

// Of samples, whose noise leaves no ties.
TEST(FiniteSample, VariablesWithoutSignalChangeNothing) {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const DifferenceMoments narrow = sampled(20000, seed).differences;
    const LscaleResult result = lscale_finite_sample(narrow);
    const LscaleResult wide = lscale_finite_sample(embedded(narrow, 9));
    EXPECT_EQ(wide.graph, result.graph);
    EXPECT_EQ(wide.order, result.order);
    EXPECT_EQ(wide.encoder.rows(), 4u);
    EXPECT_EQ(wide.encoder.cols(), 9u);
  }
}

TEST(FiniteSample, FitAsPublishedIsTheSame) {
  const Sampled s = sampled(20000);
  FitOptions options;
  options.method = UnmixMethod::finite_sample;
  options.score.shrinkage = Shrinkage::none;
  options.null_splits = 0;
  for (const double eigenvalue : {1e-3, 1e-2, 1.0, 10.0}) {
    for (const double orthogonality : {0.01, 0.1, 0.5}) {
      options.finite_eigenvalue_threshold = eigenvalue;
      options.finite_orthogonality_threshold = orthogonality;
      const FitResult fitted = fit(Backend::cpu(1), s.study.moments, options);
      const LscaleResult result = lscale_finite_sample(s.differences, {eigenvalue, orthogonality});
      EXPECT_EQ(fitted.graph, result.graph);
      EXPECT_EQ(fitted.order, result.order);
      EXPECT_THAT(fitted.identified, HasSubstr("transitive closure"));
    }
  }
}

// Thresholds count in units of x: noise has full rank below a tiny one, nothing has rank above a
// huge one.
TEST(FiniteSample, ThresholdsDecide) {
  const Sampled s = sampled(2000);
  EXPECT_EQ(lscale_finite_sample(s.differences, {1e-300, 0.1}).graph.edge_count(), 6u);
  EXPECT_EQ(lscale_finite_sample(s.differences, {1e9, 0.1}).graph.edge_count(), 0u);
  std::size_t before = 0;
  for (const double orthogonality : {1e-6, 0.1, 1.0 - 1e-12}) {
    const auto edges =
        lscale_finite_sample(s.differences, {1e-2, orthogonality}).graph.edge_count();
    EXPECT_GE(edges, before);
    before = edges;
  }
}

// z1 -> z2 from kernel scores, nothing Gaussian assumed: 1000 samples of two variables. The ranks
// of a smooth estimate need a threshold above its error; between 0.03 and 0.3 the edge is found.
TEST(FiniteSample, TakesKernelScores) {
  Matrix weights(2, 2);
  weights(0, 1) = 1.2;
  LatentModel model(weights, {1.0, 1.0});
  Dataset dataset{{"x1", "x2"}, {}, {}};
  const std::vector<InterventionSpec> specs{{}, {{0}}, {{1}}};
  for (std::uint32_t e = 0; e < 3; ++e)
    dataset.environments.push_back(
        {e == 0 ? "obs" : "do" + std::to_string(e),
         {},
         model.sample(1000, specs[e], RandomStream(Seed{2}, Purpose::test, e))});
  const Backend backend = Backend::cpu(2);
  const auto moments = difference_moments(
      backend, estimate_score_differences(backend, dataset, difference_method("plug-in-kernel")),
      dataset, MomentPoints::observational);
  const LscaleResult result = lscale_finite_sample(moments, {0.1, 0.3});
  EXPECT_TRUE(result.graph.edge(0, 1));
  EXPECT_EQ(result.graph.edge_count(), 1u);
  EXPECT_EQ(result.order, (std::vector<std::size_t>{0, 1}));
  EXPECT_GT(std::abs(result.encoder(0, 0)), 0.95) << "a root is mixed with nothing";
}

std::string refusal(const DifferenceMoments& differences, const FiniteSampleOptions& options = {}) {
  try {
    lscale_finite_sample(differences, options);
  } catch (const InvalidArgument& error) {
    return error.what();
  }
  return "nothing thrown";
}

TEST(FiniteSample, RefusalsNameTheEnvironmentOrTheOption) {
  const DifferenceMoments good = sampled(2000).differences;
  const auto changed = [&](auto change) {
    DifferenceMoments differences = good;
    change(differences);
    return refusal(differences);
  };
  EXPECT_THAT(refusal({}), HasSubstr("0 environments"));
  EXPECT_THAT(changed([](auto& d) { d.environments.pop_back(); }), HasSubstr("with 3 names"));
  const std::string name = "environment '" + good.environments[2] + "'";
  EXPECT_THAT(changed([](auto& d) { d.own[2] = Matrix(3, 3); }), HasSubstr(name + " are 3 x 3"));
  EXPECT_THAT(changed([](auto& d) { d.own.assign(4, Matrix(3, 3)); }), HasSubstr("or more"));
  EXPECT_THAT(changed([](auto& d) { d.own[2](0, 1) = std::nan(""); }),
              HasSubstr(name + " are not finite"));
  for (const double bad : {0.0, -1.0, std::nan("")}) {
    EXPECT_THAT(refusal(good, {bad, 0.1}), HasSubstr("eigenvalue_threshold must be positive"));
    EXPECT_THAT(refusal(good, {1e-2, bad}), HasSubstr("orthogonality_threshold must be between"));
  }
  EXPECT_THAT(refusal(good, {1e-2, 1.0}), HasSubstr("orthogonality_threshold must be between"));
}

TEST(FiniteSample, FitRefusesThresholdsOutOfRange) {
  const Sampled s = sampled(2000);
  FitOptions options;
  options.finite_eigenvalue_threshold = 0.0;
  EXPECT_THROW(fit(Backend::cpu(1), s.study.moments, options), InvalidArgument);
  options = {};
  for (const double bad : {0.0, 1.0}) {
    options.finite_orthogonality_threshold = bad;
    EXPECT_THROW(fit(Backend::cpu(1), s.study.moments, options), InvalidArgument);
  }
}

}  // namespace
}  // namespace lodestein
