#include <gmock/gmock.h>

#include <cmath>

#include "lodestein/core/error.hpp"
#include "lodestein/score/check.hpp"
#include "lodestein/score/estimate.hpp"
#include "lodestein/simulate/study.hpp"
#include "score_support.hpp"
#include "simulate_support.hpp"

namespace lodestein {
namespace {

using test::gaussian_pairs;
using test::GaussianPairs;
using ::testing::HasSubstr;

const Backend cpu = Backend::cpu(2);

const Finding* chosen(const std::vector<Finding>& findings) {
  for (const Finding& finding : findings)
    if (finding.code == "chosen") return &finding;
  return nullptr;
}

Study quadratic(std::size_t samples) {
  StudyOptions options;
  options.latent.latents = options.mixing.observed = 3;
  options.latent.family = LatentFamily::quadratic;
  options.latent.density = 1.0;
  options.variance_scale = 4.0;
  options.samples = samples;
  return simulate_study(options, Seed{4});
}

TEST(EstimateScores, GaussianScoresAreThoseOfTheMoments) {
  const GaussianPairs pairs = gaussian_pairs(3, {400, 300});
  const auto scores = estimate_scores(cpu, pairs.dataset, GaussianScoreOptions{}, Seed{1});
  ASSERT_EQ(scores.size(), 2u);
  const Matrix& x = pairs.dataset.environments[1].samples;
  const auto expected = gaussian_scores(compute_moments(cpu, pairs.dataset));
  EXPECT_EQ(scores[1].evaluate(x), evaluate(expected[1], x));
  // Twelve numbers from 300 samples: relative error of order sqrt(d / N) = .1.
  EXPECT_LT(test::relative_error(scores[1].evaluate(x), to_matrix(pairs.score(x, 1))), 0.3);
  EXPECT_DOUBLE_EQ(scores[1].divergence(x)[0], scores[1].divergence(x)[299]);
  // At the truth the loss is -d_eff / 2 < 0.
  EXPECT_LT(scores[1].summary().held_out_loss, 0.0);
}

TEST(EstimateScores, EveryNamedMethodWorks) {
  const GaussianPairs pairs = gaussian_pairs(2, {300, 300});
  for (const std::string& name : score_method_names()) {
    const auto scores = estimate_scores(cpu, pairs.dataset, score_method(name), Seed{1});
    ASSERT_EQ(scores.size(), 2u) << name;
    const Matrix s = scores[1].evaluate(pairs.dataset.environments[1].samples);
    EXPECT_TRUE(as_eigen(s).allFinite()) << name;
  }
}

TEST(EstimateScores, UnknownNamesAreAnsweredWithTheNearest) {
  EXPECT_THAT(test::message_of<InvalidArgument>([] { score_method("gausian"); }),
              HasSubstr("'gaussian'?"));
  EXPECT_THAT(test::message_of<InvalidArgument>([] { difference_method("plug-in-stain"); }),
              HasSubstr("'plug-in-stein'?"));
}

TEST(AutoScore, KeepsTheGaussianFitOfGaussianData) {
  const GaussianPairs pairs = gaussian_pairs(3, {1500, 1500});
  const auto scores = estimate_scores(cpu, pairs.dataset, AutoScore{}, Seed{2});
  EXPECT_EQ(scores[0].summary().estimator, "gaussian");
  const Finding* why = chosen(scores[0].summary().findings);
  ASSERT_NE(why, nullptr);
  EXPECT_EQ(why->severity, Severity::note);
  for (const char* text : {"gaussian was chosen", "kernel", "score-matching doesn't beat"})
    EXPECT_THAT(why->message, HasSubstr(text));
}

TEST(AutoScore, TakesARicherEstimatorWhereItIsBetter) {
  const Study study = quadratic(3000);
  const auto scores = estimate_scores(cpu, study.dataset, AutoScore{}, Seed{2});
  EXPECT_NE(scores[0].summary().estimator, "gaussian");
  ASSERT_NE(chosen(scores[0].summary().findings), nullptr);
  EXPECT_THAT(chosen(scores[0].summary().findings)->message, HasSubstr("beats gaussian"));
}

TEST(AutoScore, SmallDataSetsHaveOneCandidate) {
  const GaussianPairs pairs = gaussian_pairs(3, {12, 15});
  const auto scores = estimate_scores(cpu, pairs.dataset, AutoScore{}, Seed{2});
  EXPECT_EQ(scores[0].summary().estimator, "gaussian");
  EXPECT_NE(chosen(scores[0].summary().findings), nullptr);
}

TEST(EstimateDifferences, EveryNamedMethodWorks) {
  const GaussianPairs pairs = gaussian_pairs(2, {300, 300});
  for (const std::string& name : difference_method_names()) {
    const ScoreDifferences d =
        estimate_score_differences(cpu, pairs.dataset, difference_method(name), Seed{1});
    const Matrix& x = pairs.dataset.environments[1].samples;
    EXPECT_TRUE(as_eigen(d.evaluate(x, 0)).allFinite()) << name;
    EXPECT_LT(test::relative_error(d.evaluate(x, 0), pairs.truth(x, 0)), 1.5) << name;
  }
}

TEST(AutoDifferences, KeepsGaussiansForGaussianData) {
  const GaussianPairs pairs = gaussian_pairs(3, {2000, 2000, 2000});
  const ScoreDifferences d = estimate_score_differences(cpu, pairs.dataset, {}, Seed{3});
  EXPECT_EQ(d.summary().estimator, "plug-in gaussian");
  const Finding* why = chosen(d.summary().findings);
  ASSERT_NE(why, nullptr);
  EXPECT_THAT(why->message, HasSubstr("classifier doesn't beat"));
}

TEST(AutoDifferences, TakesARicherEstimatorWhereItIsBetter) {
  const Study study = quadratic(6000);
  const ScoreDifferences d = estimate_score_differences(cpu, study.dataset, {}, Seed{3});
  EXPECT_NE(d.summary().estimator, "plug-in gaussian");
  EXPECT_THAT(chosen(d.summary().findings)->message, HasSubstr("beats gaussian"));
}

TEST(AutoDifferences, SameSeedSameBitsForAnyThreadCount) {
  const Study study = quadratic(1200);
  const Matrix& x = study.dataset.environments[1].samples;
  const auto at = [&](int threads) {
    return estimate_score_differences(Backend::cpu(threads), study.dataset, {}, Seed{5})
        .evaluate(x, 0);
  };
  EXPECT_EQ(at(1), at(3));
}

TEST(AutoDifferences, BadOptionsAndData) {
  const GaussianPairs pairs = gaussian_pairs(2, {300, 300});
  EXPECT_THROW(estimate_score_differences(cpu, pairs.dataset, AutoDifferences{-1.0}),
               InvalidArgument);
  EXPECT_THROW(estimate_scores(cpu, pairs.dataset, AutoScore{std::nan("")}), InvalidArgument);
  EXPECT_THROW(estimate_scores(cpu, Dataset{}), InvalidArgument);
  Dataset bad = pairs.dataset;
  bad.environments[1].samples(7, 0) = std::nan("");
  EXPECT_THROW(estimate_score_differences(cpu, bad), InvalidArgument);
  EXPECT_THROW(estimate_scores(cpu, bad), InvalidArgument);
}

TEST(HeldOutTerms, TheirMeansAreTheLosses) {
  const GaussianPairs pairs = gaussian_pairs(2, {300, 200, 250});
  const DifferenceSummary summary = gaussian_differences(cpu, pairs.dataset).summary();
  ASSERT_EQ(summary.held_out_terms.size(), 2u);
  for (std::size_t m = 0; m < 2; ++m) {
    const auto mean = [](const std::vector<double>& values) {
      double sum = 0.0;
      for (const double value : values) sum += value;
      return sum / static_cast<double>(values.size());
    };
    const HeldOutTerms& terms = summary.held_out_terms[m];
    EXPECT_EQ(terms.own.size(), m == 0 ? 20u : 25u);
    EXPECT_EQ(terms.observational.size(), 30u);
    EXPECT_NEAR(0.5 * (mean(terms.own) + mean(terms.observational)), summary.held_out_losses[m],
                1e-12);
  }
}

}  // namespace
}  // namespace lodestein
