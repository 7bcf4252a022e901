#include <gtest/gtest.h>

#include <cmath>

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

}  // namespace
}  // namespace lodestein
