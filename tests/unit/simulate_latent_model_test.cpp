#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "lodestein/simulate/latent_model.hpp"
#include "tests/unit/simulate_support.hpp"

namespace lodestein {
namespace {

using test::all_families;
using test::all_kinds;
using test::dense_model;
using test::message_of;
using test::on;
using testing::HasSubstr;

const RandomStream stream(Seed{11}, Purpose::test);

TEST(LatentModel, ScoreIsTheGradientOfTheLogDensity) {
  for (const LatentFamily family : all_families) {
    SCOPED_TRACE("family " + std::to_string(static_cast<int>(family)));
    test::expect_score_is_gradient(dense_model(family), 20, stream);
  }
}

TEST(LatentModel, LogDensityOfOneGaussianIsExact) {
  const LatentModel model(Matrix(1, 1), {4.0});
  const double expected = -0.5 * std::log(2 * M_PI * 4.0) - 0.5 * 9.0 / 4.0;
  EXPECT_DOUBLE_EQ(model.log_density(Matrix{{3.0}}, {})[0], expected);
}

// Fact F1: s - s^m is supported on the targets and their parents.
std::set<std::size_t> allowed_support(const LatentModel& model, const InterventionSpec& kind) {
  std::set<std::size_t> result(kind.targets.begin(), kind.targets.end());
  for (const std::size_t target : kind.targets) {
    for (const std::size_t parent : model.graph().parents(target)) result.insert(parent);
  }
  return result;
}

std::set<std::size_t> support(const Matrix& a, const Matrix& b) {
  std::set<std::size_t> result;
  for (std::size_t k = 0; k < a.rows(); ++k) {
    for (std::size_t j = 0; j < a.cols(); ++j) {
      if (std::abs(a(k, j) - b(k, j)) > 1e-10) result.insert(j);
    }
  }
  return result;
}

TEST(LatentModel, ScoreDifferenceIsSupportedOnTargetsAndTheirParents) {
  LatentModelOptions options;
  options.latents = 7;
  for (const LatentFamily family : all_families) {
    options.family = family;
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
      const LatentModel model(options, Seed{seed});
      const Matrix z = model.sample(50, {}, stream);
      for (const InterventionSpec& kind : all_kinds()) {
        EXPECT_EQ(support(model.score(z, {}), model.score(z, kind)), allowed_support(model, kind));
      }
    }
  }
}

TEST(LatentModel, TwoHardInterventionsOnOneLatentDifferInItAlone) {
  for (const LatentFamily family : all_families) {
    const LatentModel model = dense_model(family);
    const Matrix z = model.sample(50, {}, stream);
    for (std::size_t i = 0; i < model.latents(); ++i) {
      InterventionSpec first = on({i}), second = on({i});
      second.variance_scale = 4.0;
      EXPECT_EQ(support(model.score(z, first), model.score(z, second)), std::set{i});
    }
  }
}

TEST(LatentModel, SameBitsForAnyThreadCount) {
  for (const LatentFamily family : all_families) {
    const LatentModel model = dense_model(family);
    for (const InterventionSpec& kind : {InterventionSpec{}, on({1, 2}, Intervention::soft)}) {
      const auto run = [&](int threads) {
        const test::ThreadCount count(threads);
        const Matrix z = model.sample(14003, kind, stream);
        return std::tuple(z, model.score(z, kind), model.log_density(z, kind));
      };
      const auto expected = run(1);
      EXPECT_EQ(run(2), expected);
      EXPECT_EQ(run(7), expected);
    }
  }
}

TEST(LatentModel, ASampleDoesNotDependOnHowManyAreDrawn) {
  const LatentModel model = dense_model(LatentFamily::mlp);
  const Matrix few = model.sample(17, {}, stream), many = model.sample(400, {}, stream);
  EXPECT_TRUE(std::equal(few.data(), few.data() + 17 * 5, many.data()));
  EXPECT_EQ(model.sample(0, {}, stream).rows(), 0u);
}

TEST(LatentModel, InterventionChangesOnlyTheTargetsAndTheirDescendants) {
  // 0 -> 1 -> 2, so that the same noise gives the same z_0 and a z_1 without its parent.
  const LatentModel model(Matrix{{0, 2, 0}, {0, 0, -1}, {0, 0, 0}}, {1.0, 4.0, 1.0});
  const Matrix z = model.sample(10, {}, stream), hard = model.sample(10, on({1}), stream);
  const Matrix soft = model.sample(10, on({1}, Intervention::soft), stream);
  for (std::size_t k = 0; k < z.rows(); ++k) {
    const double noise = 0.5 * (z(k, 1) - 2 * z(k, 0));  // sd 2 becomes 1
    EXPECT_EQ(hard(k, 0), z(k, 0));
    EXPECT_NEAR(hard(k, 1), noise, 1e-12);
    EXPECT_NEAR(hard(k, 2) + hard(k, 1), z(k, 2) + z(k, 1), 1e-12);
    EXPECT_NEAR(soft(k, 1), noise + z(k, 0), 1e-12);
  }
}

TEST(LatentModel, CovarianceOfAChainIsExact) {
  const LatentModel model(Matrix{{0, 2}, {0, 0}}, {1.0, 3.0});
  const auto expect = [&](const InterventionSpec& kind, const Matrix& expected) {
    const Matrix covariance = model.covariance(kind);
    for (std::size_t i = 0; i < 2; ++i) {
      for (std::size_t j = 0; j < 2; ++j) EXPECT_NEAR(covariance(i, j), expected(i, j), 1e-14);
    }
  };
  expect({}, {{1, 2}, {2, 7}});
  expect(on({1}), {{1, 0}, {0, 0.75}});
  expect(on({1}, Intervention::soft), {{1, 1}, {1, 1.75}});
}

TEST(LatentModel, DrawsWeightsAndVariancesInTheirRanges) {
  LatentModelOptions options;
  options.latents = 12;
  options.weight_low = 0.25;
  options.weight_high = 1.0;
  options.noise_variance_low = 2.0;
  options.noise_variance_high = 2.5;
  const LatentModel model(options, Seed{5});
  bool positive = false, negative = false;
  for (const auto& [from, to] : model.graph().edges()) {
    const double weight = model.weights()(from, to);
    EXPECT_GE(std::abs(weight), 0.25);
    EXPECT_LE(std::abs(weight), 1.0);
    (weight > 0 ? positive : negative) = true;
  }
  EXPECT_TRUE(positive && negative);
  for (const double v : model.noise_variances()) {
    EXPECT_GE(v, 2.0);
    EXPECT_LE(v, 2.5);
  }
}

TEST(LatentModel, OrderIsRandomUnlessAskedOtherwise) {
  LatentModelOptions options;
  options.density = 1.0;
  std::set<std::vector<std::size_t>> orders;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    options.random_order = true;
    orders.insert(*topological_order(LatentModel(options, Seed{seed}).graph()));
    options.random_order = false;
    const LatentModel ordered(options, Seed{seed});
    for (const auto& [from, to] : ordered.graph().edges()) EXPECT_LT(from, to);
  }
  EXPECT_GT(orders.size(), 30u);  // of 120; 41 are expected
}

