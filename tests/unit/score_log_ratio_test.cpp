#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "lodestein/core/error.hpp"
#include "lodestein/score/gaussian.hpp"
#include "lodestein/score/log_ratio.hpp"
#include "lodestein/simulate/study.hpp"
#include "score_support.hpp"
#include "simulate_support.hpp"

namespace lodestein {
namespace {

using test::gaussian_pairs;
using test::GaussianPairs;
using test::message_of;
using ::testing::HasSubstr;

const Backend cpu = Backend::cpu(2);

LogRatioOptions with(unsigned degree, std::size_t fourier, RatioFit fit = RatioFit::newton) {
  LogRatioOptions options;
  options.features.degree = degree;
  options.features.fourier = fourier;
  options.fit = fit;
  return options;
}

double error_at_own(const ScoreDifferences& d, const GaussianPairs& pairs, std::size_t m) {
  const Matrix& x = pairs.dataset.environments[m + 1].samples;
  return test::relative_error(d.evaluate(x, m), pairs.truth(x, m));
}

// Degree 2 is the right model: some percent from 14 parameters and some thousand samples.
TEST(LogRatio, FindsTheDifferencesOfGaussians) {
  const GaussianPairs pairs = gaussian_pairs(3, {9000, 6000, 4000});
  const ScoreDifferences newton = log_ratio_differences(cpu, pairs.dataset, with(2, 0));
  const ScoreDifferences rich = log_ratio_differences(cpu, pairs.dataset, with(2, 40));
  const ScoreDifferences moments =
      log_ratio_differences(cpu, pairs.dataset, with(2, 40, RatioFit::moments));
  const ScoreDifferences gaussian = gaussian_differences(cpu, pairs.dataset);
  for (std::size_t m = 0; m < 2; ++m) {
    EXPECT_LT(error_at_own(newton, pairs, m), 0.2);
    EXPECT_LT(error_at_own(rich, pairs, m), 0.3);
    EXPECT_LT(error_at_own(moments, pairs, m), 0.6);
    // Same held-out rows: the losses compare.
    EXPECT_NEAR(newton.summary().held_out_losses[m], gaussian.summary().held_out_losses[m], 0.01);
  }
  EXPECT_EQ(newton.summary().estimator, "logistic");
}

// Raising the number of iterations changes nothing once the optimum is reached, and at it a small
// ridge hardly matters.
TEST(LogRatio, NewtonReachesTheOptimum) {
  const GaussianPairs pairs = gaussian_pairs(2, {3000, 1500});
  const Matrix& x = pairs.dataset.environments[1].samples;
  const auto evaluate = [&](std::size_t iterations, double ridge) {
    LogRatioOptions options = with(2, 0);
    options.features.ridges = {ridge};
    options.iterations = iterations;
    return log_ratio_differences(cpu, pairs.dataset, options).evaluate(x, 0);
  };
  const Matrix reached = evaluate(30, 1e-9);
  EXPECT_LT(test::relative_error(evaluate(12, 1e-9), reached), 1e-4);
  EXPECT_LT(test::relative_error(evaluate(30, 1e-7), reached), 1e-3);
  EXPECT_GT(test::relative_error(evaluate(1, 1e-9), reached), 1e-2);
}

TEST(LogRatio, FourierFeaturesHelpOnQuadraticLatents) {
  StudyOptions options;
  options.latent.latents = options.mixing.observed = 3;
  options.latent.family = LatentFamily::quadratic;
  options.samples = 5000;
  const Study study = simulate_study(options, Seed{8});
  const double plain = gaussian_differences(cpu, study.dataset).summary().held_out_loss;
  const double rich =
      log_ratio_differences(cpu, study.dataset, with(2, 100)).summary().held_out_loss;
  EXPECT_LT(rich, plain);
}

TEST(LogRatio, SameBitsOnEveryRunAndThread) {
  const GaussianPairs pairs = gaussian_pairs(2, {300, 200, 150});
  const Matrix& x = pairs.dataset.environments[1].samples;
  for (const RatioFit fit : {RatioFit::newton, RatioFit::moments}) {
    const auto evaluate = [&](const Backend& backend) {
      return log_ratio_differences(backend, pairs.dataset, with(2, 8, fit)).evaluate(x, 1);
    };
    EXPECT_EQ(evaluate(Backend::cpu(1)), evaluate(Backend::cpu(3)));
  }
}

TEST(LogRatio, SeparableClassesAreBoundedAndFound) {
  std::vector<Matrix> samples;
  for (std::uint32_t e = 0; e < 2; ++e)
    samples.push_back(test::gaussian_samples(300, Eigen::VectorXd::Constant(2, 40.0 * e),
                                             Eigen::MatrixXd::Identity(2, 2), e));
  const Dataset dataset = test::dataset_of(std::move(samples));
  for (const RatioFit fit : {RatioFit::newton, RatioFit::moments}) {
    const ScoreDifferences d = log_ratio_differences(cpu, dataset, with(2, 0, fit));
    EXPECT_TRUE(as_eigen(d.evaluate(dataset.observational().samples, 0)).allFinite());
    if (fit == RatioFit::newton) {
      ASSERT_FALSE(d.summary().findings.empty());
      EXPECT_EQ(d.summary().findings.front().code, "little-overlap");
    }
  }
}

TEST(LogRatio, RunsOnTheOtherBackends) {
  const GaussianPairs pairs = gaussian_pairs(2, {60, 50});
  const Matrix& x = pairs.dataset.environments[1].samples;
  const Matrix expected = log_ratio_differences(cpu, pairs.dataset, with(2, 3)).evaluate(x, 0);
  for (const Backend& backend : test::slow_backends()) {
    const Matrix value = log_ratio_differences(backend, pairs.dataset, with(2, 3)).evaluate(x, 0);
    // Newton stops where fp32 values of the loss no longer tell.
    EXPECT_LT(test::relative_error(value, expected), 0.02) << backend.name();
  }
}

// The Gaussian score as a Score.
class GaussianModel final : public Score::Model {
 public:
  explicit GaussianModel(GaussianScore score) : score_(std::move(score)) {}
  std::size_t dimension() const override { return score_.mean.size(); }
  Matrix evaluate(ConstMatrixView x) const override { return lodestein::evaluate(score_, x); }
  std::vector<double> divergence(ConstMatrixView x) const override {
    return std::vector<double>(x.rows(), -as_eigen(score_.precision).trace());
  }

