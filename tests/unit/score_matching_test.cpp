#include "lodestein/score/score_matching.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <cmath>

#include "core/eigen.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/score/check.hpp"

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

}  // namespace
}  // namespace lodestein
