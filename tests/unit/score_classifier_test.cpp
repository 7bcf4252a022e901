#include <gtest/gtest.h>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "lodestein/core/error.hpp"
#include "lodestein/score/classifier.hpp"
#include "lodestein/score/gaussian.hpp"
#include "lodestein/simulate/study.hpp"
#include "score_support.hpp"
#include "simulate_support.hpp"

namespace lodestein {
namespace {

using test::gaussian_pairs;
using test::GaussianPairs;
using test::message_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

const Backend cpu = Backend::cpu(2);

ClassifierOptions small(std::uint32_t width = 32) {
  ClassifierOptions options;
  options.hidden = {width, width};
  options.batch = 256;
  options.epochs = 5;
  options.least_steps = 0;
  return options;
}

std::string codes(const ScoreDifferences& d) {
  std::string text;
  for (const Finding& finding : d.summary().findings) text += finding.code + " ";
  return text;
}

TEST(Classifier, FindsTheDifferencesOfGaussians) {
  const GaussianPairs pairs = gaussian_pairs(3, {9000, 6000, 3000});
  const ScoreDifferences d = classifier_differences(cpu, pairs.dataset, small(), Seed{3});
  ASSERT_EQ(d.environments(), 2u);
  const ScoreDifferences gaussian = gaussian_differences(cpu, pairs.dataset, {}, Seed{3});
  for (std::size_t m = 0; m < 2; ++m) {
    const Matrix& x = pairs.dataset.environments[m + 1].samples;
    // The Gaussian start is the maximum likelihood estimate, with an error of some percent;
    // training may leave it only for a better held-out loss. A wrong sign would give 2.
    EXPECT_LT(test::relative_error(d.evaluate(x, m), pairs.truth(x, m)), 0.2);
    // Same rows, same model up to noise.
    EXPECT_NEAR(d.summary().held_out_losses[m], gaussian.summary().held_out_losses[m], 0.01);
  }
}

TEST(Classifier, LearnsThemWithoutTheGaussianStart) {
  const GaussianPairs pairs = gaussian_pairs(2, {12000, 12000});
  ClassifierOptions options = small();
  options.gaussian_start = false;
  options.rate = 5e-3;
  for (const bool quadratic : {true, false}) {
    options.quadratic = quadratic;
    const ScoreDifferences d = classifier_differences(cpu, pairs.dataset, options, Seed{3});
    const Matrix& x = pairs.dataset.environments[1].samples;
    EXPECT_LT(test::relative_error(d.evaluate(x, 0), pairs.truth(x, 0)), quadratic ? 0.35 : 0.6);
  }
}

// d^m is minus the gradient of log p_m / p_0, whose logistic function gives the overlap.
TEST(Classifier, IsMinusTheGradientOfItsLogRatio) {
  StudyOptions study_options;
  study_options.latent.latents = study_options.mixing.observed = 3;
  study_options.latent.family = LatentFamily::quadratic;
  study_options.samples = 4000;
  const Study study = simulate_study(study_options, Seed{5});
  const ScoreDifferences d = classifier_differences(cpu, study.dataset, small(), Seed{1});
  const auto log_ratio = [&](Matrix x, std::size_t m) {  // up to sign
    const double overlap = d.overlap(x, m)[0];
    const double p = 0.5 - std::sqrt(std::max(0.0, 0.25 - overlap));
    return std::log(p / (1.0 - p));
  };
  const Matrix& samples = study.dataset.environments[1].samples;
  for (std::size_t m = 0; m < d.environments(); ++m) {
    for (std::size_t k = 0; k < 20; ++k) {
      Matrix x(1, samples.cols());
      std::copy_n(samples.row(k), samples.cols(), x.row(0));
      if (std::abs(log_ratio(x, m)) < 0.3) continue;  // the sign may change between the two points
      const Matrix value = d.evaluate(x, m);
      std::vector<double> slope;
      constexpr double h = 2e-2;  // fp32 logits: rounding 1e-6 / h, curvature h^2
      for (std::size_t j = 0; j < x.cols(); ++j) {
        Matrix up = x, down = x;
        up(0, j) += h;
        down(0, j) -= h;
        slope.push_back((log_ratio(up, m) - log_ratio(down, m)) / (2.0 * h));
      }
      const double length = as_eigen(value).norm();
      double same = 0.0, opposite = 0.0;
      for (std::size_t j = 0; j < x.cols(); ++j) {
        same = std::max(same, std::abs(value(0, j) - slope[j]));
        opposite = std::max(opposite, std::abs(value(0, j) + slope[j]));
      }
      EXPECT_LT(std::min(same, opposite), 5e-3 * (1.0 + length)) << m << " " << k;
    }
  }
}

// Differences of an environment touch its target and the target's parents only.
TEST(Classifier, SeparatesEdgesFromNonEdgesOfQuadraticLatents) {
  StudyOptions options;
  options.latent.latents = options.mixing.observed = 3;
  options.latent.family = LatentFamily::quadratic;
  options.samples = 8000;
  const Study study = simulate_study(options, Seed{8});
  const ScoreDifferences d = classifier_differences(cpu, study.dataset, small(64), Seed{1});
  const DifferenceMoments r = difference_moments(cpu, d, study.dataset, MomentPoints::own);
  const auto g = as_eigen(study.truth.mixing.layers().front());
  for (std::size_t m = 0; m < 3; ++m) {
    const std::size_t target = study.truth.interventions[m + 1].targets.front();
    const Eigen::MatrixXd latent = g.transpose() * as_eigen(r.own[m]) * g;
    for (std::size_t j = 0; j < 3; ++j) {
      const auto i = static_cast<Eigen::Index>(j);
      if (j == target || study.truth.model.graph().edge(j, target)) continue;
      EXPECT_LT(latent(i, i), 0.03 * latent.diagonal().maxCoeff()) << m << " " << j;
    }
  }
}

TEST(Classifier, UnequalEnvironmentsAreCorrectedFor) {
  const GaussianPairs equal = gaussian_pairs(2, {8000, 8000}), few = gaussian_pairs(2, {8000, 800});
  const Matrix x{{3.0, 3.0}, {3.5, 2.5}, {2.0, 3.0}};
  const auto overlap = [&](const GaussianPairs& pairs) {
    return classifier_differences(cpu, pairs.dataset, small(), Seed{2}).overlap(x, 0);
  };
  const std::vector<double> a = overlap(equal), b = overlap(few);
  // Without the correction P would be a tenth of what it is: P (1 - P) near 0.08.
  for (std::size_t k = 0; k < 3; ++k) EXPECT_NEAR(a[k], b[k], 0.04);
}

TEST(Classifier, SameBitsForAnyThreadCountAndBatch) {
  const GaussianPairs pairs = gaussian_pairs(3, {900, 700, 800}),
                      other = gaussian_pairs(2, {99, 99});
  ClassifierOptions options = small(16);
  options.epochs = 2;
  const Matrix& x = pairs.dataset.environments[1].samples;
  const Matrix alone =
      classifier_differences(Backend::cpu(1), pairs.dataset, options, Seed{4}).evaluate(x, 1);
  for (const int threads : {2, 3}) {
    const Backend backend = Backend::cpu(threads);
    ClassifierOptions wide = options;
    wide.hidden = {24};
    const std::vector<ClassifierTask> tasks{{&other.dataset, wide, Seed{9}},
                                            {&pairs.dataset, options, Seed{4}},
                                            {&pairs.dataset, options, Seed{5}}};
    const auto results = classifier_differences(backend, tasks);
    EXPECT_EQ(results[1].evaluate(x, 1), alone);
    EXPECT_NE(results[2].evaluate(x, 1), alone);
  }
  EXPECT_TRUE(classifier_differences(cpu, std::span<const ClassifierTask>()).empty());
}

TEST(Classifier, DoesNotDependOnUnits) {
  const GaussianPairs pairs = gaussian_pairs(2, {1500, 1500});
  Dataset scaled = pairs.dataset;
  for (Environment& e : scaled.environments) {
    for (std::size_t k = 0; k < e.samples.rows(); ++k) {
      e.samples(k, 0) = 1e4 * e.samples(k, 0) - 1e5;
      e.samples(k, 1) *= 1e-3;
    }
  }
  ClassifierOptions options = small(16);
  const auto a = classifier_differences(cpu, pairs.dataset, options, Seed{4});
  const auto b = classifier_differences(cpu, scaled, options, Seed{4});
  // Symmetric whitening turns with the units, so the networks differ; the fits agree.
  EXPECT_NEAR(a.summary().held_out_loss, b.summary().held_out_loss, 0.01);
}

TEST(Classifier, SeparableClassesAreBoundedAndFound) {
  std::vector<Matrix> samples;
  for (std::uint32_t e = 0; e < 2; ++e)
    samples.push_back(test::gaussian_samples(500, Eigen::VectorXd::Constant(2, 40.0 * e),
                                             Eigen::MatrixXd::Identity(2, 2), e));
  const Dataset dataset = test::dataset_of(std::move(samples));
  for (const bool start : {true, false}) {
    ClassifierOptions options = small(16);
    options.gaussian_start = start;
    options.least_steps = 300;
    const ScoreDifferences d = classifier_differences(cpu, dataset, options);
    if (start) {
      EXPECT_THAT(codes(d), HasSubstr("little-overlap"));
    }
    const Matrix value = d.evaluate(dataset.observational().samples, 0);
    EXPECT_TRUE(as_eigen(value).allFinite());
    EXPECT_LT(as_eigen(value).cwiseAbs().maxCoeff(), 1e3);
  }
}

TEST(Classifier, EqualEnvironmentsAreFound) {
  std::vector<Matrix> samples;
  for (std::uint32_t e = 0; e < 2; ++e)
    samples.push_back(
        test::gaussian_samples(2000, Eigen::VectorXd::Zero(2), Eigen::MatrixXd::Identity(2, 2), e));
  const ScoreDifferences d =
      classifier_differences(cpu, test::dataset_of(std::move(samples)), small(16));
  EXPECT_THAT(codes(d), HasSubstr("weak-environment"));
}

TEST(Classifier, RunsOnTheOtherBackends) {
  const GaussianPairs pairs = gaussian_pairs(2, {60, 50});
  ClassifierOptions options = small(4);
  options.batch = 32;
  options.epochs = 2;
  const Matrix& x = pairs.dataset.environments[1].samples;
  const Matrix expected = classifier_differences(cpu, pairs.dataset, options).evaluate(x, 0);
  for (const Backend& backend : test::slow_backends()) {
    const ScoreDifferences d = classifier_differences(backend, pairs.dataset, options);
    // fp32 sums of another order through a handful of steps.
    EXPECT_LT(test::relative_error(d.evaluate(x, 0), expected), 1e-3) << backend.name();
    const DifferenceMoments r =
        difference_moments(backend, d, pairs.dataset, MomentPoints::overlap);
    EXPECT_TRUE(as_eigen(r.own[0]).allFinite());
  }
}

TEST(Classifier, BadInputIsNamed) {
  const GaussianPairs pairs = gaussian_pairs(2, {60, 50});
  const auto refused = [&](auto change) {
    ClassifierOptions options = small(4);
    change(options);
    return message_of<InvalidArgument>(
        [&] { classifier_differences(cpu, pairs.dataset, options); });
  };
  EXPECT_THAT(refused([](auto& o) { o.rate = 0.0; }), HasSubstr("rate"));
  EXPECT_THAT(refused([](auto& o) { o.batch = 0; }), HasSubstr("batch"));
  EXPECT_THAT(refused([](auto& o) { o.epochs = -1.0; }), HasSubstr("epochs"));
  EXPECT_THAT(refused([](auto& o) { o.hidden = {0}; }), HasSubstr("width 0"));
  EXPECT_THAT(refused([](auto& o) { o.hidden.assign(9, 4); }), HasSubstr("hidden layers"));
  EXPECT_THAT(refused([](auto& o) { o.held_out = 1.0; }), HasSubstr("held-out share"));
  EXPECT_THAT(refused([](auto& o) { o.weight_decay = -1.0; }), HasSubstr("weight_decay"));
  EXPECT_THAT(refused([](auto& o) { o.quadratic = false; }), HasSubstr("gaussian_start"));
  Dataset one = gaussian_pairs(2, {60, 1}).dataset, constant = pairs.dataset;
  for (Environment& e : constant.environments)
    for (std::size_t k = 0; k < e.samples.rows(); ++k) e.samples(k, 1) = 2.0;
  EXPECT_THAT(message_of<InvalidArgument>([&] { classifier_differences(cpu, one, small(4)); }),
              AllOf(HasSubstr("'e1'"), HasSubstr("1 sample")));
  EXPECT_THAT(message_of<InvalidArgument>([&] { classifier_differences(cpu, constant, small(4)); }),
              HasSubstr("constant in every environment: 'x2'"));
}

// A do-intervention leaves its variable without variance in one environment.
TEST(Classifier, ColumnConstantInOneEnvironmentGivesFiniteDifferences) {
  GaussianPairs pairs = gaussian_pairs(2, {300, 300});
  Matrix& x = pairs.dataset.environments[1].samples;
  for (std::size_t k = 0; k < x.rows(); ++k) x(k, 0) = 3.0;
  const ScoreDifferences d = classifier_differences(cpu, pairs.dataset, small(8));
  EXPECT_TRUE(as_eigen(d.evaluate(x, 0)).allFinite());
}

double setting(const ScoreDifferences& d, const std::string& name) {
  for (const Setting& s : d.summary().settings)
    if (s.name == name) return s.value;
  ADD_FAILURE() << "no setting " << name;
  return 0.0;
}

// 90 + 90 rows are trained on in batches of 60.
TEST(Classifier, StepsAreEpochsButNotFewerThanTheLeast) {
  const GaussianPairs pairs = gaussian_pairs(2, {100, 100});
  ClassifierOptions options = small(4);
  options.batch = 60;
  options.epochs = 2.0;
  const auto epochs = [&] {
    return setting(classifier_differences(cpu, pairs.dataset, options), "epochs");
  };
  EXPECT_DOUBLE_EQ(epochs(), 2.0);
  options.least_steps = 12;
  EXPECT_DOUBLE_EQ(epochs(), 4.0);
  options.batch = 100000;  // at most the rows
  options.least_steps = 0;
  EXPECT_DOUBLE_EQ(epochs(), 2.0);
  options.held_out = 0.4;
  const ScoreDifferences d = classifier_differences(cpu, pairs.dataset, options);
  EXPECT_EQ(d.summary().held_out_terms[0].own.size(), 40u);
  EXPECT_LE(setting(d, "best epoch"), setting(d, "epochs"));
}

// No hidden layer, d = 2, one output: 3 parameters, or 7 with the form.
TEST(Classifier, WithoutATrunkItIsALogisticRegression) {
  const GaussianPairs pairs = gaussian_pairs(2, {600, 600});
  ClassifierOptions options = small();
  options.hidden = {};
  const ScoreDifferences quadratic = classifier_differences(cpu, pairs.dataset, options);
  options.quadratic = options.gaussian_start = false;
  const ScoreDifferences linear = classifier_differences(cpu, pairs.dataset, options);
  const Matrix x{{0.0, 0.0}, {5.0, -2.0}, {3.0, 3.0}};
  const Matrix d = linear.evaluate(x, 0);
  for (std::size_t j = 0; j < 2; ++j) {
    EXPECT_NEAR(d(0, j), d(1, j), 1e-6) << "not constant";
    EXPECT_NEAR(d(0, j), d(2, j), 1e-6) << "not constant";
  }
  EXPECT_EQ(setting(linear, "parameters"), 3.0 + 2.0) << "a skip beside the only layer";
  EXPECT_EQ(setting(quadratic, "parameters"), 3.0 + 2.0 + 4.0);
  EXPECT_LT(quadratic.summary().held_out_loss, linear.summary().held_out_loss);
}

TEST(Classifier, StrongWeightDecayLeavesNoDifference) {
  const GaussianPairs pairs = gaussian_pairs(2, {300, 300});
  ClassifierOptions options = small();
  options.hidden = {8};
  options.gaussian_start = false;
  options.rate = 5e-3;
  options.least_steps = 300;
  const auto size = [&](double decay) {
    options.weight_decay = decay;
    const Matrix& x = pairs.dataset.environments[1].samples;
    const auto d = classifier_differences(Backend::cpu(1), pairs.dataset, options);
    return as_eigen(d.evaluate(x, 0)).norm();
  };
  EXPECT_LT(size(1e3), 0.1 * size(0.0));
}

TEST(Classifier, ATrainingThatDivergesIsFoundAndItsStartKept) {
  const GaussianPairs pairs = gaussian_pairs(2, {100, 100});
  ClassifierOptions options = small(8);
  options.rate = 1e30;
  const ScoreDifferences d = classifier_differences(cpu, pairs.dataset, options);
  ASSERT_THAT(test::codes_of(d.summary().findings), ::testing::Contains("training-diverged"));
  EXPECT_EQ(setting(d, "best epoch"), 0.0);
  // The start is the Gaussian fit to nine tenths of the rows.
  const Matrix& x = pairs.dataset.environments[1].samples;
  EXPECT_LT(test::relative_error(d.evaluate(x, 0),
                                 gaussian_differences(cpu, pairs.dataset).evaluate(x, 0)),
            0.3);
}

TEST(Classifier, FindingsNameTheirEnvironment) {
  GaussianPairs pairs = gaussian_pairs(2, {200, 200, 200});
  Dataset& data = pairs.dataset;
  for (std::size_t k = 0; k < 200; ++k) {
    data.environments[1].samples(k, 0) += 100.0;  // far away
    for (std::size_t j = 0; j < 2; ++j)           // the observational samples, upside down
      data.environments[2].samples(k, j) = 6.0 - data.environments[0].samples(k, j);
  }
  const ScoreDifferences d = classifier_differences(cpu, data, small(8));
  std::vector<std::string> messages;
  for (const Finding& finding : d.summary().findings) {
    EXPECT_EQ(finding.severity, Severity::warning);
    EXPECT_FALSE(finding.remedy.empty());
    messages.push_back(finding.code + ": " + finding.message);
  }
  EXPECT_THAT(messages, ::testing::UnorderedElementsAre(
                            AllOf(HasSubstr("little-overlap"), HasSubstr("'e1' hardly overlaps")),
                            AllOf(HasSubstr("weak-environment"), HasSubstr("'e2' can't be told"))));
}

TEST(Classifier, EveryBadValueIsNamedInWhicheverTask) {
  const GaussianPairs pairs = gaussian_pairs(2, {60, 50});
  const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  const auto refused = [&](auto change) {
    std::vector<ClassifierTask> tasks(2, {&pairs.dataset, small(4), Seed{1}});
    change(tasks[1].options);
    return message_of<InvalidArgument>([&] { classifier_differences(cpu, tasks); });
  };
  for (const double bad : {-1.0, nan, infinity}) {
    EXPECT_THAT(refused([&](auto& o) { o.rate = bad; }), HasSubstr("classifier: rate"));
    EXPECT_THAT(refused([&](auto& o) { o.epochs = bad; }), HasSubstr("classifier: epochs"));
  }
  EXPECT_THAT(refused([&](auto& o) { o.epochs = 0.0; }), HasSubstr("classifier: epochs"));
  EXPECT_THAT(refused([&](auto& o) { o.weight_decay = nan; }), HasSubstr("weight_decay"));
  for (const double bad : {0.0, 1.0, -0.5, nan})
    EXPECT_THAT(refused([&](auto& o) { o.held_out = bad; }), HasSubstr("held-out share"));
  const Dataset nine = gaussian_pairs(2, {60, 9}).dataset;
  EXPECT_THAT(message_of<InvalidArgument>([&] { classifier_differences(cpu, nine, small(4)); }),
              AllOf(HasSubstr("'e1'"), HasSubstr("9 samples")));
}

}  // namespace
}  // namespace lodestein
