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

TEST(AutoDifferences, HasTheDegreeAndTheClassifierThatWereAskedFor) {
  const auto compared = [](const AutoDifferences& options) {
    StudyOptions simulation;
    simulation.latent.latents = simulation.mixing.observed = 2;
    simulation.samples = 1000;
    const Study study = simulate_study(simulation, Seed{3});
    return estimate_score_differences(Backend::cpu(1), study.dataset, options, Seed{1})
        .summary()
        .findings.front()
        .message;
  };
  AutoDifferences options;
  options.classifier.hidden = {4};
  options.classifier.least_steps = 20;
  EXPECT_THAT(compared(options), HasSubstr("log-ratio-3"));
  options.degree = 2;
  EXPECT_THAT(compared(options), ::testing::Not(HasSubstr("log-ratio-3")));
  options.degree = 4;
  EXPECT_THROW(compared(options), InvalidArgument);
  options.degree = 2;
  options.classifier.batch = 0;
  EXPECT_THROW(compared(options), InvalidArgument);
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

TEST(EstimateScores, OptionsReachTheirEstimator) {
  const GaussianPairs pairs = gaussian_pairs(2, {60, 50});
  const auto name = [&](const ScoreMethod& method) {
    const auto scores = estimate_scores(cpu, pairs.dataset, method, Seed{1});
    EXPECT_EQ(scores[1].summary().environment, "e1");
    EXPECT_EQ(scores[1].summary().samples, 50u);
    return scores[1].summary().estimator;
  };
  ScoreMatchingOptions matching;
  matching.least_steps = 5;
  matching.epochs = 0.0;
  EXPECT_EQ(name(GaussianScoreOptions{}), "gaussian");
  EXPECT_EQ(name(SteinOptions{.ridge = 1.0}), "stein");
  EXPECT_EQ(name(KernelScoreOptions{.method = KernelMethod::tikhonov, .ridge = 0.1}), "tikhonov");
  EXPECT_EQ(name(KernelScoreOptions{.method = KernelMethod::landweber, .iterations = 3}),
            "landweber");
  EXPECT_EQ(name(KernelScoreOptions{.iterations = 3}), "nu-method");
  EXPECT_EQ(name(KernelScoreOptions{.method = KernelMethod::cutoff, .ridge = 0.1}),
            "spectral cut-off");
  EXPECT_EQ(name(KernelScoreOptions{.method = KernelMethod::ssge}), "ssge");
  EXPECT_EQ(name(FeatureScoreOptions{.fourier = 4}), "feature score");
  EXPECT_EQ(name(matching), "score-matching");
}

TEST(EstimateDifferences, OptionsReachTheirEstimator) {
  const GaussianPairs pairs = gaussian_pairs(2, {60, 50});
  const auto run = [&](const DifferenceMethod& method) {
    return estimate_score_differences(cpu, pairs.dataset, method, Seed{1});
  };
  const Matrix x{{1.0, 2.0}};
  LogRatioOptions ratio;
  ratio.fit = RatioFit::moments;
  EXPECT_EQ(run(ratio).summary().estimator, "moment log-ratio");
  EXPECT_EQ(run(PlugInDifferences{SteinOptions{.ridge = 1.0}}).summary().estimator,
            "plug-in stein");
  EXPECT_EQ(run(PlugInDifferences{GaussianScoreOptions{}}).evaluate(x, 0),
            run(PlugInDifferences{}).evaluate(x, 0))
      << "the choice between Gaussian data's scores is the Gaussian";
  // The residual's observational score is estimated from the observational environment alone.
  const RatioFeatures features{.degree = 1};
  const ScoreDifferences residual = run(ResidualDifferences{GaussianScoreOptions{}, features});
  EXPECT_EQ(residual.summary().estimator, "residual score matching");
  const auto base = estimate_scores(cpu, pairs.dataset, GaussianScoreOptions{}, Seed{1});
  EXPECT_EQ(residual.evaluate(x, 0),
            residual_differences(cpu, pairs.dataset, base[0], features, Seed{1}).evaluate(x, 0));
}

TEST(EstimateScores, NamesAreAllKnownAndEachGivesItsOptions) {
  EXPECT_TRUE(std::holds_alternative<AutoScore>(score_method("auto")));
  EXPECT_TRUE(std::holds_alternative<GaussianScoreOptions>(score_method("gaussian")));
  EXPECT_TRUE(std::holds_alternative<SteinOptions>(score_method("stein")));
  EXPECT_TRUE(std::holds_alternative<KernelScoreOptions>(score_method("kernel")));
  EXPECT_TRUE(std::holds_alternative<FeatureScoreOptions>(score_method("features")));
  EXPECT_EQ(std::get<ScoreMatchingOptions>(score_method("score-matching")).objective,
            ScoreObjective::exact);
  EXPECT_EQ(std::get<ScoreMatchingOptions>(score_method("published")).objective,
            ScoreObjective::sliced_reduced);
  EXPECT_EQ(std::get<LogRatioOptions>(difference_method("log-ratio")).features.degree, 2u);
  EXPECT_EQ(std::get<LogRatioOptions>(difference_method("log-ratio-3")).features.degree, 3u);
  EXPECT_GT(std::get<LogRatioOptions>(difference_method("log-ratio-fourier")).features.fourier, 0u);
  EXPECT_TRUE(std::holds_alternative<ResidualDifferences>(difference_method("residual")));
  for (const std::string& name : score_method_names()) {
    const auto plug_in = std::get<PlugInDifferences>(difference_method("plug-in-" + name));
    EXPECT_EQ(plug_in.scores.index(), score_method(name).index());
    EXPECT_THAT(test::message_of<InvalidArgument>([] { score_method(""); }), HasSubstr(name));
  }
  for (const std::string& name : difference_method_names())
    EXPECT_THAT(test::message_of<InvalidArgument>([] { difference_method("x"); }), HasSubstr(name));
}

// So many standard errors are never reached.
TEST(AutoScore, ErrorsDecideHowMuchBetterARicherEstimatorMustBe) {
  StudyOptions options;
  options.latent.latents = options.mixing.observed = 2;
  options.latent.family = LatentFamily::quadratic;
  options.latent.density = 1.0;
  options.variance_scale = 4.0;
  options.samples = 400;
  const Study study = simulate_study(options, Seed{4});
  const auto scores = [&](double errors) {
    return estimate_scores(cpu, study.dataset, AutoScore{errors}, Seed{2})[0].summary().estimator;
  };
  EXPECT_EQ(scores(1e9), "gaussian");
  EXPECT_EQ(scores(0.0), "nu-method");
  const auto differences = [&](double errors) {
    return estimate_score_differences(cpu, study.dataset, AutoDifferences{errors}, Seed{2})
        .summary()
        .estimator;
  };
  EXPECT_EQ(differences(1e9), "plug-in gaussian");
  EXPECT_EQ(differences(0.0), "logistic");
}

// More than half of the samples equal: there is no median distance, but a covariance.
TEST(AutoScore, ACandidateThatCannotBeFittedDropsOutAndSaysWhy) {
  Dataset data = gaussian_pairs(2, {100, 100}).dataset;
  for (std::size_t k = 0; k < 80; ++k)
    for (std::size_t j = 0; j < 2; ++j) data.environments[1].samples(k, j) = 1.0;
  const auto scores = estimate_scores(cpu, data, AutoScore{}, Seed{1});
  EXPECT_EQ(scores[0].summary().estimator, "gaussian");
  const Finding* why = chosen(scores[0].summary().findings);
  ASSERT_NE(why, nullptr);
  for (const char* text : {"kernel not fitted", "; kernel: environment 'e1'", "equal"})
    EXPECT_THAT(why->message, HasSubstr(text));
}

TEST(AutoScore, ThrowsWhatTheSimplestThrewWhereNothingCanBeFitted) {
  Dataset data = gaussian_pairs(2, {100, 100}).dataset;
  for (std::size_t k = 0; k < 100; ++k) data.environments[1].samples(k, 1) = 1.0;
  EXPECT_THAT(test::message_of<InvalidArgument>([&] { estimate_scores(cpu, data); }),
              HasSubstr("environment 'e1'"));
  EXPECT_THAT(test::message_of<InvalidArgument>([&] { estimate_scores(cpu, {}); }),
              HasSubstr("no environment"));
  EXPECT_THAT(
      test::message_of<InvalidArgument>([&] { estimate_scores(cpu, data, AutoScore{-1.0}); }),
      HasSubstr("AutoScore: errors"));
  EXPECT_THAT(test::message_of<InvalidArgument>(
                  [&] { estimate_score_differences(cpu, data, AutoDifferences{std::nan("")}); }),
              HasSubstr("AutoDifferences: errors"));
  EXPECT_THAT(test::message_of<InvalidArgument>(
                  [&] { estimate_score_differences(cpu, {}, ResidualDifferences{}); }),
              HasSubstr("no environment"));
}

// Of 100 samples in each environment nothing but the Gaussian fit and degree 2 are affordable.
TEST(AutoDifferences, CandidatesNeedTenSamplesAFeature) {
  const auto message = [](std::size_t samples) {
    const GaussianPairs pairs = gaussian_pairs(2, {samples, samples});
    const auto d = estimate_score_differences(cpu, pairs.dataset, AutoDifferences{}, Seed{1});
    return chosen(d.summary().findings)->message;
  };
  const std::string few = message(49), some = message(50), more = message(90);
  EXPECT_EQ(few.find("log-ratio"), std::string::npos) << few;
  EXPECT_THAT(some, HasSubstr("log-ratio"));
  EXPECT_EQ(some.find("log-ratio-3"), std::string::npos) << some;
  EXPECT_THAT(more, HasSubstr("log-ratio-3"));
  EXPECT_EQ(more.find("classifier"), std::string::npos) << more;
}

TEST(EstimateDifferences, OneEnvironmentIsTooFew) {
  const Dataset alone = gaussian_pairs(2, {60}).dataset;
  for (const std::string& name : difference_method_names()) {
    if (name == "plug-in-auto") continue;  // as plug-in-gaussian
    EXPECT_THAT(test::message_of<InvalidArgument>([&] {
                  estimate_score_differences(Backend::cpu(1), alone, difference_method(name));
                }),
                HasSubstr("at least one interventional environment"))
        << name;
  }
}

}  // namespace
}  // namespace lodestein
