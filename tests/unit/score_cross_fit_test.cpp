#include <gtest/gtest.h>

#include "lodestein/core/error.hpp"
#include "lodestein/score/cross_fit.hpp"
#include "lodestein/score/estimate.hpp"
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

// d(x) = x whatever it was fitted on, everywhere with the same overlap.
class Identity final : public ScoreDifferences::Model {
 public:
  explicit Identity(double overlap) : overlap_(overlap) {}
  std::size_t dimension() const override { return 2; }
  std::size_t environments() const override { return 1; }
  Matrix evaluate(ConstMatrixView x, std::size_t) const override { return Matrix(x); }
  std::vector<double> overlap(ConstMatrixView x, std::size_t) const override {
    return std::vector<double>(x.rows(), overlap_);
  }

 private:
  double overlap_;
};

DifferenceEstimator identity(double overlap) {
  return each([overlap](const Backend&, const Dataset&, Seed, Observer&) {
    return ScoreDifferences(std::make_shared<Identity>(overlap), {.estimator = "identity"});
  });
}

// The three parts of a split are disjoint and are everything, so that moments of equal parts
// average to those of all samples.
TEST(CrossFit, AveragesOverTheChosenPointsOfTheThirdPart) {
  const Dataset dataset = one_touched(90, 3);
  const auto second = [&](std::size_t e) -> Eigen::MatrixXd {
    const auto x = as_eigen(dataset.environments[e].samples);
    return x.transpose() * x / 90.0;
  };
  const auto expect = [&](MomentPoints points, const Eigen::MatrixXd& value) {
    const CrossMoments cross =
        cross_fit(cpu, dataset, identity(0.25), {.splits = 2, .points = points});
    EXPECT_EQ(cross.splits, 2u);
    EXPECT_EQ(cross.environments, (std::vector<std::string>{"e1"}));
    ASSERT_EQ(cross.values[0].size(), 6u);
    EXPECT_NE(cross.values[0][0], cross.values[0][3]) << "two splits are the same";
    // Stored in fp32.
    EXPECT_LT((as_eigen(cross.mean().own[0]) - value).norm(), 1e-6 * value.norm());
  };
  expect(MomentPoints::observational, second(0));
  expect(MomentPoints::own, second(1));
  expect(MomentPoints::both, 0.5 * (second(0) + second(1)));
  expect(MomentPoints::overlap, 0.5 * (second(0) + second(1)));  // the same everywhere
}

TEST(CrossFit, SeedsDecideAboutTheSplits) {
  const Dataset dataset = one_touched(60, 4);
  const auto values = [&](Seed seed) {
    return cross_fit(cpu, dataset, gaussian_estimator(), {.splits = 1}, seed).values;
  };
  EXPECT_EQ(values(Seed{1}), values(Seed{1}));
  EXPECT_NE(values(Seed{1}), values(Seed{2}));
}

