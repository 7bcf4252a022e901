#include <gtest/gtest.h>

#include <cmath>

#include "lodestein/core/error.hpp"
#include "lodestein/score/contrastive.hpp"
#include "lodestein/score/gaussian.hpp"
#include "score_support.hpp"
#include "simulate_support.hpp"

namespace lodestein {
namespace {

const Backend cpu = Backend::cpu(2);

// z_1 -> z_2 -> z_3 (weights .8, -.7), hard interventions with shifted means, x = mixing z.
struct Chain {
  Matrix mixing{{1.0, 0.4, -0.3}, {0.2, 1.0, 0.5}, {-0.4, 0.1, 1.0}};
  std::vector<Matrix> latents;
  Dataset dataset;

  explicit Chain(std::size_t n) {
    std::vector<Matrix> samples;
    for (std::uint32_t e = 0; e < 4; ++e) {
      Matrix z(n, 3);
      const RandomStream stream(Seed{77}, Purpose::test, e);
      for (std::size_t k = 0; k < n; ++k) {
        Draws draws = stream.at(k);
        double parent = 0.0;
        for (std::size_t j = 0; j < 3; ++j) {
          const bool hit = e == j + 1;
          const double weight = j == 0 ? 0.0 : j == 1 ? 0.8 : -0.7;
          parent = hit ? 1.5 + 1.2 * draws.normal() : weight * parent + draws.normal();
          z(k, j) = parent;
        }
      }
      samples.push_back(multiply(z, transpose(mixing)));
      latents.push_back(std::move(z));
    }
    dataset = test::dataset_of(std::move(samples));
  }
};

TEST(Contrastive, RecoversEncoderWeightsAndDifferencesOfALinearModel) {
  const Chain chain(6000);
  const ContrastiveFit fit = contrastive_fit(cpu, chain.dataset, {.iterations = 150});
  // Encoder times mixing is diagonal up to the estimation error, some 1 / sqrt(N) times the
  // condition of the whole.
  const Eigen::MatrixXd effective = as_eigen(fit.encoder) * as_eigen(chain.mixing);
  for (Eigen::Index i = 0; i < 3; ++i) {
    for (Eigen::Index j = 0; j < 3; ++j) {
      if (i != j) {
        EXPECT_LT(std::abs(effective(i, j)), 0.2 * std::abs(effective(i, i))) << i << j;
      }
    }
  }
  EXPECT_GT(std::abs(fit.weights(0, 1)), 0.4);
  EXPECT_GT(std::abs(fit.weights(1, 2)), 0.4);
  for (const auto& [i, j] : {std::pair{0u, 2u}, {1u, 0u}, {2u, 0u}, {2u, 1u}})
    EXPECT_LT(std::abs(fit.weights(i, j)), 0.2) << i << j;
  // Rank 2 is the truth, so it doesn't lose against the plain Gaussian fit.
  const ScoreDifferences gaussian = gaussian_differences(cpu, chain.dataset);
  for (std::size_t m = 0; m < 3; ++m) {
    const Matrix& x = chain.dataset.environments[m + 1].samples;
    EXPECT_LT(test::relative_error(fit.differences.evaluate(x, m), gaussian.evaluate(x, m)), 0.2);
    EXPECT_LT(fit.differences.summary().held_out_losses[m],
              gaussian.summary().held_out_losses[m] + 0.005);
  }
}

TEST(Contrastive, SameBitsForAnyThreadCountAndRunsElsewhere) {
  const Chain chain(80);
  const ContrastiveOptions options{.iterations = 15};
  const Matrix& x = chain.dataset.environments[1].samples;
  const auto evaluate = [&](const Backend& backend) {
    return contrastive_fit(backend, chain.dataset, options).differences.evaluate(x, 0);
  };
  const Matrix value = evaluate(Backend::cpu(1));
  EXPECT_EQ(evaluate(Backend::cpu(3)), value);
  for (const Backend& backend : test::slow_backends())
    EXPECT_LT(test::relative_error(evaluate(backend), value), 0.05) << backend.name();
}

TEST(Contrastive, BadInputIsNamed) {
  const Chain chain(40);
  EXPECT_THROW(contrastive_fit(cpu, chain.dataset, {.sparsity = -1.0}), InvalidArgument);
  EXPECT_THROW(contrastive_fit(cpu, chain.dataset, {.iterations = 0}), InvalidArgument);
  EXPECT_THROW(contrastive_fit(cpu, test::gaussian_pairs(2, {50, 50, 50, 50}).dataset),
               InvalidArgument);
}

TEST(Contrastive, PenaltiesShrinkWeightsAndCycles) {
  const Chain chain(400);
  const auto fit = [&](double sparsity, double acyclicity) {
    return contrastive_fit(cpu, chain.dataset,
                           {.sparsity = sparsity, .acyclicity = acyclicity, .iterations = 100});
  };
  const auto size = [](const ContrastiveFit& f) { return as_eigen(f.weights).cwiseAbs().sum(); };
  const auto cycles = [](const ContrastiveFit& f) {
    const Eigen::MatrixXd w = as_eigen(f.weights);
    return std::abs(w(0, 1) * w(1, 0)) + std::abs(w(0, 2) * w(2, 0)) + std::abs(w(1, 2) * w(2, 1));
  };
  const ContrastiveFit free = fit(0.0, 0.0);
  EXPECT_LT(size(fit(10.0, 0.0)), 0.1 * size(free));
  EXPECT_LT(cycles(fit(0.0, 10.0)), 0.1 * cycles(free));
}

TEST(Contrastive, ReportsCentreUnitVariancesAndHeldOutLosses) {
  Chain chain(400);
  for (Environment& e : chain.dataset.environments)
    for (std::size_t k = 0; k < e.samples.rows(); ++k) e.samples(k, 1) += 70.0;
  const ContrastiveFit fit =
      contrastive_fit(cpu, chain.dataset, {.iterations = 30, .held_out = 0.25});
  const auto x = as_eigen(chain.dataset.observational().samples);
  const Eigen::RowVectorXd mean = x.colwise().mean();
  ASSERT_EQ(fit.centre.size(), 3u);
  // Of three quarters of the rows: standard errors some 1.3 sqrt(1 / 300 - 1 / 400) = .04.
  for (std::size_t j = 0; j < 3; ++j)
    EXPECT_NEAR(fit.centre[j], mean(static_cast<Eigen::Index>(j)), 0.2);
  const Eigen::MatrixXd z = (x.rowwise() - mean) * as_eigen(fit.encoder).transpose();
  // Variances of 400 rows, the units being those of 300: error sqrt(2 (1 / 300 - 1 / 400)) = .04.
  for (Eigen::Index j = 0; j < 3; ++j) EXPECT_NEAR(z.col(j).squaredNorm() / 400.0, 1.0, 0.2);
  const DifferenceSummary& summary = fit.differences.summary();
  EXPECT_EQ(summary.estimator, "contrastive");
  EXPECT_EQ(summary.environments, (std::vector<std::string>{"e1", "e2", "e3"}));
  EXPECT_EQ(summary.held_out_terms[0].own.size(), 100u);
  EXPECT_LT(summary.held_out_loss, std::log(2.0));
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(fit.weights(i, i), 0.0);
}

TEST(Contrastive, MoreIterationsAreNoWorseInTheObjective) {
  const Chain chain(300);
  const auto loss = [&](std::size_t iterations) {
    const ContrastiveFit fit = contrastive_fit(
        cpu, chain.dataset, {.sparsity = 0.0, .acyclicity = 0.0, .iterations = iterations});
    return fit.differences.summary().held_out_loss;
  };
  // Held out, so that a little may be lost again.
  EXPECT_LT(loss(60), loss(1) + 0.01);
}

TEST(Contrastive, BadOptionsAndDataAreNamed) {
  const Chain chain(40);
  const auto refused = [&](const ContrastiveOptions& options) {
    return test::message_of<InvalidArgument>([&] { contrastive_fit(cpu, chain.dataset, options); });
  };
  const double nan = std::nan("");
  for (const double bad : {-1.0, nan}) {
    EXPECT_THAT(refused({.sparsity = bad}), ::testing::HasSubstr("penalties can't be negative"));
    EXPECT_THAT(refused({.acyclicity = bad}), ::testing::HasSubstr("penalties can't be negative"));
  }
  EXPECT_THAT(refused({.iterations = 0}), ::testing::HasSubstr("iterations must be at least 1"));
  for (const double bad : {0.0, 1.0, nan})
    EXPECT_THAT(refused({.held_out = bad}), ::testing::HasSubstr("held-out share"));
  EXPECT_THAT(test::message_of<InvalidArgument>([] {
                contrastive_fit(cpu, test::gaussian_pairs(2, {50, 50, 50, 50}).dataset);
              }),
              ::testing::HasSubstr("3 interventional environments but 2 variables"));
  EXPECT_THAT(test::message_of<InvalidArgument>([] {
                contrastive_fit(cpu, test::gaussian_pairs(2, {50, 9}).dataset);
              }),
              ::testing::HasSubstr("'e1'"));
}

}  // namespace
}  // namespace lodestein
