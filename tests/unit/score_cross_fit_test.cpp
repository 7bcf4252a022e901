#include <gtest/gtest.h>

#include "lodestein/core/error.hpp"
#include "lodestein/score/cross_fit.hpp"
#include "lodestein/score/gaussian.hpp"
#include "score_support.hpp"
#include "simulate_support.hpp"

namespace lodestein {
namespace {

using test::gaussian_pairs;
using test::GaussianPairs;

const Backend cpu = Backend::cpu(2);

DifferenceEstimator gaussian_estimator() {
  return each([](const Backend& backend, const Dataset& dataset, Seed seed, Observer& observer) {
    return gaussian_differences(backend, dataset, {}, seed, observer);
  });
}

// Two independent variables; environment 1 changes the variance of the first only.
Dataset one_touched(std::size_t n, std::uint32_t number) {
  std::vector<Matrix> samples;
  for (std::uint32_t e = 0; e < 2; ++e) {
    Eigen::MatrixXd root = Eigen::MatrixXd::Identity(2, 2);
    if (e == 1) root(0, 0) = 0.6;
    samples.push_back(test::gaussian_samples(n, Eigen::VectorXd::Zero(2), root, 2 * number + e));
  }
  return test::dataset_of(std::move(samples));
}

TEST(CrossFit, MomentsAreThoseOfTheTruthWithoutANoiseFloor) {
  const GaussianPairs pairs = gaussian_pairs(2, {6000, 6000});
  const CrossMoments cross =
      cross_fit(cpu, pairs.dataset, gaussian_estimator(), {.points = MomentPoints::both});
  ASSERT_EQ(cross.values[0].size(), 12u);
  const Matrix& there = pairs.dataset.observational().samples;
  const Matrix& here = pairs.dataset.environments[1].samples;
  const auto second = [&](const Matrix& x) -> Eigen::MatrixXd {
    const Matrix d = pairs.truth(x, 0);
    return as_eigen(d).transpose() * as_eigen(d) / static_cast<double>(x.rows());
  };
  const Eigen::MatrixXd truth = 0.5 * (second(there) + second(here));
  // Parameters err by 1 / sqrt(2000) each.
  EXPECT_LT((as_eigen(cross.mean().own[0]) - truth).norm(), 0.1 * truth.norm());
}

// Under the null p < .05 in 5% of data sets: of 300, 15 with standard deviation 3.8; six of them
// allow up to 38. A squared estimate would reject always.
TEST(CrossFit, TestsKeepTheirLevelAndFindEffects) {
  std::size_t false_alarms = 0, found = 0;
  constexpr std::uint32_t datasets = 300;
  for (std::uint32_t i = 0; i < datasets; ++i) {
    const Dataset dataset = one_touched(300, i);
    const CrossMoments cross =
        cross_fit(Backend::reference(), dataset, gaussian_estimator(), {}, Seed{i});
    const TouchTests tests = touch_tests(cross, Matrix::identity(2));
    false_alarms += tests.p_value(0, 1) < 0.05;
    found += tests.p_value(0, 0) < 0.05;
  }
  EXPECT_LT(false_alarms, 38u);
  EXPECT_GT(found, 290u);
}

TEST(CrossFit, DecoderColumnsAreTheDirections) {
  const Dataset dataset = one_touched(900, 1);
  const CrossMoments cross = cross_fit(cpu, dataset, gaussian_estimator(), {.splits = 1});
  const Matrix decoder{{1.0, 0.0, 2.0}, {0.0, 1.0, 1.0}};
  const TouchTests tests = touch_tests(cross, decoder);
  const Matrix r = cross.mean().own[0];
  EXPECT_NEAR(tests.value(0, 0), r(0, 0), 1e-12);
  EXPECT_NEAR(tests.value(0, 2), 4 * r(0, 0) + 4 * r(0, 1) + r(1, 1), 1e-12);
  EXPECT_THROW(touch_tests(cross, Matrix(3, 2)), DimensionMismatch);
}

TEST(CrossFit, ClassifierFoldsTrainTogetherWithTheSameBits) {
  const GaussianPairs pairs = gaussian_pairs(2, {240, 240, 180});
  ClassifierOptions options;
  options.hidden = {8};
  options.epochs = 2;
  options.batch = 64;
  options.least_steps = 20;
  const auto together = cross_fit(cpu, pairs.dataset, classifier_estimator(options), {.splits = 2});
  const auto alone = cross_fit(
      Backend::cpu(1), pairs.dataset,
      each([&](const Backend& backend, const Dataset& dataset, Seed seed, Observer& observer) {
        return classifier_differences(backend, dataset, options, seed, observer);
      }),
      {.splits = 2});
  EXPECT_EQ(together.values, alone.values);
}

TEST(CrossFit, BadInputIsNamed) {
  const Dataset dataset = one_touched(60, 1);
  EXPECT_THROW(cross_fit(cpu, dataset, gaussian_estimator(), {.splits = 0}), InvalidArgument);
  EXPECT_THROW(cross_fit(cpu, one_touched(20, 1), gaussian_estimator()), InvalidArgument);
  const DifferenceEstimator none = [](const Backend&, const std::vector<Dataset>&, Seed,
                                      Observer&) { return std::vector<ScoreDifferences>(); };
  EXPECT_THROW(cross_fit(cpu, dataset, none), InvalidArgument);
}

}  // namespace
}  // namespace lodestein