// By hand: one split of 1, 2, 3 has mean 2 and variance 1 within, error sqrt(1 / 3), t = 2 sqrt 3;
// with 2 degrees of freedom P(T > t) = (1 - t / sqrt(2 + t^2)) / 2.
TEST(CrossFit, TouchTestsAreTheirFormulas) {
  const auto moments = [](const std::vector<double>& values) {
    CrossMoments cross{{"e"}, values.size() / 3, {{}}};
    for (const double value : values) cross.values[0].push_back(Matrix{{value}});
    return cross;
  };
  const Matrix unit{{1.0}};
  const TouchTests one = touch_tests(moments({1.0, 2.0, 3.0}), unit);
  EXPECT_DOUBLE_EQ(one.value(0, 0), 2.0);
  EXPECT_DOUBLE_EQ(one.standard_error(0, 0), std::sqrt(1.0 / 3.0));
  EXPECT_NEAR(one.p_value(0, 0), 0.5 - std::sqrt(12.0 / 14.0) / 2.0, 1e-12);
  // Two splits of the same: variance 1, error^2 = 1/3 (1/2 + 1/3), t = 2 / sqrt(5 / 18) with 4
  // degrees: P(T > t) = .5 - 3/8 t / sqrt(1 + t^2 / 4) (1 - t^2 / (12 (1 + t^2 / 4))).
  const TouchTests two = touch_tests(moments({1.0, 2.0, 3.0, 3.0, 2.0, 1.0}), unit);
  EXPECT_DOUBLE_EQ(two.value(0, 0), 2.0);
  EXPECT_NEAR(two.standard_error(0, 0), std::sqrt(5.0 / 18.0), 1e-12);
  const double t = 2.0 / std::sqrt(5.0 / 18.0), below = 1.0 + t * t / 4.0;
  EXPECT_NEAR(two.p_value(0, 0),
              0.5 - 0.375 * t / std::sqrt(below) * (1.0 - t * t / (12.0 * below)), 1e-12);
  EXPECT_NEAR(two.p_value(0, 0), 0.0096, 2e-4);  // of tables: t = 3.795, 4 degrees
  // No spread at all.
  EXPECT_EQ(touch_tests(moments({2.0, 2.0, 2.0}), unit).p_value(0, 0), 0.0);
  EXPECT_EQ(touch_tests(moments({0.0, 0.0, 0.0}), unit).p_value(0, 0), 1.0);
  EXPECT_EQ(touch_tests(moments({-2.0, -2.0, -2.0}), unit).p_value(0, 0), 1.0);
  // Twice the direction: four times the value, the same test.
  const TouchTests longer = touch_tests(moments({1.0, 2.0, 3.0}), Matrix{{2.0}});
  EXPECT_DOUBLE_EQ(longer.value(0, 0), 8.0);
  EXPECT_NEAR(longer.p_value(0, 0), one.p_value(0, 0), 1e-12);
}

// Of 200 data sets the truth lies within two errors in 95% with a standard deviation of 1.5%; four
// of them allow 89%. An error that is right has about the size of the values' own spread, which 200
// values give to 5%, and 8 degrees of freedom within splits make the error scatter by a quarter.
TEST(CrossFit, ErrorsOfEffectsAreThoseOfRepeatedSampling) {
  constexpr std::uint32_t datasets = 200;
  constexpr double slope = 1.0 / 0.36 - 1.0;  // d_1 = slope x_1
  const double truth = slope * slope * 0.5 * (1.0 + 0.36);
  std::size_t covered = 0, outside_null = 0;
  double sum = 0.0, squares = 0.0, errors = 0.0;
  for (std::uint32_t i = 0; i < datasets; ++i) {
    const CrossMoments cross =
        cross_fit(Backend::reference(), one_touched(600, i), gaussian_estimator(),
                  {.points = MomentPoints::both}, Seed{i});
    const TouchTests tests = touch_tests(cross, Matrix::identity(2));
    const double value = tests.value(0, 0), error = tests.error(0, 0);
    covered += std::abs(value - truth) < 2.0 * error;
    sum += value / datasets;
    squares += value * value / datasets;
    errors += error * error / datasets;
    outside_null += std::abs(tests.value(0, 1)) > 2.0 * tests.error(0, 1);
  }
  EXPECT_GT(covered, 178u);
  const double spread = std::sqrt(squares - sum * sum);
  RecordProperty("covered", std::to_string(covered));
  RecordProperty("error_over_spread", std::to_string(std::sqrt(errors) / spread));
  EXPECT_NEAR(std::sqrt(errors) / spread, 1.0, 0.2);  // 1.05
  EXPECT_LT(outside_null, 20u) << "too large near 0, never too small";
}

// By hand: 3 common - 2 values = 1, 5, 3 with variance 4, of whose mean the error is sqrt(4 / 3).
TEST(CrossFit, ErrorsAreTheirFormula) {
  CrossMoments cross{{"e"}, 1, {{}}};
  for (const double value : {1.0, 2.0, 3.0}) cross.values[0].push_back(Matrix{{value}});
  EXPECT_TRUE(std::isnan(touch_tests(cross, Matrix{{1.0}}).error(0, 0)));
  cross.common.emplace_back();
  for (const double value : {1.0, 3.0, 3.0}) cross.common[0].push_back(Matrix{{value}});
  EXPECT_NEAR(touch_tests(cross, Matrix{{1.0}}).error(0, 0), std::sqrt(4.0 / 3.0), 1e-12);
  EXPECT_NEAR(touch_tests(cross, Matrix{{-2.0}}).error(0, 0), 4.0 * std::sqrt(4.0 / 3.0), 1e-12);
}

