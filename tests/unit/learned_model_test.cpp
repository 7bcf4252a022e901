#include "lodestein/unmix/learned_model.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "contrastive_support.hpp"
#include "core/eigen.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/data/moments.hpp"
#include "lodestein/evaluate/metrics.hpp"
#include "lodestein/simulate/study.hpp"
#include "lodestein/unmix/contrastive_unmix.hpp"
#include "lodestein/unmix/do_interventions.hpp"
#include "lodestein/unmix/gscale.hpp"
#include "lodestein/unmix/umni.hpp"
#include "score/network_layers.hpp"
#include "unmix/mapped.hpp"

namespace lodestein {
namespace {

Study multi_study() {
  StudyOptions options;
  options.latent.latents = 3;
  options.mixing.observed = 5;
  options.design = InterventionDesign::multi;
  options.samples = 5000;
  return simulate_study(options, Seed{4});
}

Study pair_study(MixingFamily mixing) {
  StudyOptions options;
  options.latent.latents = 2;
  options.latent.family = LatentFamily::quadratic;
  options.latent.density = 1.0;
  options.mixing.observed = 4;
  options.mixing.family = mixing;
  options.design = InterventionDesign::pairs;
  options.variance_scale = 4.0;
  options.second_variance_scale = 0.25;
  options.samples = 2000;
  return simulate_study(options, Seed{3});
}

GscaleFitOptions quick() {
  GscaleFitOptions options;
  options.pair_method = LogRatioOptions{};
  options.points = 500;
  options.unmix.hidden = {8, 6};
  options.unmix.steps = 20;
  options.unmix.starts = 1;
  return options;
}

double largest_difference(const Matrix& a, const Matrix& b) {
  return (as_eigen(a) - as_eigen(b)).cwiseAbs().maxCoeff();
}

TEST(LearnedModel, OfUmniNamesTargetSetsAndMisfits) {
  const Study study = multi_study();
  const Dataset& data = study.dataset;
  const Backend backend = Backend::cpu(1);
  const UmniResult result = umni(backend, compute_moments(backend, data));
  const LearnedModel model = learned_model(result, data);
  ASSERT_EQ(model.targets.size(), 3u);
  for (std::size_t m = 0; m < 3; ++m) {
    EXPECT_EQ(model.targets[m].environment, data.environments[m + 1].name);
    EXPECT_EQ(model.targets[m].latents, result.targets[m]);
    EXPECT_EQ(model.diagnosis.environments[m].samples, 5000u);
    EXPECT_EQ(model.diagnosis.environments[m].deviance_per_dof, result.deviances[m]);
    EXPECT_TRUE(std::isnan(model.diagnosis.environments[m].p_value));
  }
  EXPECT_EQ(model.diagnosis.deviance_per_dof, result.deviance_per_dof);
  EXPECT_EQ(model.latent_names, (std::vector<std::string>{"Z1", "Z2", "Z3"}));
  EXPECT_EQ(model.features, data.features);
  EXPECT_EQ(model.identified, result.identified);
  const Matrix z = encode(model, data.observational().samples);
  EXPECT_GT(mean_correlation_coefficient(study.truth.latents[0], z).mean, 0.99);
  EXPECT_NEAR(as_eigen(z).colwise().mean().norm(), 0.0, 1e-9);
}

TEST(LearnedModel, OfGscaleEncodesThroughTheLink) {
  const Study study = pair_study(MixingFamily::tanh);
  GscaleFitOptions options = quick();
  options.link = Link::tanh;
  const GscaleFit fit = fit_gscale(Backend::cpu(1), study.dataset, options, Seed{1});
  const LearnedModel model = learned_model(fit, study.dataset);
  const Matrix& x = study.dataset.observational().samples;
  EXPECT_EQ(model.link, Link::tanh);
  EXPECT_FALSE(model.network.has_value());
  EXPECT_LT(largest_difference(encode(model, x), fit.encode(x)), 1e-9);
  // The decoder's way back: link^-1(x) = decoder z + centre.
  const Matrix z = encode(model, x);
  for (std::size_t j = 0; j < 4; ++j) {
    double u = model.centre[j];
    for (std::size_t i = 0; i < 2; ++i) u += model.decoder(j, i) * z(0, i);
    EXPECT_NEAR(u, std::atanh(x(0, j)), 1e-8);
  }
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(model.targets[fit.unmix.pairs[i].first].latents, std::vector<std::size_t>{i});
    EXPECT_EQ(model.targets[fit.unmix.pairs[i].second].latents, std::vector<std::size_t>{i});
  }
  for (const LatentEdge& edge : model.edges) {
    EXPECT_TRUE(std::isfinite(edge.weight));
    EXPECT_TRUE(std::isfinite(edge.p_value));
  }
}

// In fp64 what the map has in fp32.
TEST(LearnedModel, OfGscaleHoldsTheNetwork) {
  const Study study = pair_study(MixingFamily::mlp);
  GscaleFitOptions options = quick();
  options.unmix.encoder = EncoderFamily::network;
  const GscaleFit fit = fit_gscale(Backend::cpu(1), study.dataset, options, Seed{1});
  ASSERT_TRUE(fit.unmix.network.has_value());
  EXPECT_TRUE(fit.unmix.encoder.empty());
  const LearnedModel model = learned_model(fit, study.dataset);
  const Matrix& x = study.dataset.environments[1].samples;
  const Matrix z = fit.encode(x);
  const double size = as_eigen(z).cwiseAbs().maxCoeff();
  EXPECT_LT(largest_difference(encode(model, x), z), 1e-4 * size);
}

ContrastiveUnmixOptions brief(EncoderFamily family) {
  ContrastiveUnmixOptions options;
  options.encoder = family;
  options.linear.iterations = 50;
  options.network.hidden = {8, 6};
  options.network.epochs = 3.0;
  options.network.least_steps = 100;
  options.null_splits = 8;
  return options;
}

/// Five variables in a subspace of three.
Dataset in_a_subspace(const Dataset& data) {
  const Matrix lift{
      {1.0, 0.2, -0.1}, {0.3, 1.0, 0.4}, {-0.4, 0.1, 1.0}, {0.7, -0.6, 0.2}, {50.0, 10.0, -20.0}};
  return unmix::mapped(data, 5, "x", [&](const Matrix& x) { return multiply(x, transpose(lift)); });
}

/// Four variables of three, in no subspace.
Dataset on_a_surface(const Dataset& data) {
  return unmix::mapped(data, 4, "x", [](const Matrix& x) {
    Matrix result(x.rows(), 4);
    for (std::size_t k = 0; k < x.rows(); ++k) {
      for (std::size_t j = 0; j < 3; ++j) result(k, j) = 100.0 + x(k, j);
      result(k, 3) = std::sin(x(k, 0) + x(k, 1));
    }
    return result;
  });
}

/// The share of the largest latent by which the numbers miss the encoder.
double numbers_miss(const Dataset& data, EncoderFamily family) {
  const ContrastiveUnmixing result =
      contrastive_unmix(Backend::cpu(1), data, brief(family), Seed{1});
  const LearnedModel model = learned_model(result, data);
  EXPECT_EQ(model.network.has_value(), family == EncoderFamily::network);
  EXPECT_EQ(model.graph, result.graph);
  EXPECT_EQ(model.features, data.features);
  EXPECT_EQ(model.centre.size(), data.feature_count());
  double difference = 0.0, size = 0.0;
  for (const Environment& e : data.environments) {
    const Matrix z = result.encoder(e.samples);
    difference = std::max(difference, largest_difference(encode(model, e.samples), z));
    size = std::max(size, as_eigen(z).cwiseAbs().maxCoeff());
  }
  return difference / size;
}

TEST(LearnedModel, OfContrastiveLearningEncodesAsItsEncoder) {
  const Dataset linear = test::linear_chain(1000).dataset, bent = test::bent_chain(1000).dataset;
  for (const Dataset& data : {linear, in_a_subspace(linear), on_a_surface(linear)})
    EXPECT_LT(numbers_miss(data, EncoderFamily::linear), 1e-9) << data.feature_count();
  // In fp64 what the encoder has in fp32.
  for (const Dataset& data : {bent, in_a_subspace(bent), on_a_surface(bent)})
    EXPECT_LT(numbers_miss(data, EncoderFamily::network), 1e-4) << data.feature_count();
}

TEST(LearnedModel, OfContrastiveLearningHasTargetsAndMisfits) {
  const Dataset data = test::linear_chain(2000).dataset;
  const ContrastiveUnmixing result =
      contrastive_unmix(Backend::cpu(1), data, brief(EncoderFamily::linear), Seed{1});
  const LearnedModel model = learned_model(result, data);
  ASSERT_EQ(model.targets.size(), 3u);
  for (std::size_t m = 0; m < 3; ++m) {
    EXPECT_EQ(model.targets[m].environment, data.environments[m + 1].name);
    EXPECT_EQ(model.targets[m].latents, std::vector<std::size_t>{m});
    EXPECT_EQ(model.diagnosis.environments[m].samples, 2000u);
  }
  EXPECT_EQ(model.diagnosis.deviance_per_dof, result.dispersion);
  EXPECT_TRUE(model.diagnosis.pooled_eigenvalues.empty()) << "they would be the latents'";
  EXPECT_EQ(model.head_weights, result.head_weights);
  EXPECT_EQ(model.identified, result.identified);
  Dataset fewer = data;
  fewer.environments.pop_back();
  EXPECT_THROW(learned_model(result, fewer), DimensionMismatch);
}

TEST(LearnedModel, OfContrastiveLearningWithoutALinearModelHasNoGraph) {
  const Dataset data = test::linear_chain(40).dataset;
  ContrastiveUnmixing result(Encoder(Matrix::identity(3), {0.0, 0.0, 0.0}));
  result.latent_names = {"Z1", "Z2", "Z3"};
  result.graph = Digraph(3);
  result.order = {0, 1, 2};
  result.diagnosis.findings = {{Severity::failure, "unmixing-failed", "collinear", "more"}};
  const LearnedModel model = learned_model(result, data);
  EXPECT_TRUE(model.failed());
  EXPECT_EQ(model.graph.nodes(), 0u);
  ASSERT_EQ(model.diagnosis.environments.size(), 3u);
  EXPECT_EQ(model.diagnosis.environments[2].samples, 40u);
  EXPECT_TRUE(std::isnan(model.diagnosis.deviance_per_dof));
}

TEST(LearnedModel, OfDoInterventionsHasNoGraph) {
  const Study study = multi_study();
  Dataset data = study.dataset;
  for (Environment& e : data.environments) e.targets.clear();
  const Backend backend = Backend::cpu(1);
  const DoInterventionResult result = do_interventions(backend, compute_moments(backend, data));
  const LearnedModel model = learned_model(result, data);
  EXPECT_EQ(model.graph.nodes(), 0u);
  ASSERT_EQ(model.targets.size(), 3u);
  for (std::size_t m = 0; m < 3; ++m)
    EXPECT_EQ(model.targets[m].latents, std::vector<std::size_t>{m});
  EXPECT_EQ(model.variance_ratios(1, 0), result.latents[1].variance_ratio);
  EXPECT_EQ(encode(model, data.observational().samples).cols(), 3u);
}

TEST(LearnedModel, RefusesOtherDataThanTheFit) {
  const Study study = multi_study();
  const Backend backend = Backend::cpu(1);
  const UmniResult result = umni(backend, compute_moments(backend, study.dataset));
  Dataset fewer = study.dataset;
  fewer.environments.pop_back();
  EXPECT_THROW(learned_model(result, fewer), DimensionMismatch);
  const LearnedModel model = learned_model(result, study.dataset);
  EXPECT_THROW(encode(model, Matrix(2, 4)), DimensionMismatch);
}

// f = tanh or x / (1 + exp(-x)), one unit, two variables, one latent.
TEST(NetworkEncoder, IsItsFormula) {
  NetworkEncoder network{Matrix{{2.0, 0.0}, {0.0, 1.0}},
                         {1},
                         {1.0f, -1.0f, 1.5f, 3.0f, 0.25f, 1.0f, 2.0f},
                         {0.5},
                         {4.0}};
  const Matrix y{{0.75, 2.0}};  // h_0 = (1.5, 2), f at 1.5 - 2 + 1.5 = 1
  const double skip = 1.5 + 2.0 * 2.0;
  EXPECT_DOUBLE_EQ(network(y)(0, 0), (3.0 * std::tanh(1.0) + 0.25 + skip - 0.5) / 4.0);
  network.activation = NetworkEncoder::Activation::silu;
  EXPECT_DOUBLE_EQ(network(y)(0, 0), (3.0 / (1.0 + std::exp(-1.0)) + 0.25 + skip - 0.5) / 4.0);
}

TEST(NetworkEncoder, RefusesNumbersThatDoNotFit) {
  NetworkEncoder network{Matrix::identity(2), {3}, std::vector<float>(21), {0.0, 0.0}, {1.0, 1.0}};
  const Matrix y{{1.0, 2.0}};
  EXPECT_EQ(network(y), (Matrix{{0.0, 0.0}}));
  EXPECT_THROW(network(Matrix(1, 3)), DimensionMismatch);
  network.parameters.pop_back();
  EXPECT_THROW(network(y), InvalidArgument);
  network.parameters.resize(22);
  EXPECT_THROW(network(y), InvalidArgument);
  network.mean.pop_back();
  EXPECT_THROW(network(y), DimensionMismatch);
  EXPECT_THROW(network.bend(), DimensionMismatch);
  EXPECT_THROW(network.inverse(y), DimensionMismatch);
}

// z = tanh(y) + y / 2 is y + (tanh(y) - y / 2): slopes of the bend are in [-1/2, 1/2].
TEST(NetworkEncoder, BendAndInverseByHand) {
  NetworkEncoder network{{{1.0}}, {1}, {1.0f, 0.0f, 1.0f, 0.0f, 0.5f}, {0.25}, {2.0}};
  EXPECT_NEAR(network.bend(), 0.5, 1e-12);
  const Matrix y{{-30.0}, {-0.5}, {0.0}, {1.0}, {30.0}};
  const Matrix z = network(y);
  EXPECT_NEAR(z(3, 0), (std::tanh(1.0) + 0.5 - 0.25) / 2.0, 1e-12);
  EXPECT_LT(largest_difference(network.inverse(z), y), 1e-10);
  network.parameters.back() = 0.0f;  // tanh(y) itself isn't onto
  EXPECT_NEAR(network.bend(), 1.0, 1e-12);
  EXPECT_THROW(network.inverse(z), InvalidArgument);
  network.parameters.back() = 1e-5f;  // onto, after some million steps
  EXPECT_LT(network.bend(), 1.0);
  EXPECT_THROW(network.inverse(z), InvalidArgument);
  network.parameters.back() = 0.5f;
  network.activation = NetworkEncoder::Activation::silu;  // of other slopes
  EXPECT_TRUE(std::isinf(network.bend()));
  EXPECT_THROW(network.inverse(z), InvalidArgument);
}

// [3, 4] hidden units, drawn.
score::NetworkLayers drawn_layers() {
  std::vector<float> parameters(2 * 3 + 3 + 3 * 4 + 4 + 4 * 2 + 2 + 2 * 2);
  Draws draws = RandomStream(Seed{3}, Purpose::test).at(0);
  for (float& value : parameters) value = static_cast<float>(draws.normal());
  return {parameters, {3, 4}, 2, 2};
}

TEST(NetworkEncoder, NothingBendsMoreThanTheBound) {
  const score::NetworkLayers layers = drawn_layers();
  const score::ResidualForm form = score::residual_form(layers);
  Draws draws = RandomStream(Seed{4}, Purpose::test).at(0);
  RowMajor points(2000, 2);
  for (Eigen::Index k = 0; k < points.size(); ++k) points.data()[k] = 2.0 * draws.normal();
  const RowMajor bent = (form.linear.inverse() * layers(points).transpose()).transpose() - points;
  for (Eigen::Index k = 1; k < points.rows(); ++k)
    EXPECT_LE((bent.row(k) - bent.row(k - 1)).norm(),
              form.bound * (points.row(k) - points.row(k - 1)).norm());
}

TEST(NetworkEncoder, ContractionLowersTheBoundAndKeepsTheLinearPart) {
  score::NetworkLayers layers = drawn_layers();
  const score::ResidualForm before = score::residual_form(layers);
  ASSERT_GT(before.bound, 0.5);
  EXPECT_TRUE(score::contract(layers, 0.5));
  const score::ResidualForm after = score::residual_form(layers);
  EXPECT_NEAR(after.bound, 0.5, 1e-12);
  EXPECT_LT((after.linear - before.linear).cwiseAbs().maxCoeff(), 1e-12);
  EXPECT_FALSE(score::contract(layers, 0.5 + 1e-9));
}

}  // namespace
}  // namespace lodestein