 private:
  GaussianScore score_;
};

// With the observational score given, degree 2 makes score matching of the difference exact.
TEST(ResidualScoreMatching, FindsTheDifferencesOfGaussians) {
  const GaussianPairs pairs = gaussian_pairs(3, {9000, 6000, 4000});
  const auto fits = gaussian_scores(compute_moments(cpu, pairs.dataset));
  const Score base(std::make_shared<GaussianModel>(fits[0]), {.estimator = "gaussian"});
  const ScoreDifferences d = residual_differences(cpu, pairs.dataset, base);
  const ScoreDifferences gaussian = gaussian_differences(cpu, pairs.dataset);
  for (std::size_t m = 0; m < 2; ++m) {
    EXPECT_LT(error_at_own(d, pairs, m), 0.2);
    const Matrix& x = pairs.dataset.environments[m + 1].samples;
    // Score matching with degree 2 is the Gaussian fit, here of nine tenths of the rows.
    EXPECT_LT(test::relative_error(d.evaluate(x, m), gaussian.evaluate(x, m)), 0.1);
  }
  EXPECT_LT(d.summary().held_out_loss, 0.0);
  const Matrix& x = pairs.dataset.observational().samples;
  EXPECT_EQ(d.overlap(x, 1), gaussian.overlap(x, 1));
  EXPECT_THROW(residual_differences(cpu, gaussian_pairs(2, {50, 50}).dataset, base),
               DimensionMismatch);
}

TEST(LogRatio, BadInputIsNamed) {
  const GaussianPairs pairs = gaussian_pairs(2, {60, 50});
  const auto refused = [&](auto change) {
    LogRatioOptions options;
    change(options.features);
    return message_of<InvalidArgument>([&] { log_ratio_differences(cpu, pairs.dataset, options); });
  };
  EXPECT_THAT(refused([](auto& o) { o.degree = 5; }), HasSubstr("degree"));
  EXPECT_THAT(refused([](auto& o) { o.degree = 0; }), HasSubstr("no features"));
  EXPECT_THAT(refused([](auto& o) { o.ridges = {}; }), HasSubstr("ridges"));
  EXPECT_THAT(refused([](auto& o) { o.ridges = {0.0}; }), HasSubstr("ridges"));
  EXPECT_THAT(refused([](auto& o) { o.bandwidth = -1.0; }), HasSubstr("bandwidth"));
  EXPECT_THAT(refused([](auto& o) { o.held_out = 0.0; }), HasSubstr("held-out share"));
}

const Backend single = Backend::cpu(1);

double setting(const ScoreDifferences& d, const std::string& name) {
  for (const Setting& s : d.summary().settings)
    if (s.name == name) return s.value;
  ADD_FAILURE() << "no setting " << name;
  return 0.0;
}

Score gaussian_score(const Dataset& dataset) {
  const auto fits = gaussian_scores(compute_moments(single, dataset));
  return {std::make_shared<GaussianModel>(fits[0]), {.estimator = "gaussian"}};
}

TEST(LogRatio, TakesTheRidgeWithTheLeastHeldOutLossInAnyOrder) {
  const GaussianPairs pairs = gaussian_pairs(2, {100, 80, 60});
  for (const RatioFit fit : {RatioFit::newton, RatioFit::moments}) {
    LogRatioOptions options = with(3, 10, fit);
    const auto run = [&](std::vector<double> ridges) {
      options.features.ridges = std::move(ridges);
      return log_ratio_differences(single, pairs.dataset, options);
    };
    const ScoreDifferences chosen = run({1e-6, 1.0, 1e-2}), other = run({1.0, 1e-2, 1e-6});
    const Matrix& x = pairs.dataset.environments[1].samples;
    EXPECT_EQ(chosen.evaluate(x, 0), other.evaluate(x, 0));
    EXPECT_EQ(setting(chosen, "features"), 1.0 + 9.0 + 10.0);
    for (std::size_t m = 0; m < 2; ++m) {
      for (const double ridge : {1.0, 1e-2, 1e-6}) {
        // Newton's end differs a little with its start.
        EXPECT_LE(chosen.summary().held_out_losses[m],
                  run({ridge}).summary().held_out_losses[m] + 1e-3);
      }
    }
    EXPECT_EQ(chosen.summary().estimator,
              fit == RatioFit::newton ? "logistic" : "moment log-ratio");
  }
}

TEST(LogRatio, StrongRidgesLeaveNoDifference) {
  const GaussianPairs pairs = gaussian_pairs(2, {300, 300});
  const Matrix& x = pairs.dataset.environments[1].samples;
  for (const RatioFit fit : {RatioFit::newton, RatioFit::moments}) {
    LogRatioOptions options = with(2, 0, fit);
    const auto size = [&](double ridge) {
      options.features.ridges = {ridge};
      return as_eigen(log_ratio_differences(single, pairs.dataset, options).evaluate(x, 0)).norm();
    };
    EXPECT_LT(size(1e4), 1e-2 * size(1e-4));
  }
}

// Frequencies are those of the default width, sqrt(2 d) = 2, divided.
TEST(LogRatio, BandwidthIsThatOfTheFourierFeatures) {
  const GaussianPairs pairs = gaussian_pairs(2, {200, 200});
  const Matrix& x = pairs.dataset.environments[1].samples;
  LogRatioOptions options = with(0, 10);
  const auto evaluate = [&](double bandwidth) {
    options.features.bandwidth = bandwidth;
    return log_ratio_differences(single, pairs.dataset, options).evaluate(x, 0);
  };
  EXPECT_EQ(evaluate(2.0), evaluate(0.0));
  EXPECT_NE(evaluate(1.0), evaluate(0.0));
}

TEST(LogRatio, NoIterationLeavesTheRatioAtOne) {
  const GaussianPairs pairs = gaussian_pairs(2, {100, 100});
  LogRatioOptions options = with(2, 0);
  options.iterations = 0;
  const ScoreDifferences d = log_ratio_differences(single, pairs.dataset, options);
  EXPECT_NEAR(d.summary().held_out_loss, std::log(2.0), 1e-12);
  EXPECT_EQ(as_eigen(d.evaluate(pairs.dataset.environments[1].samples, 0)).norm(), 0.0);
}

TEST(LogRatio, EqualEnvironmentsAreFound) {
  std::vector<Matrix> samples;
  for (std::uint32_t e = 0; e < 2; ++e)
    samples.push_back(
        test::gaussian_samples(400, Eigen::Vector2d::Zero(), Eigen::Matrix2d::Identity(), e));
  const Dataset dataset = test::dataset_of(std::move(samples));
  for (const RatioFit fit : {RatioFit::newton, RatioFit::moments}) {
    const ScoreDifferences d = log_ratio_differences(single, dataset, with(2, 0, fit));
    EXPECT_THAT(test::codes_of(d.summary().findings), ::testing::ElementsAre("weak-environment"));
  }
  const ScoreDifferences residual =
      residual_differences(single, dataset, gaussian_score(dataset), {.ridges = {1e4}});
  EXPECT_LE(as_eigen(residual.evaluate(dataset.observational().samples, 0)).norm(), 0.1);
}

// Held-out rows that pull the other way: no ridge does better than no difference.
TEST(ResidualScoreMatching, NoDifferenceThatHoldsUpIsFound) {
  Dataset dataset = gaussian_pairs(2, {60, 60}).dataset;
  dataset.environments[1].samples = dataset.environments[0].samples;
  for (std::size_t k = 0; k < 60; ++k)
    for (std::size_t j = 0; j < 2; ++j)
      dataset.environments[1].samples(k, j) = 6.0 - dataset.environments[0].samples(k, j);
  RatioFeatures features{.degree = 4, .ridges = {1e-6}, .held_out = 0.5};
  const ScoreDifferences d =
      residual_differences(single, dataset, gaussian_score(dataset), features);
  ASSERT_THAT(test::codes_of(d.summary().findings), ::testing::ElementsAre("weak-environment"));
  EXPECT_THAT(d.summary().findings[0].message, HasSubstr("'e1'"));
  EXPECT_EQ(d.summary().held_out_loss, 0.0);
  EXPECT_EQ(setting(d, "ridge of e1"), 0.0);
  EXPECT_EQ(as_eigen(d.evaluate(dataset.observational().samples, 0)).norm(), 0.0);
}

TEST(ResidualScoreMatching, TakesFourierFeaturesToo) {
  const GaussianPairs pairs = gaussian_pairs(2, {2000, 2000});
  const Score base = gaussian_score(pairs.dataset);
  const Matrix& x = pairs.dataset.environments[1].samples;
  const ScoreDifferences rich =
      residual_differences(single, pairs.dataset, base, {.degree = 2, .fourier = 20});
  EXPECT_LT(test::relative_error(rich.evaluate(x, 0), pairs.truth(x, 0)), 0.4);
  EXPECT_EQ(setting(rich, "features"), 5.0 + 20.0);
  const ScoreDifferences alone =
      residual_differences(single, pairs.dataset, base, {.degree = 0, .fourier = 60});
  EXPECT_LT(alone.summary().held_out_loss, 0.0);
}

TEST(ResidualScoreMatching, BadInputIsNamed) {
  const GaussianPairs pairs = gaussian_pairs(2, {60, 50});
  const Score base = gaussian_score(pairs.dataset);
  const auto refused = [&](const RatioFeatures& features) {
    return message_of<InvalidArgument>(
        [&] { residual_differences(single, pairs.dataset, base, features); });
  };
  EXPECT_THAT(refused({.degree = 5}), HasSubstr("residual score matching: degree"));
  EXPECT_THAT(refused({.degree = 0}), HasSubstr("residual score matching: no features"));
  EXPECT_THAT(refused({.ridges = {}}), HasSubstr("residual score matching: ridges is empty"));
  EXPECT_THAT(refused({.held_out = 1.0}), HasSubstr("held-out share"));
  EXPECT_THAT(message_of<DimensionMismatch>([&] {
                residual_differences(single, gaussian_pairs(3, {50, 50}).dataset, base);
              }),
              HasSubstr("residual score matching: the points have 3 columns"));
  EXPECT_THAT(message_of<InvalidArgument>([&] {
                residual_differences(single, gaussian_pairs(2, {50, 9}).dataset, base);
              }),
              HasSubstr("'e1'"));
}

TEST(LogRatio, EveryBadValueIsNamed) {
  const GaussianPairs pairs = gaussian_pairs(2, {60, 50});
  const auto refused = [&](const RatioFeatures& features) {
    return message_of<InvalidArgument>(
        [&] { log_ratio_differences(single, pairs.dataset, {.features = features}); });
  };
  const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  EXPECT_THAT(refused({.degree = 5}), HasSubstr("log-ratio: degree must be 0 to 4"));
  for (const double bad : {-1.0, nan, infinity}) {
    EXPECT_THAT(refused({.bandwidth = bad}), HasSubstr("log-ratio: bandwidth must be positive"));
    EXPECT_THAT(refused({.ridges = {1.0, bad}}), HasSubstr("log-ratio: ridges must be positive"));
  }
  for (const double bad : {-1.0, 0.0, 1.0, nan})
    EXPECT_THAT(refused({.held_out = bad}), HasSubstr("held-out share"));
  EXPECT_THAT(refused({.bandwidth = 2.0}), HasSubstr("bandwidth is of Fourier features"));
  const auto with = [&](RatioFit fit, std::size_t iterations) {
    return message_of<InvalidArgument>([&] {
      log_ratio_differences(single, pairs.dataset, {.fit = fit, .iterations = iterations});
    });
  };
  EXPECT_THAT(with(RatioFit::moments, 3), HasSubstr("moments has none"));
  EXPECT_THAT(message_of<InvalidArgument>([&] {
                log_ratio_differences(single, gaussian_pairs(2, {9, 50}).dataset);
              }),
              HasSubstr("'obs'"));
}

}  // namespace
}  // namespace lodestein
