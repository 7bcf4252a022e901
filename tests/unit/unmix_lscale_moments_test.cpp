#include <gtest/gtest.h>

#include <cmath>

#include "lodestein/core/error.hpp"
#include "lodestein/evaluate/evaluate.hpp"
#include "lodestein/score/gaussian.hpp"
#include "lodestein/simulate/study.hpp"
#include "lodestein/unmix/fit.hpp"
#include "lodestein/unmix/lscale.hpp"

namespace lodestein {
namespace {

struct Linear {
  Study study;
  std::vector<EnvironmentMoments> moments;
  DifferenceMoments differences;
};

Linear linear() {
  StudyOptions options;
  options.latent.latents = options.mixing.observed = 4;
  options.samples = 20000;
  Study study = simulate_study(options, Seed{3});
  auto moments = compute_moments(Backend::cpu(2), study.dataset);
  auto differences = difference_moments(gaussian_scores(moments), moments[0].covariance);
  return {std::move(study), std::move(moments), std::move(differences)};
}

TEST(Lscale, FromGaussianMomentsIsWhatFitDoesWithoutRefinement) {
  const Linear l = linear();
  const LscaleResult result = lscale(l.moments, l.differences, {Intervention::hard, 0.05});
  FitOptions options;
  options.method = UnmixMethod::lscale;
  options.lscale_edge_threshold = 0.05;
  options.score.shrinkage = Shrinkage::none;
  const FitResult fitted = fit(Backend::cpu(2), l.moments, options);
  EXPECT_EQ(result.graph, fitted.graph);
  const Matrix z = multiply(l.study.dataset.environments[0].samples, transpose(result.encoder));
  EXPECT_GT(mean_correlation_coefficient(l.study.truth.latents[0], z).mean, 0.99);
}

TEST(Lscale, RefusesWhatDoesNotFit) {
  const Linear l = linear();
  EXPECT_THROW(lscale(l.moments, {}), DimensionMismatch);
  EXPECT_THROW(lscale(l.moments, l.differences, {Intervention::hard, 0.0}), InvalidArgument);
  DifferenceMoments other = l.differences;
  other.environments[0] = "another";
  EXPECT_THROW(lscale(l.moments, other), DimensionMismatch);
  other = l.differences;
  other.own[1] = Matrix(3, 3);
  EXPECT_THROW(lscale(l.moments, other), DimensionMismatch);
  other = l.differences;
  other.own[1](0, 0) = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(lscale(l.moments, other), InvalidArgument);
}

// The published graph step for soft interventions keeps what the environments' own moments say out
// of it: the encoder is that of the differences alone.
TEST(Lscale, SoftAndHardDifferInTheEncoderOnly) {
  const Linear l = linear();
  const LscaleResult hard = lscale(l.moments, l.differences, {Intervention::hard, 0.05});
  const LscaleResult soft = lscale(l.moments, l.differences, {Intervention::soft, 0.05});
  EXPECT_EQ(soft.graph, hard.graph);
  EXPECT_EQ(soft.order, hard.order);
  EXPECT_NE(soft.encoder, hard.encoder);
}

TEST(Lscale, TheThresholdDecidesAboutEdges) {
  const Linear l = linear();
  std::size_t before = 7;  // one more than a graph of 4 has
  for (const double threshold : {1e-9, 0.05, 1e9}) {
    const LscaleResult result = lscale(l.moments, l.differences, {Intervention::hard, threshold});
    EXPECT_LT(result.graph.edges().size(), before);
    before = result.graph.edges().size();
  }
  EXPECT_EQ(before, 0u);
}

TEST(Lscale, RefusalsNameTheEnvironment) {
  const Linear l = linear();
  const auto refused = [&](auto change, const LscaleOptions& options = {}) -> std::string {
    auto moments = l.moments;
    DifferenceMoments differences = l.differences;
    change(moments, differences);
    try {
      lscale(moments, differences, options);
    } catch (const InvalidArgument& error) {
      return error.what();
    }
    return "nothing thrown";
  };
  const auto expect = [](const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  const std::string name = l.differences.environments[1];
  expect(refused([](auto&, auto& d) { d = {}; }), "difference moments of 0 environments");
  expect(refused([](auto& m, auto&) { m.pop_back(); }), "moments of 4; the observational one");
  expect(refused([](auto&, auto& d) { d.environments.pop_back(); }), "observational one");
  expect(refused([](auto&, auto& d) { d.environments[1] = "other"; }),
         "environment 'other' stands where the moments have '" + name + "'");
  expect(refused([](auto&, auto& d) { d.own[1] = Matrix(3, 3); }),
         "environment '" + name + "' has 3 variables, 4 are needed");
  expect(refused([](auto&, auto& d) { d.own[1](2, 3) = std::nan(""); }),
         "moments of environment '" + name + "' are not finite");
  for (const double bad : {0.0, -1.0, std::nan("")})
    expect(refused([](auto&, auto&) {}, {Intervention::hard, bad}),
           "edge_threshold must be positive");
}

}  // namespace
}  // namespace lodestein
