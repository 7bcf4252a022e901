#include "lodestein/score/score_matching.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <cmath>
#include <functional>
#include <limits>

#include "core/eigen.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/score/check.hpp"
#include "simulate_support.hpp"

namespace lodestein {
namespace {

using ::testing::HasSubstr;
using Objective = ScoreObjective;

// Correlated columns of unequal scales with a mean; `bend` makes the last one depend on the square
// of the first.
Matrix samples(std::size_t n, std::size_t d, double bend, std::uint32_t number) {
  Matrix x(n, d);
  const RandomStream stream(Seed{17}, Purpose::test, number);
  for (std::size_t k = 0; k < n; ++k) {
    Draws draws = stream.at(k);
    double before = 0.0;
    for (std::size_t j = 0; j < d; ++j) {
      before = draws.normal() + 0.6 * before;
      x(k, j) = before * (j == 0 ? 1.0 : 3.0) + 2.0;
    }
    x(k, d - 1) += bend * (x(k, 0) - 2.0) * (x(k, 0) - 2.0);
  }
  return x;
}

Dataset dataset(std::size_t n, std::size_t d, double bend, std::uint32_t environments = 1) {
  Dataset data;
  for (std::size_t j = 0; j < d; ++j) data.features.push_back("x" + std::to_string(j));
  for (std::uint32_t e = 0; e < environments; ++e)
    data.environments.push_back({"e" + std::to_string(e), {}, samples(n, d, bend, e)});
  return data;
}

// A short training of a small network.
ScoreMatchingOptions quick(Objective objective = Objective::exact) {
  ScoreMatchingOptions o;
  o.objective = objective;
  o.hidden = {12, 10};
  o.batch = 64;
  o.epochs = 2;
  o.least_steps = 60;
  o.slices = 2;
  o.sigma = objective == Objective::denoising ? 0.2 : 0.0;
  o.iterate = ScoreIterate::last;
  o.patience = 0;
  return o;
}

std::vector<ScoreMatchingOptions> every_kind() {
  std::vector<ScoreMatchingOptions> kinds;
  for (const Objective objective :
       {Objective::exact, Objective::sliced, Objective::sliced_reduced, Objective::denoising}) {
    for (const bool energy : {false, true}) {
      for (const std::vector<std::uint32_t>& hidden :
           {std::vector<std::uint32_t>{9}, {12, 10}, {8, 7, 6}}) {
        ScoreMatchingOptions o = quick(objective);
        o.parametrisation = energy ? ScoreParametrisation::energy : ScoreParametrisation::direct;
        o.hidden = hidden;
        o.activation = static_cast<ScoreActivation>(hidden.size() - 1);
        kinds.push_back(o);
      }
    }
  }
  return kinds;
}

TEST(ScoreMatching, DivergenceIsThatOfTheScoreForEveryKindOfNetwork) {
  const Dataset data = dataset(300, 3, 0.5);
  const Matrix x = samples(20, 3, 0.5, 9);
  for (const ScoreMatchingOptions& o : every_kind()) {
    SCOPED_TRACE("objective " + std::to_string(static_cast<int>(o.objective)) + ", energy " +
                 std::to_string(static_cast<int>(o.parametrisation)) + ", layers " +
                 std::to_string(o.hidden.size()));
    const Score s = score_matching_scores(Backend::cpu(1), data, o, Seed{1}).front();
    const std::vector<double> divergence = s.divergence(x);
    std::vector<double> slope(x.rows(), 0.0);
    for (std::size_t j = 0; j < 3; ++j) {
      const double h = j == 0 ? 0.02 : 0.06;  // some percent of the standard deviation
      Matrix at[4] = {x, x, x, x};
      for (std::size_t k = 0; k < x.rows(); ++k)
        for (int side = 0; side < 4; ++side)
          at[side](k, j) += h * (side == 0 ? 2.0 : side == 1 ? 1.0 : side == 2 ? -1.0 : -2.0);
      const Matrix far = s.evaluate(at[0]), near = s.evaluate(at[1]), near_down = s.evaluate(at[2]),
                   far_down = s.evaluate(at[3]);
      for (std::size_t k = 0; k < x.rows(); ++k) {
        slope[k] +=
            (8.0 * (near(k, j) - near_down(k, j)) - (far(k, j) - far_down(k, j))) / 12.0 / h;
      }
    }
    // fp32 scores of order 1 over h leave 1e-5; the differences' own error is h^4.
    for (std::size_t k = 0; k < x.rows(); ++k)
      EXPECT_NEAR(divergence[k], slope[k], 1e-4 * (1.0 + std::abs(divergence[k])));
  }
}

TEST(ScoreMatching, StartsFromTheGaussianFit) {
  Dataset data = dataset(400, 3, 0.0);
  for (const ScoreMatchingOptions& kind : every_kind()) {
    ScoreMatchingOptions o = kind;
    o.epochs = 0;
    o.least_steps = 0;
    o.held_out = 0.0;
    const Score s = score_matching_scores(Backend::cpu(1), data, o).front();
    const auto x = as_eigen(data.environments[0].samples);
    const Eigen::RowVectorXd mean = x.colwise().mean();
    const Eigen::MatrixXd centred = x.rowwise() - mean;
    const Eigen::MatrixXd expected =
        -centred * (centred.transpose() * centred / 400.0).eval().inverse();
    EXPECT_LT((as_eigen(s.evaluate(data.environments[0].samples)) - expected).norm(),
              1e-5 * expected.norm());
  }
}

TEST(ScoreMatching, FindsTheScoreOfABentNormal) {
  const std::size_t d = 2;
  const Dataset data = dataset(8000, d, 1.0);
  const Matrix fresh = samples(4000, d, 1.0, 5);
  // x_0 = z_0 + 2, x_1 = 3 (z_1 + .6 z_0) + 2 + z_0^2
  Matrix truth(fresh.rows(), d);
  for (std::size_t k = 0; k < fresh.rows(); ++k) {
    const double a = fresh(k, 0) - 2.0;
    const double r = (fresh(k, 1) - 2.0 - 1.8 * a - a * a) / 9.0;
    truth(k, 1) = -r;
    truth(k, 0) = -a + r * (1.8 + 2.0 * a);
  }
  const auto error = [&](const Score& s) {
    return (as_eigen(s.evaluate(fresh)) - as_eigen(truth)).norm() / as_eigen(truth).norm();
  };
  ScoreMatchingOptions none = quick();
  none.epochs = 0;
  none.least_steps = 0;
  const double gaussian =
      error(score_matching_scores(Backend::cpu(1), data, none, Seed{1}).front());
  for (const Objective objective :
       {Objective::exact, Objective::sliced, Objective::sliced_reduced, Objective::denoising}) {
    for (const bool energy : {false, true}) {
      SCOPED_TRACE(std::to_string(static_cast<int>(objective)) + (energy ? " energy" : ""));
      ScoreMatchingOptions o;
      o.objective = objective;
      o.parametrisation = energy ? ScoreParametrisation::energy : ScoreParametrisation::direct;
      o.hidden = {32, 32};
      o.least_steps = 1500;
      o.rate = 2e-3;
      o.epochs = 0;
      o.batch = 128;
      o.slices = 4;
      o.sigma = objective == Objective::denoising ? 0.15 : 0.0;
      const Score s = score_matching_scores(Backend::cpu(1), data, o, Seed{1}).front();
      EXPECT_LT(error(s), 0.8 * gaussian);  // .5 to .75
      EXPECT_TRUE(std::isfinite(s.summary().held_out_loss));
      // Unbiased up to the network's own error; denoising knows the score of noisier data.
      if (objective == Objective::exact) {
        EXPECT_GT(stein_test(s, fresh, Seed{1}, 16).p_value, 1e-4);
      }
    }
  }
}

TEST(ScoreMatching, GaussianDataGiveThePrecisionAtTheParametricRate) {
  std::vector<double> errors;
  for (const std::size_t n : {500u, 8000u}) {
    const Dataset data = dataset(n, 3, 0.0);
    const Matrix fresh = samples(2000, 3, 0.0, 5);
    ScoreMatchingOptions exact_fit = quick();  // N very large stands in for the precision
    exact_fit.epochs = 0;
    exact_fit.least_steps = 0;
    exact_fit.held_out = 0.0;
    static const Score truth =
        score_matching_scores(Backend::cpu(2), dataset(400000, 3, 0.0), exact_fit).front();
    ScoreMatchingOptions o;
    o.hidden = {16, 16};
    o.least_steps = 400;
    o.epochs = 0;
    const Score s = score_matching_scores(Backend::cpu(1), data, o, Seed{2}).front();
    const Matrix expected = truth.evaluate(fresh);
    errors.push_back((as_eigen(s.evaluate(fresh)) - as_eigen(expected)).norm() /
                     as_eigen(expected).norm());
  }
  // Parametric: d (d + 1) / 2 + d = 9 parameters, sqrt(9 / 450 / 3) = .08 at 450 training rows, and
  // a quarter of it at 16 times as many; three times that is allowed for luck and the network.
  EXPECT_LT(errors[0], 0.24);
  EXPECT_LT(errors[1], 0.06);
}

TEST(ScoreMatching, SlicesAgreeWithTheExactTrace) {
  // Many slices and the same minibatches: the two trainings stay together.
  const Dataset data = dataset(1000, 2, 0.5);
  ScoreMatchingOptions exact = quick();
  exact.whiten = true;
  ScoreMatchingOptions sliced = quick(Objective::sliced_reduced);
  sliced.slices = 64;
  const Matrix x = samples(200, 2, 0.5, 6);
  const Matrix a = score_matching_scores(Backend::cpu(1), data, exact, Seed{3}).front().evaluate(x);
  const Matrix b =
      score_matching_scores(Backend::cpu(1), data, sliced, Seed{3}).front().evaluate(x);
  EXPECT_LT((as_eigen(a) - as_eigen(b)).norm(), 0.05 * as_eigen(a).norm());
}

TEST(ScoreMatching, EarlyStoppingKeepsTheBestAndSavesSteps) {
  const Dataset data = dataset(60, 3, 0.5);  // soon learnt by heart
  ScoreMatchingOptions o;
  o.rate = 2e-2;
  o.cosine = false;
  o.least_steps = 3000;
  o.patience = 5;
  o.held_out = 0.3;
  const Score best = score_matching_scores(Backend::cpu(1), data, o, Seed{1}).front();
  EXPECT_LT(best.summary().settings.front().value, 3000.0);
  EXPECT_EQ(best.summary().settings.front().name, "steps");
  o.iterate = ScoreIterate::last;
  const Score last = score_matching_scores(Backend::cpu(1), data, o, Seed{1}).front();
  EXPECT_LT(best.summary().held_out_loss, last.summary().held_out_loss);
}

TEST(ScoreMatching, AnUnboundedLossIsFoundAndTheBestParametersKept) {
  const Dataset data = dataset(200, 3, 0.5);
  for (const ScoreIterate iterate : {ScoreIterate::best, ScoreIterate::last}) {
    ScoreMatchingOptions o = quick();
    o.rate = 1e30;
    o.iterate = iterate;
    const Score s = score_matching_scores(Backend::cpu(1), data, o).front();
    ASSERT_FALSE(s.summary().findings.empty());
    EXPECT_EQ(s.summary().findings.front().code, "unbounded-loss");
    EXPECT_TRUE(as_eigen(s.evaluate(data.environments[0].samples)).allFinite());
    EXPECT_TRUE(std::isfinite(s.summary().held_out_loss));
  }
}

TEST(ScoreMatching, FoldsRestartsAndSigmas) {
  const Dataset data = dataset(300, 2, 0.5, 2);
  ScoreMatchingOptions o = quick(Objective::denoising);
  o.sigma = 0.0;
  o.folds = 3;
  o.restarts = 2;
  o.iterate = ScoreIterate::best;
  const std::vector<Score> s = score_matching_scores(Backend::cpu(1), data, o, Seed{1});
  ASSERT_EQ(s.size(), 2u);
  const auto& settings = s[0].summary().settings;
  EXPECT_EQ(settings[1].name, "networks");
  EXPECT_EQ(settings[1].value, 3.0);
  EXPECT_EQ(settings[2].name, "sigma");
  EXPECT_EQ(settings[2].value, s[1].summary().settings[2].value);
  EXPECT_TRUE(std::isfinite(s[0].summary().held_out_loss));
}

TEST(ScoreMatching, SameBitsForAnyThreadsAndWhateverElseIsThere) {
  const Dataset data = dataset(300, 3, 0.5, 3);
  const Matrix x = samples(50, 3, 0.5, 9);
  const ScoreMatchingOptions o = quick(Objective::sliced_reduced);
  const std::vector<Score> one = score_matching_scores(Backend::cpu(1), data, o, Seed{5});
  const std::vector<Score> two = score_matching_scores(Backend::cpu(3), data, o, Seed{5});
  Dataset alone = data;
  alone.environments = {data.environments[2]};
  const std::vector<Score> single = score_matching_scores(Backend::cpu(2), alone, o, Seed{5});
  for (std::size_t e = 0; e < 3; ++e) EXPECT_EQ(one[e].evaluate(x), two[e].evaluate(x));
  EXPECT_EQ(one[2].evaluate(x), single[0].evaluate(x));
  EXPECT_NE(one[2].evaluate(x),
            score_matching_scores(Backend::cpu(1), alone, o, Seed{6})[0].evaluate(x));
}

TEST(ScoreMatching, EveryBackendGivesTheSameScore) {
  const Dataset data = dataset(60, 2, 0.5);
  const Matrix x = samples(10, 2, 0.5, 9);
  for (ScoreMatchingOptions o : every_kind()) {
    o.hidden.assign(o.hidden.size(), 4);
    o.batch = 16;
    o.epochs = 0;
    o.least_steps = 3;
    const Matrix truth =
        score_matching_scores(Backend::reference(), data, o, Seed{1}).front().evaluate(x);
    for (const char* name : {"cpu", "simt"}) {
      try {
        const Backend backend = Backend::named(name, 1);
        const Score s = score_matching_scores(backend, data, o, Seed{1}).front();
        // Adam turns the rounding of gradients near 0 into up to a rate a step.
        EXPECT_LT((as_eigen(s.evaluate(x)) - as_eigen(truth)).norm(), 1e-3 * as_eigen(truth).norm())
            << name;
      } catch (const NotCompiled&) {
      }
    }
  }
}

TEST(ScoreMatching, PublishedSettings) {
  const ScoreMatchingOptions o = ScoreMatchingOptions::published();
  EXPECT_EQ(o.objective, Objective::sliced_reduced);
  EXPECT_EQ(o.parametrisation, ScoreParametrisation::direct);
  EXPECT_EQ(o.hidden, (std::vector<std::uint32_t>{64, 64}));
  EXPECT_EQ(o.activation, ScoreActivation::tanh);
  EXPECT_EQ(o.slices, 2u);
  EXPECT_EQ(o.slice_law, ScoreSlices::gaussian);
  EXPECT_EQ(o.batch, 512u);
  EXPECT_EQ(o.epochs, 20.0);
  EXPECT_EQ(ScoreMatchingOptions::published(10.0).epochs, 10.0);
  EXPECT_EQ(o.rate, 1e-3);
  EXPECT_EQ(o.beta1, 0.5);
  EXPECT_EQ(o.beta2, 0.999);
  EXPECT_EQ(o.weight_decay, 2e-5);
  EXPECT_FALSE(o.cosine);
  EXPECT_FALSE(o.whiten);
  EXPECT_EQ(o.held_out, 0.1);
  EXPECT_EQ(o.patience, 0u);
  EXPECT_EQ(o.least_steps, 0u);
  EXPECT_EQ(o.iterate, ScoreIterate::last);
  // Ten epochs of 450 rows in batches of 450.
  ScoreMatchingOptions ten = ScoreMatchingOptions::published(10.0);
  const Score s = score_matching_scores(Backend::cpu(1), dataset(500, 2, 0.5), ten).front();
  EXPECT_EQ(s.summary().settings.front().value, 10.0);
}

TEST(ScoreMatching, BadInputIsNamed) {
  const auto message = [](const Dataset& data, const ScoreMatchingOptions& o) -> std::string {
    try {
      score_matching_scores(Backend::cpu(1), data, o);
    } catch (const InvalidArgument& error) {
      return error.what();
    }
    return "nothing thrown";
  };
  const Dataset good = dataset(60, 2, 0.5);
  const auto with = [&](auto spoil) {
    ScoreMatchingOptions o = quick();
    spoil(o);
    return message(good, o);
  };
  EXPECT_THAT(with([](auto& o) { o.hidden.clear(); }), HasSubstr("hidden"));
  EXPECT_THAT(with([](auto& o) { o.hidden[0] = 0; }), HasSubstr("width 0"));
  EXPECT_THAT(with([](auto& o) { o.slices = 0; }), HasSubstr("slices"));
  EXPECT_THAT(with([](auto& o) { o.sigma = -1.0; }), HasSubstr("sigma"));
  EXPECT_THAT(with([](auto& o) { o.whiten = false; }), HasSubstr("start"));
  EXPECT_THAT(with([](auto& o) { o.batch = 0; }), HasSubstr("batch"));
  EXPECT_THAT(with([](auto& o) { o.epochs = -1.0; }), HasSubstr("epochs"));
  EXPECT_THAT(with([](auto& o) { o.rate = 0.0; }), HasSubstr("rate"));
  EXPECT_THAT(with([](auto& o) { o.beta1 = 1.0; }), HasSubstr("beta1"));
  EXPECT_THAT(with([](auto& o) { o.weight_decay = -1.0; }), HasSubstr("weight_decay"));
  EXPECT_THAT(with([](auto& o) { o.held_out = 1.0; }), HasSubstr("held_out"));
  EXPECT_THAT(with([](auto& o) { o.restarts = 0; }), HasSubstr("restarts"));
  EXPECT_THAT(with([](auto& o) { o.folds = 0; }), HasSubstr("folds"));
  EXPECT_THAT(with([](auto& o) { o.restarts = 2, o.held_out = 0.0; }), HasSubstr("restarts"));
  EXPECT_THAT(with([](auto& o) {
                o.objective = Objective::denoising;
                o.sigma = 0.0;
                o.sigmas.clear();
              }),
              HasSubstr("sigmas"));
  Dataset constant = good, twin = good, broken = good, few = good;
  for (std::size_t k = 0; k < 60; ++k) {
    constant.environments[0].samples(k, 1) = 2.0;
    twin.environments[0].samples(k, 1) = twin.environments[0].samples(k, 0);
  }
  for (std::size_t k = 0; k < 60; ++k) broken.environments[0].samples(k, 0) = std::nan("");
  few.environments[0].samples = Matrix(1, 2);
  EXPECT_THAT(message(constant, quick()), HasSubstr("environment 'e0': column 2 is constant"));
  EXPECT_THAT(message(twin, quick()), HasSubstr("rank 1"));
  EXPECT_THAT(message(broken, quick()), HasSubstr("not finite"));
  EXPECT_THAT(message(few, quick()), HasSubstr("environment 'e0' has 1 samples"));
  EXPECT_THAT(message(broken, ScoreMatchingOptions::published()), HasSubstr("not finite"));
}

double setting(const Score& score, const std::string& name) {
  for (const Setting& s : score.summary().settings)
    if (s.name == name) return s.value;
  ADD_FAILURE() << "no setting " << name;
  return 0.0;
}

bool found(const Score& score, const std::string& code) {
  for (const Finding& finding : score.summary().findings)
    if (finding.code == code) return true;
  return false;
}

Score fit(const Dataset& data, const ScoreMatchingOptions& o, Seed seed = Seed{1}) {
  return score_matching_scores(Backend::cpu(1), data, o, seed).front();
}

// A training of so many steps of all rows.
ScoreMatchingOptions steps(std::size_t count) {
  ScoreMatchingOptions o = quick();
  o.epochs = 0.0;
  o.least_steps = count;
  o.batch = 1000;
  return o;
}

TEST(ScoreMatchingOptions, StepsAreEpochsOfTheTrainingRowsButNotFewerThanTheLeast) {
  const Dataset data = dataset(100, 2, 0.5);  // 90 rows are trained on
  ScoreMatchingOptions o = quick();
  o.batch = 20;
  o.epochs = 2.5;
  o.least_steps = 0;
  EXPECT_EQ(setting(fit(data, o), "steps"), 12.0);  // 2.5 * 4.5, rounded up
  o.least_steps = 13;
  EXPECT_EQ(setting(fit(data, o), "steps"), 13.0);
  o.least_steps = 0;
  o.batch = 100000;
  EXPECT_EQ(setting(fit(data, o), "steps"), 3.0);
  EXPECT_EQ(fit(data, o).summary().samples, 100u);
}

// The first step has the full rate, the second of two half of it.
TEST(ScoreMatchingOptions, CosineLowersTheRateAfterTheFirstStep) {
  const Dataset data = dataset(100, 2, 0.5);
  const Matrix x = samples(20, 2, 0.5, 6);
  const auto score = [&](std::size_t count, bool cosine) {
    ScoreMatchingOptions o = steps(count);
    o.cosine = cosine;
    return fit(data, o).evaluate(x);
  };
  EXPECT_EQ(score(1, true), score(1, false));
  EXPECT_NE(score(2, true), score(2, false));
}

// Adam turns a gradient that is all decay into steps of the rate towards 0: from the Gaussian start
// -y the skip goes to 0 in 1 / rate steps.
TEST(ScoreMatchingOptions, StrongWeightDecayShrinksTheScoreToNothing) {
  const Dataset data = dataset(100, 2, 0.5);
  const Matrix x = samples(50, 2, 0.5, 6);
  const auto size = [&](double decay) {
    ScoreMatchingOptions o = steps(100);
    o.rate = 0.02;
    o.weight_decay = decay;
    return as_eigen(fit(data, o).evaluate(x)).norm();
  };
  EXPECT_LT(size(1e4), 0.1 * size(0.0));
}

TEST(ScoreMatchingOptions, BetasSliceLawsAndSeedsChangeTheTraining) {
  const Dataset data = dataset(100, 2, 0.5);
  const Matrix x = samples(20, 2, 0.5, 6);
  ScoreMatchingOptions o = quick(Objective::sliced);
  o.least_steps = 20;
  const Matrix usual = fit(data, o).evaluate(x);
  EXPECT_EQ(fit(data, o).evaluate(x), usual);
  EXPECT_NE(fit(data, o, Seed{2}).evaluate(x), usual);
  for (const auto& change : std::vector<std::function<void(ScoreMatchingOptions&)>>{
           [](auto& c) { c.beta1 = 0.5; }, [](auto& c) { c.beta2 = 0.9; },
           [](auto& c) { c.slice_law = ScoreSlices::gaussian; }, [](auto& c) { c.slices = 1; },
           [](auto& c) { c.rate = 2e-3; }, [](auto& c) { c.hidden = {12}; },
           [](auto& c) { c.activation = ScoreActivation::tanh; }}) {
    ScoreMatchingOptions other = o;
    change(other);
    EXPECT_NE(fit(data, other).evaluate(x), usual);
  }
  o.objective = Objective::exact;
  const Matrix exact = fit(data, o).evaluate(x);
  o.slices = 7;
  o.slice_law = ScoreSlices::gaussian;
  EXPECT_EQ(fit(data, o).evaluate(x), exact) << "there are no slices in the exact objective";
}

// Whitened data with noise of standard deviation 1 have covariance 2 I: the score goes from -y to
// -y / 2.
TEST(ScoreMatchingOptions, DenoisingGivesTheScoreOfTheNoisierData) {
  const Dataset data = dataset(2000, 2, 0.0);
  ScoreMatchingOptions o = quick(Objective::denoising);
  o.hidden = {4};
  o.sigma = 1.0;
  o.slices = 4;
  o.batch = 500;
  o.epochs = 0.0;
  o.least_steps = 400;
  o.rate = 1e-2;
  const Matrix x = samples(300, 2, 0.0, 6);
  ScoreMatchingOptions none = o;
  none.least_steps = 0;
  const Eigen::MatrixXd start = as_eigen(fit(data, none).evaluate(x));
  const Eigen::MatrixXd noisy = as_eigen(fit(data, o).evaluate(x));
  // Coefficients from 500 x 4 pairs a step err by some percent.
  EXPECT_LT((noisy - 0.5 * start).norm(), 0.05 * start.norm());
}

TEST(ScoreMatchingOptions, OneSigmaToChooseFromIsThatSigma) {
  const Dataset data = dataset(100, 2, 0.5, 2);
  const Matrix x = samples(20, 2, 0.5, 6);
  ScoreMatchingOptions given = quick(Objective::denoising), chosen = given;
  chosen.sigma = 0.0;
  chosen.sigmas = {given.sigma};
  EXPECT_EQ(fit(data, chosen).evaluate(x), fit(data, given).evaluate(x));
  // Of several it is the one with the least sum over the environments.
  chosen.sigmas = {0.1, 0.4, 1.6};
  const auto best = score_matching_scores(Backend::cpu(1), data, chosen, Seed{1});
  double least = std::numeric_limits<double>::infinity(), sigma = 0.0;
  for (const double candidate : chosen.sigmas) {
    given.sigma = candidate;
    const auto scores = score_matching_scores(Backend::cpu(1), data, given, Seed{1});
    const double sum = scores[0].summary().held_out_loss + scores[1].summary().held_out_loss;
    if (!(sum < least)) continue;
    least = sum;
    sigma = candidate;
  }
  EXPECT_EQ(setting(best[0], "sigma"), sigma);
  EXPECT_EQ(best[0].summary().held_out_loss + best[1].summary().held_out_loss, least);
}

// The first restart is the training without restarts.
TEST(ScoreMatchingOptions, MoreRestartsAreNeverWorseOnHeldOutRows) {
  const Dataset data = dataset(200, 2, 0.5);
  ScoreMatchingOptions o = quick();
  o.start = ScoreStart::uniform;
  double before = std::numeric_limits<double>::infinity();
  for (const std::size_t restarts : {1u, 2u, 4u}) {
    o.restarts = restarts;
    const Score score = fit(data, o);
    EXPECT_LE(score.summary().held_out_loss, before);
    before = score.summary().held_out_loss;
    EXPECT_EQ(setting(score, "networks"), 1.0);
  }
  o.restarts = 1;
  EXPECT_LT(before, fit(data, o).summary().held_out_loss) << "four starts gave the same network";
}

// Without steps each fold is the Gaussian fit to the rows of the other folds.
TEST(ScoreMatchingOptions, FoldsAreAveraged) {
  const Dataset data = dataset(60, 2, 0.5);
  const Matrix x = samples(20, 2, 0.5, 6);
  ScoreMatchingOptions o = quick();
  o.epochs = 0.0;
  o.least_steps = 0;
  o.folds = 60 / 2;  // two rows each
  const Score many = fit(data, o);
  EXPECT_EQ(setting(many, "networks"), 30.0);
  EXPECT_TRUE(std::isfinite(many.summary().held_out_loss));
  o.folds = 1;
  o.held_out = 0.0;
  const Matrix whole = fit(data, o).evaluate(x);
  // Leaving out 1 / 30 of the rows moves each of the fits by some percent, their mean by less.
  EXPECT_LT((as_eigen(many.evaluate(x)) - as_eigen(whole)).norm(), 0.05 * as_eigen(whole).norm());
  EXPECT_NE(many.evaluate(x), whole);
  const std::vector<double> divergence = many.divergence(x);
  EXPECT_NEAR(divergence[0], divergence[19], 1e-5 * std::abs(divergence[0])) << "of a linear score";
}

TEST(ScoreMatchingOptions, AUniformStartIsBoundedAndNotTheGaussianFit) {
  const Dataset data = dataset(100, 2, 0.5);
  const Matrix x = samples(20, 2, 0.5, 6);
  for (const bool whiten : {true, false}) {
    ScoreMatchingOptions o = steps(0);
    o.start = ScoreStart::uniform;
    o.activation = ScoreActivation::tanh;
    o.whiten = whiten;
    const Score score = fit(data, o);
    if (!whiten) {
      // 10 inputs of size at most 1 and a bias, weights below 1 / sqrt(10).
      EXPECT_LT(as_eigen(score.evaluate(x)).cwiseAbs().maxCoeff(), 11.0 / std::sqrt(10.0));
    }
    o.least_steps = 50;
    EXPECT_LT(fit(data, o).summary().held_out_loss, score.summary().held_out_loss);
  }
}

TEST(ScoreMatchingOptions, WithoutHeldOutRowsThereIsNoLossAndNothingStops) {
  ScoreMatchingOptions o = quick();
  o.held_out = 0.0;
  o.patience = 1;
  const Score score = fit(dataset(60, 2, 0.5), o);
  EXPECT_TRUE(std::isnan(score.summary().held_out_loss));
  EXPECT_EQ(setting(score, "steps"), 60.0);
}

TEST(ScoreMatchingOptions, PatienceZeroNeverStopsAndAMoreLessStopsSooner) {
  ScoreMatchingOptions o;
  o.rate = 2e-2;
  o.cosine = false;
  o.epochs = 0.0;
  o.least_steps = 400;
  o.held_out = 0.3;
  const Dataset data = dataset(60, 3, 0.5);
  double before = 401.0;
  for (const std::size_t patience : {0u, 12u, 2u}) {
    o.patience = patience;
    const Score score = fit(data, o);
    EXPECT_LT(setting(score, "steps"), before);
    before = setting(score, "steps");
    if (patience == 0) {
      EXPECT_EQ(before, 400.0);
    }
  }
}

TEST(ScoreMatchingFindings, GaussianDataKeepTheirGaussianStart) {
  ScoreMatchingOptions o = quick();
  o.iterate = ScoreIterate::best;
  o.rate = 10.0;  // too high for anything to be learnt
  o.cosine = false;
  const Score score = fit(dataset(100, 2, 0.0), o);
  ASSERT_TRUE(found(score, "no-better-than-start"));
  EXPECT_THAT(score.summary().findings.front().message,
              ::testing::AllOf(HasSubstr("environment 'e0'"), HasSubstr("1 of 1 networks")));
  EXPECT_EQ(score.summary().findings.front().severity, Severity::note);
  o.epochs = 0.0;
  o.least_steps = 0;
  const Matrix x = samples(20, 2, 0.0, 6);
  EXPECT_EQ(score.evaluate(x), fit(dataset(100, 2, 0.0), o).evaluate(x)) << "not the start";
}

// 900 rows in batches of 64: a held-out loss every 14 steps.
TEST(ScoreMatchingFindings, ATrainingThatStillImprovesIsFound) {
  ScoreMatchingOptions o = quick();
  o.iterate = ScoreIterate::best;
  o.cosine = false;
  o.epochs = 0.0;
  const Dataset data = dataset(1000, 2, 1.0);
  for (const std::size_t count : {56u, 60u, 70u}) {  // the last loss at the end or before
    o.least_steps = count;
    EXPECT_TRUE(found(fit(data, o), "still-improving")) << count;
  }
  o.least_steps = 13;
  EXPECT_FALSE(found(fit(data, o), "still-improving")) << "there was no held-out loss";
  ScoreMatchingOptions long_enough = o;
  long_enough.least_steps = 3000;
  long_enough.rate = 1e-2;
  long_enough.patience = 3;
  EXPECT_FALSE(found(fit(data, long_enough), "still-improving"));
}

TEST(ScoreMatchingFindings, AnUnboundedLossSaysWhatToDo) {
  ScoreMatchingOptions o = quick();
  o.rate = 1e30;
  o.iterate = ScoreIterate::best;
  o.folds = 2;
  const Finding finding = fit(dataset(200, 3, 0.5), o).summary().findings.front();
  EXPECT_EQ(finding.severity, Severity::warning);
  EXPECT_THAT(finding.message, HasSubstr("2 of 2 networks"));
  EXPECT_THAT(finding.remedy, HasSubstr("lower the rate"));
}

TEST(ScoreMatchingOptions, EveryBadValueIsNamed) {
  const auto with = [](auto spoil) -> std::string {
    ScoreMatchingOptions o = quick();
    spoil(o);
    try {
      fit(dataset(20, 2, 0.5), o);
    } catch (const InvalidArgument& error) {
      return error.what();
    }
    return "nothing thrown";
  };
  const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  EXPECT_THAT(with([](auto& o) { o.hidden.assign(9, 4); }),
              HasSubstr("score matching: hidden has 9 layers; give it 1 to 8"));
  for (const double bad : {nan, infinity}) {
    EXPECT_THAT(with([&](auto& o) { o.sigma = bad; }), HasSubstr("sigma can't be negative"));
    EXPECT_THAT(with([&](auto& o) { o.epochs = bad; }), HasSubstr("epochs can't be negative"));
    EXPECT_THAT(with([&](auto& o) { o.rate = bad; }), HasSubstr("rate must be positive"));
    EXPECT_THAT(with([&](auto& o) { o.weight_decay = bad; }), HasSubstr("weight_decay"));
  }
  for (const double bad : {-0.1, 1.0, nan}) {
    EXPECT_THAT(with([&](auto& o) { o.beta1 = bad; }), HasSubstr("beta1 and beta2"));
    EXPECT_THAT(with([&](auto& o) { o.beta2 = bad; }), HasSubstr("beta1 and beta2"));
    EXPECT_THAT(with([&](auto& o) { o.held_out = bad; }), HasSubstr("held_out is a share"));
  }
  const auto choosing = [&](std::vector<double> sigmas, double held_out) {
    return with([&](auto& o) {
      o.objective = Objective::denoising;
      o.sigma = 0.0;
      o.sigmas = std::move(sigmas);
      o.held_out = held_out;
    });
  };
  for (const double bad : {0.0, -1.0, nan, infinity})
    EXPECT_THAT(choosing({0.1, bad}, 0.1), HasSubstr("sigmas must be positive"));
  EXPECT_THAT(choosing({0.1, 0.2}, 0.0), HasSubstr("choosing sigma needs held_out"));
  EXPECT_THAT(choosing({0.1}, 0.0), HasSubstr("nothing thrown"));
  EXPECT_THAT(with([](auto& o) { o.held_out = 0.0, o.iterate = ScoreIterate::best; }),
              HasSubstr("iterate best needs held_out"));
  EXPECT_THAT(with([](auto& o) { o.folds = 11; }), HasSubstr("at least 22 are needed"));
  EXPECT_THAT(with([](auto& o) { o.hidden = {4097}; }), HasSubstr("width 4097"));
}

TEST(ScoreMatchingOptions, WhatAnObjectiveDoesNotHaveIsRefused) {
  const auto with = [](Objective objective, auto spoil) {
    ScoreMatchingOptions o = quick();
    o.objective = objective;
    spoil(o);
    return test::message_of<InvalidArgument>([&] { fit(dataset(20, 2, 0.5), o); });
  };
  for (const Objective objective : {Objective::exact, Objective::sliced_reduced}) {
    EXPECT_THAT(with(objective, [](auto& o) { o.sigma = 0.2; }),
                HasSubstr("sigma belongs to the objective denoising"));
  }
}

}  // namespace
}  // namespace lodestein
