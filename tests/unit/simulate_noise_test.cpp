#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "lodestein/simulate/study.hpp"
#include "simulate/noise.hpp"
#include "tests/unit/simulate_support.hpp"

namespace lodestein {
namespace {

using test::all_families;
using test::all_kinds;
using test::dense_model;
using test::message_of;
using testing::HasSubstr;

constexpr double infinity = std::numeric_limits<double>::infinity();
const RandomStream stream(Seed{11}, Purpose::test);

const std::vector<NoiseFamily> continuous{NoiseFamily::laplace, NoiseFamily::student};
const std::vector<NoiseFamily> jumping{NoiseFamily::uniform, NoiseFamily::exponential};

TEST(Noise, DensitiesAreNormalisedWithMeanZeroAndVarianceOne) {
  // Midpoints of t for x = tan t; the integrands are O(x^-2) dx or flatter. Jumps cost 1 / points.
  constexpr int points = 400000;
  for (const NoiseLaw law :
       {NoiseLaw{NoiseFamily::gaussian}, NoiseLaw{NoiseFamily::laplace},
        NoiseLaw{NoiseFamily::student, 5.0}, NoiseLaw{NoiseFamily::student, 30.0},
        NoiseLaw{NoiseFamily::uniform}, NoiseLaw{NoiseFamily::exponential}}) {
    double mass = 0.0, mean = 0.0, variance = 0.0;
    for (int k = 0; k < points; ++k) {
      const double t = M_PI * ((k + 0.5) / points - 0.5), x = std::tan(t);
      const double p = std::exp(noise_log_density(law, x)) * (1.0 + x * x) * M_PI / points;
      mass += p;
      mean += p * x;
      variance += p * x * x;
    }
    EXPECT_NEAR(mass, 1.0, 1e-5) << static_cast<int>(law.family);
    EXPECT_NEAR(mean, 0.0, 1e-5) << static_cast<int>(law.family);
    EXPECT_NEAR(variance, 1.0, 1e-4) << static_cast<int>(law.family);
  }
}

TEST(Noise, StudentsApproachesTheGaussian) {
  const NoiseLaw student{NoiseFamily::student, 1e8}, gaussian;
  for (const double x : {-3.0, -0.1, 0.0, 2.0}) {
    EXPECT_NEAR(noise_log_density(student, x), noise_log_density(gaussian, x), 1e-6);
    EXPECT_NEAR(noise_score(student, x), noise_score(gaussian, x), 1e-6);
  }
}

TEST(Noise, ScoreIsTheGradientOfTheLogDensity) {
  for (const NoiseFamily noise : continuous) {
    for (const LatentFamily family : all_families) {
      SCOPED_TRACE("noise " + std::to_string(static_cast<int>(noise)) + ", family " +
                   std::to_string(static_cast<int>(family)));
      test::expect_score_is_gradient(dense_model(family, 3, noise), 10, stream);
    }
  }
}

TEST(Noise, WithoutAContinuousDensityHasNoScore) {
  for (const NoiseFamily noise : jumping) {
    const LatentModel model = dense_model(LatentFamily::linear, 3, noise);
    const Matrix z = model.sample(5, {}, stream);
    EXPECT_THAT(message_of<InvalidArgument>([&] { model.score(z, {}); }),
                HasSubstr("noise jumps, so it has no score; use gaussian, laplace or student"));
    for (const double value : model.log_density(z, {})) EXPECT_TRUE(std::isfinite(value));
    Matrix outside = z;
    outside(0, *topological_order(model.graph())->begin()) = -1e3;
    EXPECT_EQ(model.log_density(outside, {})[0], -infinity);
    InterventionSpec partial = test::on({2});
    partial.share = 0.5;
    EXPECT_EQ(model.log_density(outside, partial)[0], -infinity);
  }
}

TEST(Noise, OfAnyFamilyKeepsTheModelAndTheCovariance) {
  LatentModelOptions options;
  const LatentModel gaussian(options, Seed{5});
  for (const NoiseFamily noise : {NoiseFamily::laplace, NoiseFamily::uniform}) {
    options.noise = noise;
    const LatentModel other(options, Seed{5});
    EXPECT_EQ(other.noise(), noise);
    EXPECT_EQ(other.weights(), gaussian.weights());
    EXPECT_EQ(other.covariance(test::on({1})), gaussian.covariance(test::on({1})));
    EXPECT_NE(other.sample(3, {}, stream), gaussian.sample(3, {}, stream));
  }
}

TEST(Noise, SameBitsForAnyThreadCount) {
  InterventionSpec partial = test::on({1, 2}, Intervention::soft);
  partial.share = 0.4;
  for (const NoiseFamily noise : continuous) {
    const LatentModel model = dense_model(LatentFamily::quadratic, 3, noise);
    const auto run = [&](int threads) {
      const test::ThreadCount count(threads);
      const Matrix z = model.sample(14003, partial, stream);
      return std::tuple(z, model.score(z, partial), model.log_density(z, partial));
    };
    const auto expected = run(1);
    EXPECT_EQ(run(3), expected);
    const Matrix few = model.sample(17, partial, stream);
    EXPECT_TRUE(std::equal(few.data(), few.data() + 17 * 5, std::get<0>(expected).data()));
  }
}

TEST(Noise, OptionsOutOfRangeAreRefused) {
  const auto refuse = [](auto change) {
    StudyOptions options;
    options.samples = 10;
    change(options);
    return message_of<InvalidArgument>([&] { simulate_study(options, Seed{}); });
  };
  for (const double degrees : {2.0, -1.0, double(NAN), infinity}) {
    EXPECT_THAT(refuse([=](auto& o) { o.latent.student_degrees = degrees; }),
                HasSubstr("must be greater than 2 and finite"));
  }
  EXPECT_THAT(refuse([](auto& o) {
                o.latent.noise = NoiseFamily::uniform;
                o.weak_edge_filter = 0.02;
              }),
              HasSubstr("weak_edge_filter = 0.02: must be 0 for uniform or exponential noise"));
}

// Laplace 0 -> 1, hard on 1 with the same variance: d_0 = s_0 - s^1_0 = w score(r_1), whose mean
// square is w^2 2 / v_1, Laplace's Fisher information being 2 / v. A Gaussian has w^2 / v.
TEST(WeakestEdge, SamplesWhatIsNotGaussian) {
  LatentModelOptions options;
  options.latents = 2;
  options.density = 1.0;
  options.noise = NoiseFamily::laplace;
  const LatentModel model(options, Seed{1});
  const auto [from, to] = model.graph().edges().front();
  InterventionSpec spec = test::on({to});
  spec.variance_scale = 1.0;
  const double w = model.weights()(from, to), v = model.noise_variances()[to];
  // The mean square of a constant: no sampling error at all.
  EXPECT_NEAR(weakest_edge(model, {{}, spec}, Seed{1}), 2.0 * w * w / v, 1e-9);
}

}  // namespace
}  // namespace lodestein