TEST(LatentModel, EveryDrawnGraphIsAcyclicAndDensityZeroAndOneAreExtremes) {
  LatentModelOptions options;
  options.latents = 6;
  options.density = 0.0;
  EXPECT_EQ(LatentModel(options, Seed{1}).graph().edge_count(), 0u);
  options.density = 1.0;
  const LatentModel full(options, Seed{1});
  EXPECT_EQ(full.graph().edge_count(), 15u);
  EXPECT_TRUE(is_acyclic(full.graph()));
}

TEST(LatentModel, RedrawsAndSeedsGiveDifferentModels) {
  const LatentModelOptions options;
  const LatentModel model(options, Seed{1});
  EXPECT_EQ(LatentModel(options, Seed{1}).weights(), model.weights());
  EXPECT_NE(LatentModel(options, Seed{1}, 1).weights(), model.weights());
  EXPECT_NE(LatentModel(options, Seed{2}).weights(), model.weights());
}

TEST(LatentModel, RefusesOptionsOutOfRange) {
  const auto refuse = [](auto change) {
    LatentModelOptions options;
    change(options);
    return message_of<InvalidArgument>([&] { LatentModel(options, Seed{}); });
  };
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(refuse([](auto& o) { o.latents = 0; }), "option latents = 0: must be at least 1");
  EXPECT_EQ(refuse([](auto& o) { o.density = 1.5; }), "option density = 1.5: must be in [0, 1]");
  EXPECT_THAT(refuse([](auto& o) { o.density = nan; }), HasSubstr("density = nan"));
  EXPECT_THAT(refuse([](auto& o) { o.weight_low = 0; }), HasSubstr("weight_low = 0"));
  EXPECT_EQ(refuse([](auto& o) { o.weight_high = 0.1; }),
            "option weight_high = 0.1: must be at least weight_low = 0.5 and finite");
  EXPECT_THAT(refuse([](auto& o) { o.noise_variance_low = -1; }),
              HasSubstr("noise_variance_low = -1: must be greater than 0"));
  EXPECT_THAT(refuse([](auto& o) { o.noise_variance_high = 0.1; }),
              HasSubstr("noise_variance_high = 0.1"));
}

