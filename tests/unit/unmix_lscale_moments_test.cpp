#include <gtest/gtest.h>

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
  options.refinement = Refinement::none;
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

}  // namespace
}  // namespace lodestein
