#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <optional>
#include <string>

#include "lodestein/score/check.hpp"
#include "lodestein/score/feature_score.hpp"
#include "lodestein/score/gaussian.hpp"
#include "lodestein/simulate/study.hpp"
#include "score_support.hpp"
#include "simulate_support.hpp"

namespace lodestein {
namespace {

// Curved: the third variable follows the square of the first.
Matrix curved(std::size_t n, std::uint32_t number) {
  Matrix x(n, 3);
  const RandomStream stream(Seed{5}, Purpose::test, number);
  for (std::size_t k = 0; k < n; ++k) {
    Draws draws = stream.at(k);
    x(k, 0) = draws.normal();
    x(k, 1) = 2.0 * draws.normal() + 0.5 * x(k, 0) + 3.0;
    x(k, 2) = 0.7 * draws.normal() + 0.5 * x(k, 0) * x(k, 0);
  }
  return x;
}

std::vector<FeatureScoreOptions> every_form() {
  std::vector<FeatureScoreOptions> all;
  for (const FeatureForm form : {FeatureForm::energy, FeatureForm::vector}) {
    all.push_back({.form = form, .degree = 4, .fourier = 0});
    all.push_back({.form = form, .degree = 0, .fourier = 21, .widths = {1.0}});
    all.push_back({.form = form, .degree = 2, .fourier = 20, .widths = {0.7, 1.0}});
  }
  return all;
}

double loss_of_gaussian(const Backend& backend, const Dataset& data, ConstMatrixView at) {
  const GaussianScore g =
      gaussian_scores(compute_moments(backend, data), {.shrinkage = Shrinkage::none}).front();
  const Matrix s = evaluate(g, at);
  return 0.5 * as_eigen(s).squaredNorm() / static_cast<double>(at.rows()) -
         as_eigen(g.precision).trace();
}

// Whitened, the features' gradients average to what the Gaussian base cancels: theta = 0 up to
// fp32 sums, 1e-6 of their size.
TEST(FeatureScores, DegreeTwoIsTheGaussianMaximumLikelihoodFit) {
  const Matrix x = curved(2000, 1), at = curved(50, 2);
  const Eigen::RowVectorXd mean = as_eigen(x).colwise().mean();
  const Eigen::MatrixXd centred = as_eigen(x).rowwise() - mean;
  const Eigen::MatrixXd covariance = centred.transpose() * centred / 2000.0;
  const Matrix wanted = to_matrix((-(as_eigen(at).rowwise() - mean) * covariance.inverse()).eval());
  for (const FeatureForm form : {FeatureForm::energy, FeatureForm::vector}) {
    const unsigned degree = form == FeatureForm::energy ? 2 : 1;
    for (const double ridge : {1.0, 1e-6}) {
      const Score score =
          feature_scores(Backend::cpu(1), test::dataset_of({x}),
                         {.form = form, .degree = degree, .fourier = 0, .ridges = {ridge}})
              .front();
      EXPECT_LT(test::relative_error(score.evaluate(at), wanted), 1e-5);
    }
  }
}

TEST(FeatureScores, DivergencesAndCurlsAreThoseOfTheField) {
  const Dataset data = test::dataset_of({curved(1500, 3)});
  const Matrix at = curved(4, 4);
  const double step = 1e-2;
  for (const FeatureScoreOptions& options : every_form()) {
    const Score score = feature_scores(Backend::cpu(1), data, options).front();
    const std::vector<double> divergence = score.divergence(at);
    for (std::size_t k = 0; k < at.rows(); ++k) {
      Eigen::Matrix3d jacobian;
      for (std::size_t j = 0; j < 3; ++j) {
        Matrix shifted(4, 3);
        const double by[4] = {step, -step, 2 * step, -2 * step};
        for (std::size_t r = 0; r < 4; ++r) {
          for (std::size_t c = 0; c < 3; ++c) shifted(r, c) = at(k, c);
          shifted(r, j) += by[r];
        }
        const Eigen::MatrixXd s = as_eigen(score.evaluate(shifted));
        jacobian.col(static_cast<Eigen::Index>(j)) =
            (8.0 * (s.row(0) - s.row(1)) - (s.row(2) - s.row(3))).transpose() / (12.0 * step);
      }
      // fp32 values of size 10 divided by the step.
      EXPECT_NEAR(divergence[k], jacobian.trace(), 1e-3 * (1.0 + jacobian.norm()));
      if (options.form == FeatureForm::energy) {
        EXPECT_LT((jacobian - jacobian.transpose()).norm(), 2e-3 * (1.0 + jacobian.norm()));
      }
    }
  }
}

TEST(FeatureScores, ImproveOnTheGaussianFitAndSayHowMuch) {
  const Dataset data = test::dataset_of({curved(4000, 5)});
  const Matrix fresh = curved(4000, 6);
  const Backend backend = Backend::cpu(2);
  const double gaussian = loss_of_gaussian(backend, data, fresh);
  for (const FeatureScoreOptions& options : every_form()) {
    const Score score = feature_scores(backend, data, options).front();
    const MeanEstimate loss = hyvarinen_loss(score, fresh);
    EXPECT_LT(loss.value, gaussian - 0.1);
    // The held-out tenth is 400 samples against 4000: its error is three times as large.
    EXPECT_NEAR(score.summary().held_out_loss, loss.value, 12.0 * loss.standard_error);
  }
}

// log p is a polynomial of degree 4 in these variables, so the family has the truth in it.
TEST(FeatureScores, AnExponentialFamilyPassesSteinsTest) {
  const Score score = feature_scores(Backend::cpu(2), test::dataset_of({curved(20000, 7)}),
                                     {.degree = 4, .fourier = 0})
                          .front();
  const Score gaussian = feature_scores(Backend::cpu(2), test::dataset_of({curved(20000, 7)}),
                                        {.degree = 2, .fourier = 0})
                             .front();
  const Matrix fresh = curved(3000, 8);
  EXPECT_GT(stein_test(score, fresh, Seed{1}, 20).p_value, 1e-3);
  EXPECT_LT(stein_test(gaussian, fresh, Seed{1}, 20).p_value, 1e-3);
}

TEST(FeatureScores, QuadraticLatentsAreBelowTheGaussianLoss) {
  StudyOptions options;
  options.latent.family = LatentFamily::quadratic;
  options.latent.latents = options.mixing.observed = 4;
  options.samples = 4000;
  const Study study = simulate_study(options, Seed{3});
  Dataset data = study.dataset;
  data.environments.resize(1);
  const Score score = feature_scores(Backend::cpu(2), data, {.degree = 3, .fourier = 60}).front();
  const Score gaussian = feature_scores(Backend::cpu(2), data, {.degree = 2, .fourier = 0}).front();
  EXPECT_LT(score.summary().held_out_loss, gaussian.summary().held_out_loss);
}

TEST(FeatureScores, BitsDependOnNeitherThreadsNorOtherEnvironments) {
  const Matrix x = curved(700, 9), other = curved(90, 10), at = curved(20, 11);
  for (const FeatureScoreOptions& options : every_form()) {
    const Score one =
        feature_scores(Backend::cpu(1), test::dataset_of({x}), options, Seed{3}).front();
    const Score two =
        feature_scores(Backend::cpu(3), test::dataset_of({x, other}), options, Seed{3}).front();
    EXPECT_EQ(one.evaluate(at), two.evaluate(at));
    EXPECT_EQ(one.summary().held_out_loss, two.summary().held_out_loss);
  }
}

TEST(FeatureScores, RunOnEveryBackend) {
  const Dataset data = test::dataset_of({curved(60, 12)});
  const Matrix at = curved(5, 13);
  for (const FeatureForm form : {FeatureForm::energy, FeatureForm::vector}) {
    const FeatureScoreOptions options{
        .form = form, .degree = 2, .fourier = 6, .widths = {1.0}, .ridges = {0.1}};
    const Score wanted = feature_scores(Backend::cpu(1), data, options).front();
    for (const std::string name : {"reference", "simt"}) {
      std::optional<Backend> backend;
      try {
        backend.emplace(Backend::named(name, 1));
      } catch (const NotCompiled&) {
        continue;
      }
      const Score score = feature_scores(*backend, data, options).front();
      // fp32 features and moments, a ridge of .1.
      EXPECT_LT(test::relative_error(score.evaluate(at), wanted.evaluate(at)), 1e-4);
      EXPECT_NEAR(score.divergence(at)[0], wanted.divergence(at)[0], 1e-3);
    }
  }
}

TEST(FeatureScores, BadInputIsNamed) {
  const Backend backend = Backend::cpu(1);
  const Dataset good = test::dataset_of({curved(50, 14)});
  EXPECT_THROW(feature_scores(backend, good, {.degree = 5}), InvalidArgument);
  EXPECT_THROW(feature_scores(backend, good, {.degree = 0, .fourier = 0}), InvalidArgument);
  EXPECT_THROW(feature_scores(backend, good, {.fourier = 5000}), InvalidArgument);
  EXPECT_THROW(feature_scores(backend, good, {.widths = {}}), InvalidArgument);
  EXPECT_THROW(feature_scores(backend, good, {.ridges = {0.0}}), InvalidArgument);
  EXPECT_THROW(feature_scores(backend, good, {.held_out = 1.0}), InvalidArgument);
  Matrix constant = curved(50, 15), infinite = curved(50, 15);
  for (std::size_t k = 0; k < 50; ++k) constant(k, 1) = 4.0;
  infinite(3, 1) = std::numeric_limits<double>::infinity();
  EXPECT_THROW(feature_scores(backend, test::dataset_of({constant})), InvalidArgument);
  EXPECT_THROW(feature_scores(backend, test::dataset_of({infinite})), InvalidArgument);
  EXPECT_THROW(feature_scores(backend, test::dataset_of({curved(3, 16)})), InvalidArgument);
}

TEST(FeatureScores, HardDataGiveFiniteScoresAndFindings) {
  const Matrix at = curved(5, 17);
  Matrix twice = curved(60, 18), outlier = curved(300, 19);
  for (std::size_t k = 0; k < 30; ++k)
    for (std::size_t j = 0; j < 3; ++j) twice(k + 30, j) = twice(k, j);
  outlier(7, 1) = 1e6;
  for (const FeatureScoreOptions& options : every_form()) {
    for (const Matrix& x : {twice, outlier}) {
      const Score score = feature_scores(Backend::cpu(1), test::dataset_of({x}), options).front();
      EXPECT_TRUE(as_eigen(score.evaluate(at)).allFinite());
    }
    const Score few =
        feature_scores(Backend::cpu(1), test::dataset_of({curved(12, 20)}), options).front();
    EXPECT_TRUE(as_eigen(few.evaluate(at)).allFinite());
    ASSERT_EQ(few.summary().findings.size(), 1u);
    EXPECT_EQ(few.summary().findings.front().code, "settings-not-chosen");
  }
}

double setting(const Score& score, const std::string& name) {
  for (const Setting& s : score.summary().settings)
    if (s.name == name) return s.value;
  ADD_FAILURE() << "no setting " << name;
  return 0.0;
}

Matrix normal(std::size_t n, std::uint32_t number) {
  return test::gaussian_samples(n, Eigen::Vector3d::Zero(), Eigen::Matrix3d::Identity(), number);
}

TEST(FeatureScores, GaussianDataKeepTheGaussianFit) {
  const Matrix at = normal(20, 2);
  const Dataset data = test::dataset_of({normal(60, 1)});
  const Score score = feature_scores(Backend::cpu(1), data,
                                     {.degree = 4, .fourier = 0, .ridges = {1e-6}, .held_out = 0.4})
                          .front();
  ASSERT_THAT(test::codes_of(score.summary().findings),
              ::testing::ElementsAre("gaussian-fit-kept"));
  EXPECT_EQ(score.summary().findings[0].severity, Severity::note);
  EXPECT_THAT(score.summary().findings[0].message, ::testing::HasSubstr("'obs'"));
  for (const Setting& s : score.summary().settings) EXPECT_NE(s.name, "ridge");
  EXPECT_TRUE(std::isfinite(score.summary().held_out_loss));
  const Score gaussian = feature_scores(Backend::cpu(1), data, {.degree = 2, .fourier = 0}).front();
  // Whitened coordinates are fp32.
  EXPECT_LT(test::relative_error(score.evaluate(at), gaussian.evaluate(at)), 1e-5);
}

TEST(FeatureScores, ChooseTheBestOfWidthsAndRidges) {
  const Dataset data = test::dataset_of({curved(400, 21)});
  FeatureScoreOptions options{
      .fourier = 30, .widths = {0.4, 1.0, 4.0}, .ridges = {1.0, 1e-2, 1e-4}};
  const Score chosen = feature_scores(Backend::cpu(1), data, options).front();
  EXPECT_EQ(setting(chosen, "features"), 9.0 + 30.0);
  double least = std::numeric_limits<double>::infinity(), best_width = 0.0, best_ridge = 0.0;
  for (const double width : options.widths) {
    for (const double ridge : options.ridges) {
      FeatureScoreOptions one = options;
      one.widths = {width};
      one.ridges = {ridge};
      const Score score = feature_scores(Backend::cpu(1), data, one).front();
      if (!(score.summary().held_out_loss < least)) continue;
      least = score.summary().held_out_loss;
      best_width = width;
      best_ridge = ridge;
    }
  }
  EXPECT_DOUBLE_EQ(setting(chosen, "ridge"), best_ridge);
  EXPECT_DOUBLE_EQ(setting(chosen, "width"), best_width * std::sqrt(6.0));
  EXPECT_DOUBLE_EQ(chosen.summary().held_out_loss, least);
  options.fourier = 0;
  options.widths = {};  // ignored
  EXPECT_NO_THROW(feature_scores(Backend::cpu(1), data, options));
}

TEST(FeatureScores, SeedsDrawTheFeaturesAndTheHeldOutRows) {
  const Dataset data = test::dataset_of({curved(400, 22)});
  const Matrix at = curved(5, 23);
  const auto score = [&](std::size_t fourier, Seed seed) {
    return feature_scores(Backend::cpu(1), data,
                          {.degree = 3, .fourier = fourier, .widths = {1.0}, .ridges = {0.1}}, seed)
        .front();
  };
  EXPECT_NE(score(8, Seed{1}).evaluate(at), score(8, Seed{2}).evaluate(at));
  EXPECT_EQ(score(0, Seed{1}).evaluate(at), score(0, Seed{2}).evaluate(at));
  EXPECT_NE(score(0, Seed{1}).summary().held_out_loss, score(0, Seed{2}).summary().held_out_loss);
}

TEST(FeatureScores, NoEnvironmentsGiveNoScores) {
  EXPECT_TRUE(feature_scores(Backend::cpu(1), {}).empty());
}

TEST(FeatureScores, EveryBadValueIsNamed) {
  using ::testing::HasSubstr;
  const Dataset good = test::dataset_of({curved(30, 14)});
  const auto refused = [&](const FeatureScoreOptions& options) {
    return test::message_of<InvalidArgument>(
        [&] { feature_scores(Backend::cpu(1), good, options); });
  };
  const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  EXPECT_THAT(refused({.degree = 5}), HasSubstr("feature score: degree must be 0 to 4"));
  EXPECT_THAT(refused({.degree = 0, .fourier = 0}), HasSubstr("no features"));
  EXPECT_THAT(refused({.ridges = {}}), HasSubstr("ridges must be positive"));
  EXPECT_THAT(refused({.widths = {}}), HasSubstr("widths must be positive"));
  for (const double bad : {0.0, -1.0, nan, infinity}) {
    EXPECT_THAT(refused({.ridges = {1.0, bad}}), HasSubstr("ridges must be positive"));
    EXPECT_THAT(refused({.widths = {1.0, bad}}), HasSubstr("widths must be positive"));
  }
  for (const double bad : {0.0, 1.0, -1.0, nan})
    EXPECT_THAT(refused({.held_out = bad}), HasSubstr("held_out must lie between 0 and 1"));
  EXPECT_THAT(refused({.fourier = 4088}), HasSubstr("9 monomials and 4088 Fourier features"));
  EXPECT_THAT(test::message_of<InvalidArgument>([&] {
                feature_scores(Backend::cpu(1), test::dataset_of({curved(30, 1), curved(3, 1)}));
              }),
              HasSubstr("environment 'e1': 3 samples"));
}

}  // namespace
}  // namespace lodestein