// Where all fits are the same function, so is their mean.
TEST(CrossFit, CommonMomentsAreThoseOfTheMeanFit) {
  const CrossMoments cross = cross_fit(cpu, one_touched(90, 3), identity(0.25), {.splits = 2});
  ASSERT_EQ(cross.common[0].size(), 6u);
  for (std::size_t i = 0; i < 6; ++i)
    EXPECT_LT((as_eigen(cross.common[0][i]) - as_eigen(cross.values[0][i])).norm(), 1e-6);
}

TEST(CrossFit, AnyMethodCanBeCrossFitted) {
  const GaussianPairs pairs = gaussian_pairs(2, {180, 180});
  const auto values = [&](const DifferenceEstimator& estimator) {
    return cross_fit(cpu, pairs.dataset, estimator, {.splits = 1}, Seed{2}).values;
  };
  EXPECT_EQ(values(difference_estimator(GaussianScoreOptions{})), values(gaussian_estimator()));
  ClassifierOptions options;
  options.hidden = {4};
  options.least_steps = 20;
  options.epochs = 1;
  EXPECT_EQ(values(difference_estimator(options)), values(classifier_estimator(options)));
  const auto choice = [](const Backend& backend, const Dataset& dataset, Seed seed,
                         Observer& observer) {
    return estimate_score_differences(backend, dataset, AutoDifferences{}, seed, observer);
  };
  EXPECT_EQ(values(difference_estimator()), values(each(choice)));
}

class Stages final : public Observer {
 public:
  void progress(std::string_view stage, std::size_t done, std::size_t total) override {
    EXPECT_LE(done, total);
    if (stages.empty() || stages.back() != stage) stages.emplace_back(stage);
  }
  std::vector<std::string> stages;
};

TEST(CrossFit, ReportsFitsToPartsAndMomentsOnly) {
  Stages observer;
  cross_fit(cpu, one_touched(90, 3), difference_estimator(LogRatioOptions{}), {.splits = 2}, Seed{},
            observer);
  EXPECT_EQ(observer.stages, (std::vector<std::string>{"fits to parts", "cross moments"}));
}

TEST(CrossFit, EveryRefusalSaysWhy) {
  using ::testing::AllOf;
  using ::testing::HasSubstr;
  const Dataset dataset = one_touched(60, 1);
  const auto refused = [&](const Dataset& data, const DifferenceEstimator& estimator,
                           const CrossFitOptions& options) {
    return test::message_of<InvalidArgument>([&] { cross_fit(cpu, data, estimator, options); });
  };
  EXPECT_THAT(refused(dataset, identity(0.25), {.splits = 0}),
              HasSubstr("cross_fit: splits must be at least 1"));
  EXPECT_THAT(refused(one_touched(29, 1), identity(0.25), {}),
              AllOf(HasSubstr("'obs'"), HasSubstr("29 samples")));
  const DifferenceEstimator none = [](const Backend&, const std::vector<Dataset>&, Seed,
                                      Observer&) { return std::vector<ScoreDifferences>(); };
  EXPECT_THAT(refused(dataset, none, {.splits = 2}),
              HasSubstr("the estimator returned 0 results for 6 data sets"));
  EXPECT_THAT(refused(dataset, identity(0.0), {}),
              AllOf(HasSubstr("'e1'"), HasSubstr("no overlap")));
  EXPECT_NO_THROW(cross_fit(cpu, dataset, identity(0.0), {.points = MomentPoints::both}));
  const CrossMoments cross = cross_fit(cpu, dataset, identity(0.25), {.splits = 1});
  EXPECT_THAT(test::message_of<DimensionMismatch>([&] { touch_tests(cross, Matrix(3, 2)); }),
              HasSubstr("moments of 2 variables, the decoder has 3 rows"));
}

}  // namespace
}  // namespace lodestein
