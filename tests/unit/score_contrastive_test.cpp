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

}  // namespace
}  // namespace lodestein
