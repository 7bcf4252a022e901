#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string_view>

#include "contrastive_support.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/evaluate/metrics.hpp"
#include "lodestein/score/contrastive.hpp"
#include "lodestein/score/gaussian.hpp"
#include "lodestein/simulate/latent_model.hpp"
#include "score/latent_network.hpp"
#include "simulate_support.hpp"

namespace lodestein {
namespace {

const Backend cpu = Backend::cpu(2);

TEST(Contrastive, RecoversEncoderWeightsAndDifferencesOfALinearModel) {
  const test::Chain chain = test::linear_chain(6000);
  const ContrastiveFit fit = contrastive_fit(cpu, chain.dataset, {.iterations = 150});
  // Encoder times mixing is diagonal up to the estimation error, some 1 / sqrt(N) times the
  // condition of the whole.
  const Eigen::MatrixXd effective = as_eigen(fit.encoder) * as_eigen(test::chain_mixing());
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
  const test::Chain chain = test::linear_chain(80);
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
  const test::Chain chain = test::linear_chain(40);
  EXPECT_THROW(contrastive_fit(cpu, chain.dataset, {.sparsity = -1.0}), InvalidArgument);
  EXPECT_THROW(contrastive_fit(cpu, chain.dataset, {.iterations = 0}), InvalidArgument);
  EXPECT_THROW(contrastive_fit(cpu, test::gaussian_pairs(2, {50, 50, 50, 50}).dataset),
               InvalidArgument);
}

TEST(Contrastive, PenaltiesShrinkWeightsAndCycles) {
  const test::Chain chain = test::linear_chain(400);
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
  test::Chain chain = test::linear_chain(400);
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
  const test::Chain chain = test::linear_chain(300);
  const auto loss = [&](std::size_t iterations) {
    const ContrastiveFit fit = contrastive_fit(
        cpu, chain.dataset, {.sparsity = 0.0, .acyclicity = 0.0, .iterations = iterations});
    return fit.differences.summary().held_out_loss;
  };
  // Held out, so that a little may be lost again.
  EXPECT_LT(loss(60), loss(1) + 0.01);
}

TEST(Contrastive, BadOptionsAndDataAreNamed) {
  const test::Chain chain = test::linear_chain(40);
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

// ---- network

// Parameters of the causal logits of a linear model under hard interventions, one per latent.
std::vector<float> true_logits(const LatentModel& model, const std::vector<double>& variances,
                               const kernels::NetworkShape& shape) {
  std::vector<float> parameters(shape.parameters(), 0.0f);
  const std::size_t n = shape.outputs;
  for (std::size_t m = 0; m < n; ++m) {
    parameters[shape.weights(1) + m * n + m] = 1.0f;  // z = y
    float* to = parameters.data() + shape.causal_weights();
    const double before = model.noise_variances()[m], after = variances[m];
    for (std::size_t j = 0; j < n; ++j) {
      const double row = j == m ? 1.0 : -model.weights()(j, m);
      to[m * n + j] = static_cast<float>(row / std::sqrt(2.0 * before));
    }
    to[n * n + m] = static_cast<float>(1.0 / std::sqrt(2.0 * after));
    to[n * n + 2 * n + m] = static_cast<float>(0.5 * std::log(before / after));
  }
  return parameters;
}

TEST(ContrastiveNetwork, LogitsOfTheTrueModelAreItsLogRatiosAndTheirGradients) {
  const LatentModel model = test::dense_model(LatentFamily::linear);
  const std::size_t n = model.latents();
  kernels::NetworkShape shape;
  shape.inputs = shape.outputs = static_cast<std::uint32_t>(n);
  shape.causal = true;
  std::vector<double> variances;
  for (std::size_t m = 0; m < n; ++m) variances.push_back(0.25 * model.noise_variances()[m]);
  const std::vector<float> parameters = true_logits(model, variances, shape);
  const auto d = static_cast<Eigen::Index>(n);
  // x = 2 y + 1, as a whitening has it
  Whitening whitening{Eigen::VectorXd::Ones(d), 0.5 * Eigen::MatrixXd::Identity(d, d),
                      2.0 * Eigen::MatrixXd::Identity(d, d)};
  const Matrix y = model.sample(50, {}, RandomStream(Seed{1}, Purpose::test));
  Matrix x = y;
  for (std::size_t i = 0; i < 50 * n; ++i) x.data()[i] = 2.0 * y.data()[i] + 1.0;
  std::vector<Backend> backends = test::slow_backends();
  backends.push_back(cpu);
  for (const Backend& backend : backends) {
    const auto network =
        std::make_shared<const LatentNetwork>(backend, whitening, shape, parameters);
    const CausalRatio ratio(network, CausalLogits(shape, parameters), std::vector<double>(n, 0.0));
    for (std::size_t m = 0; m < n; ++m) {
      const InterventionSpec hit = test::on({m});  // a quarter of the variance
      const std::vector<double> logs = ratio.log_ratio(x, m), before = model.log_density(y, {}),
                                after = model.log_density(y, hit);
      const Matrix difference = ratio.evaluate(x, m);
      const Matrix s0 = model.score(y, {}), sm = model.score(y, hit);
      for (std::size_t k = 0; k < 50; ++k) {
        // fp32 latents
        EXPECT_NEAR(logs[k], after[k] - before[k], 1e-4 * (1.0 + std::abs(after[k] - before[k])));
        for (std::size_t j = 0; j < n; ++j)
          EXPECT_NEAR(difference(k, j), 0.5 * (s0(k, j) - sm(k, j)),
                      1e-4 * (1.0 + std::abs(s0(k, j))));
      }
    }
  }
}

ContrastiveNetworkOptions small_network() {
  ContrastiveNetworkOptions options;
  options.hidden = {24};
  options.rate = 1e-2;
  options.batch = 256;
  options.epochs = 30.0;
  options.least_steps = 0;
  return options;
}

TEST(ContrastiveNetwork, UndoesABentMixingThatALinearEncoderDoesNot) {
  const test::Chain chain = test::bent_chain(6000);
  Dataset unmixed = chain.dataset;
  for (std::size_t e = 0; e < 4; ++e) unmixed.environments[e].samples = chain.latents[e];
  const auto linear_loss = [](const Dataset& dataset) {
    return contrastive_fit(cpu, dataset, {.iterations = 150}).differences.summary().held_out_loss;
  };
  const double linear = linear_loss(chain.dataset), best = linear_loss(unmixed);
  const ContrastiveNetworkFit network = contrastive_network(cpu, chain.dataset, small_network());
  // On the same held-out rows it gains most of what the true latents would.
  EXPECT_GT(linear - network.differences.summary().held_out_loss, 0.6 * (linear - best));
  const Matrix truth = chain.all_latents(), z = chain.all_encoded(network.encoder);
  EXPECT_GT(linear_r_squared(truth, z), 0.97);
  const Matrix correlation = absolute_correlations(truth, z, Correlation::pearson);
  for (std::size_t m = 0; m < 3; ++m) EXPECT_GT(correlation(m, m), 0.96) << m;
  EXPECT_GT(std::abs(network.weights(0, 1)), 0.4);
}

TEST(ContrastiveNetwork, SameBitsForAnyThreadCountAndRunsElsewhere) {
  const test::Chain chain = test::bent_chain(60);
  ContrastiveNetworkOptions options = small_network();
  options.hidden = {5};
  options.starts = 2;
  options.batch = 32;
  options.epochs = 3.0;
  const Matrix& x = chain.dataset.environments[1].samples;
  const auto fit = [&](const Backend& backend) {
    return contrastive_network(backend, chain.dataset, options);
  };
  const ContrastiveNetworkFit here = fit(Backend::cpu(1)), threads = fit(Backend::cpu(3));
  EXPECT_EQ(threads.differences.evaluate(x, 0), here.differences.evaluate(x, 0));
  EXPECT_EQ(threads.encoder(x), here.encoder(x));
  EXPECT_EQ(threads.weights, here.weights);
  for (const Backend& backend : test::slow_backends())
    EXPECT_LT(test::relative_error(fit(backend).encoder(x), here.encoder(x)), 0.05)
        << backend.name();
}

// In fp64 what the encoder has in fp32.
TEST(ContrastiveNetwork, ItsNumbersAreItsEncoder) {
  const test::Chain chain = test::bent_chain(200);
  ContrastiveNetworkOptions options = small_network();
  options.hidden = {7, 5};
  options.epochs = 5.0;
  const ContrastiveNetworkFit fit = contrastive_network(cpu, chain.dataset, options);
  EXPECT_EQ(fit.network.hidden, options.hidden);
  const Matrix& x = chain.dataset.environments[2].samples;
  const Encoder whitening(fit.whitening, fit.centre);
  EXPECT_LT(test::relative_error(fit.network(whitening(x)), fit.encoder(x)), 1e-5);
}

TEST(ContrastiveNetwork, BadInputIsNamed) {
  const test::Chain chain = test::linear_chain(40);
  const auto message = [&](auto spoil) {
    ContrastiveNetworkOptions options;
    spoil(options);
    return test::message_of<InvalidArgument>(
        [&] { contrastive_network(cpu, chain.dataset, options); });
  };
  using ::testing::HasSubstr;
  EXPECT_THAT(message([](auto& o) { o.hidden.clear(); }), HasSubstr("contrastive_fit"));
  EXPECT_THAT(message([](auto& o) { o.hidden = {4, 0}; }), HasSubstr("width 0"));
  EXPECT_THAT(message([](auto& o) { o.starts = 0; }), HasSubstr("starts"));
  EXPECT_THAT(message([](auto& o) { o.rate = -1.0; }), HasSubstr("rate"));
  EXPECT_THAT(message([](auto& o) { o.epochs = 0.0; }), HasSubstr("epochs"));
  EXPECT_THAT(message([](auto& o) { o.batch = 0; }), HasSubstr("batch"));
  EXPECT_THAT(message([](auto& o) { o.weight_decay = -1.0; }), HasSubstr("weight_decay"));
  EXPECT_THROW(contrastive_network(cpu, test::gaussian_pairs(2, {50, 50, 50, 50}).dataset),
               InvalidArgument);
}

TEST(ContrastiveNetwork, TrainingsThatDivergeAreFoundAndTheLinearFitKept) {
  const test::Chain chain = test::linear_chain(200);
  ContrastiveNetworkOptions options = small_network();
  options.rate = 1e30;
  options.starts = 2;
  options.epochs = 3.0;
  const ContrastiveNetworkFit fit = contrastive_network(cpu, chain.dataset, options);
  const DifferenceSummary& summary = fit.differences.summary();
  EXPECT_THAT(test::codes_of(summary.findings),
              ::testing::AllOf(::testing::Contains("training-diverged"),
                               ::testing::Contains("no-better-than-start")));
  const auto said = std::find_if(summary.findings.begin(), summary.findings.end(),
                                 [](const Finding& f) { return f.code == "training-diverged"; });
  EXPECT_THAT(said->message, ::testing::HasSubstr("2 of 2"));
  const ContrastiveFit linear = contrastive_fit(cpu, chain.dataset, {.iterations = 100});
  const Matrix z = chain.all_encoded(fit.encoder),
               expected = chain.all_encoded(Encoder(linear.encoder, linear.centre));
  const Matrix correlation = absolute_correlations(expected, z, Correlation::pearson);
  for (std::size_t m = 0; m < 3; ++m) EXPECT_GT(correlation(m, m), 0.99) << m;
}

class Impatient final : public Observer {
 public:
  void progress(std::string_view, std::size_t done, std::size_t) override { stop_ = done > 0; }
  bool cancelled() const override { return stop_; }

 private:
  bool stop_ = false;
};

TEST(ContrastiveNetwork, CanBeCancelledWhileItTrains) {
  const test::Chain chain = test::linear_chain(60);
  Impatient observer;
  EXPECT_THROW(contrastive_network(cpu, chain.dataset, small_network(), Seed{}, observer),
               Cancelled);
}

// ---- encoders

TEST(Encoder, ComposesAndChecksShapes) {
  const Encoder inner(Matrix{{1.0, 2.0}, {0.0, 1.0}, {1.0, 0.0}}, {1.0, -1.0});
  const Encoder outer(Matrix{{1.0, 0.0, 1.0}}, {0.0, 0.0, 2.0});
  const Encoder both = composed(outer, inner);
  EXPECT_EQ(both.dimension(), 2u);
  EXPECT_EQ(both.latents(), 1u);
  // x - centre = (2, 3): inner (8, 3, 2), outer 8 + 0
  EXPECT_EQ(both(Matrix{{3.0, 2.0}}), (Matrix{{8.0}}));
  EXPECT_THROW(composed(inner, inner), DimensionMismatch);
  EXPECT_THROW(both(Matrix{{1.0, 2.0, 3.0}}), DimensionMismatch);
  EXPECT_THROW(Encoder(Matrix{{1.0, 2.0}}, {0.0}), DimensionMismatch);
}

}  // namespace
}  // namespace lodestein