TEST(LatentModel, RefusesWeightsThatAreNoModel) {
  const auto refuse = [](Matrix weights, std::vector<double> variances) {
    return message_of<InvalidArgument>([&] { LatentModel(weights, variances); });
  };
  EXPECT_THAT(refuse(Matrix{{0, 1}, {1, 0}}, {1, 1}), HasSubstr("cycle"));
  EXPECT_THAT(refuse(Matrix{{0, 0}, {0, 1}}, {1, 1}), HasSubstr("weights(1, 1) = 1"));
  EXPECT_THAT(refuse(Matrix{{0, INFINITY}, {0, 0}}, {1, 1}), HasSubstr("weights(0, 1) = inf"));
  EXPECT_THAT(refuse(Matrix{{0, 1}, {0, 0}}, {1, 0}), HasSubstr("noise_variances[1] = 0"));
  EXPECT_THAT(refuse(Matrix{{0, 1}, {0, 0}}, {1}), HasSubstr("1 noise variances"));
  EXPECT_THAT(refuse(Matrix(2, 3), {1, 1}), HasSubstr("2 x 3"));
  EXPECT_THROW(LatentModel(Matrix(), {}), DimensionMismatch);
}

TEST(LatentModel, RefusesImpossibleInterventions) {
  const LatentModel model = dense_model(LatentFamily::linear);
  const auto refuse = [&](const InterventionSpec& kind) {
    const Matrix z(1, 5);
    EXPECT_THROW(model.sample(1, kind, stream), InvalidArgument);
    EXPECT_THROW(model.score(z, kind), InvalidArgument);
    EXPECT_THROW(model.covariance(kind), InvalidArgument);
    return message_of<InvalidArgument>([&] { model.log_density(z, kind); });
  };
  EXPECT_THAT(refuse(on({5})), HasSubstr("target 5 is not a node; there are 5"));
  EXPECT_THAT(refuse(on({1, 1})), HasSubstr("target 1 is named twice"));
  InterventionSpec kind = on({2});
  kind.variance_scale = 0.0;
  EXPECT_THAT(refuse(kind), HasSubstr("node 2 would get noise variance"));
  kind.variance = -1.0;
  EXPECT_THAT(refuse(kind), HasSubstr("variance must be greater than 0"));
  kind.variance = NAN;
  EXPECT_THAT(refuse(kind), HasSubstr("variance must be greater than 0"));
  for (const double share : {0.0, -0.5, 1.5, double(NAN)}) {
    kind = on({2});
    kind.share = share;
    EXPECT_THAT(refuse(kind), HasSubstr("of the samples must be in (0, 1]"));
  }
  kind = on({2}, Intervention::soft);
  kind.soft_factor = INFINITY;
  EXPECT_THAT(refuse(kind), HasSubstr("soft_factor must be finite"));
}

TEST(LatentModel, RefusesOtherShapesAndCovariancesWithoutClosedForm) {
  const LatentModel model = dense_model(LatentFamily::quadratic);
  EXPECT_THROW(model.score(Matrix(3, 4), {}), DimensionMismatch);
  EXPECT_THROW(model.log_density(Matrix(3, 6), {}), DimensionMismatch);
  EXPECT_THAT(message_of<DimensionMismatch>([&] {
                model.sample(Backend::cpu(1), 5, {InterventionSpec{}, on({1})}, {stream});
              }),
              HasSubstr("1 streams for 2 interventions"));
  EXPECT_THAT(message_of<InvalidArgument>([&] { model.covariance({}); }), HasSubstr("linear"));
  EXPECT_TRUE(model.weights().empty());
}

}  // namespace
}  // namespace lodestein
