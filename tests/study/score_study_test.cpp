// Accuracy at the sizes of the published experiments; a minute each. Seeds are fixed, so a test
// passes always or never; the bounds are twice the values measured when it was written.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>
#include <limits>
#include <tuple>

#include "core/eigen.hpp"
#include "core/peak_memory.hpp"
#include "lodestein/score/check.hpp"
#include "lodestein/score/classifier.hpp"
#include "lodestein/score/cross_fit.hpp"
#include "lodestein/score/estimate.hpp"
#include "lodestein/score/score_matching.hpp"
#include "lodestein/score/stein.hpp"
#include "lodestein/simulate/study.hpp"

namespace lodestein {
namespace {

Study quadratic_study(double variance_scale, std::uint64_t seed) {
  StudyOptions options;
  options.latent.family = LatentFamily::quadratic;
  options.latent.latents = options.mixing.observed = 5;
  options.samples = 50000;
  options.variance_scale = variance_scale;
  return simulate_study(options, Seed{seed});
}

struct Entries {
  double weakest_edge = std::numeric_limits<double>::infinity(), strongest_non_edge = 0.0;
};

// Of E[d_j^2] in true latent coordinates.
Entries entries_of(const Study& study, const DifferenceMoments& moments) {
  Entries entries;
  const auto g = as_eigen(study.truth.mixing.layers().front());
  for (std::size_t m = 0; m < moments.own.size(); ++m) {
    const std::size_t target = study.truth.interventions[m + 1].targets.front();
    const Eigen::VectorXd latent = (g.transpose() * as_eigen(moments.own[m]) * g).diagonal();
    for (std::size_t j = 0; j < moments.own.size(); ++j) {
      const double value = std::abs(latent(static_cast<Eigen::Index>(j)));  // 0 from both sides
      if (j == target) continue;
      if (study.truth.model.graph().edge(j, target))
        entries.weakest_edge = std::min(entries.weakest_edge, value);
      else
        entries.strongest_non_edge = std::max(entries.strongest_non_edge, value);
    }
  }
  return entries;
}

// Two separate score networks leave non-edges of .15 to .55 on such models.
TEST(ClassifierStudy, NonEdgesOfQuadraticModelsStayBelowTheWeakestEdge) {
  const Backend backend = Backend::cpu();
  for (const std::uint64_t seed : {100u, 101u, 102u}) {
    const Study study = quadratic_study(0.25, seed);
    const ScoreDifferences d = classifier_differences(backend, study.dataset, {}, Seed{1});
    for (const MomentPoints points : {MomentPoints::own, MomentPoints::overlap}) {
      const Entries entries =
          entries_of(study, difference_moments(backend, d, study.dataset, points));
      EXPECT_LT(entries.strongest_non_edge, 0.03) << seed;
      EXPECT_LT(entries.strongest_non_edge, entries.weakest_edge) << seed;
    }
  }
}

// The bar of the estimators: a tenth of what the published configuration leaves on non-edges at
// observational points. At c = 5 it isn't met, by cross-fitted log-ratios of degree 3 just not (8.9
// times; the classifier: 5.0), so the bounds there only hold what there is.
TEST(DifferenceStudy, NonEdgesAreFarBelowThoseOfThePublishedConfiguration) {
  const Backend backend = Backend::cpu();
  const DifferenceEstimator log_ratio = difference_estimator(difference_method("log-ratio-3"));
  for (const auto& [scale, classifier_times, cross_fitted_times] :
       {std::tuple{0.25, 10.0, 10.0}, {5.0, 3.0, 6.0}}) {
    double published = 0.0, classifier = 0.0, cross_fitted = 0.0;
    for (const std::uint64_t seed : {300u, 301u, 302u}) {
      const Study study = quadratic_study(scale, seed);
      const auto scores =
          score_matching_scores(backend, study.dataset, ScoreMatchingOptions::published(), Seed{1});
      const ScoreDifferences two = plug_in_differences(backend, study.dataset, scores);
      const ScoreDifferences one = classifier_differences(backend, study.dataset, {}, Seed{1});
      published += entries_of(study, difference_moments(backend, two, study.dataset,
                                                        MomentPoints::observational))
                       .strongest_non_edge;
      classifier +=
          entries_of(study, difference_moments(backend, one, study.dataset, MomentPoints::overlap))
              .strongest_non_edge;
      const Entries crossed =
          entries_of(study, cross_fit(backend, study.dataset, log_ratio).mean());
      cross_fitted += crossed.strongest_non_edge;
      EXPECT_LT(crossed.strongest_non_edge, crossed.weakest_edge) << "c = " << scale << " " << seed;
    }
    std::cout << "c = " << scale << ": published over classifier " << published / classifier
              << ", over cross-fitted log-ratios " << published / cross_fitted << "\n";
    EXPECT_LT(classifier_times * classifier, published) << "c = " << scale;
    EXPECT_LT(cross_fitted_times * cross_fitted, published) << "c = " << scale;
  }
}

Dataset rows_of_first(const Study& study, std::size_t begin, std::size_t end) {
  const Matrix& x = study.dataset.observational().samples;
  Matrix rows(end - begin, x.cols());
  std::copy(x.data() + begin * x.cols(), x.data() + end * x.cols(), rows.data());
  return {study.dataset.features, {{"obs", {}, std::move(rows)}}, {}};
}

// The bar of the scalable path: 100,000 samples of ten variables in under 20 s and 1 GB, with a
// loss at fresh samples at most 2% above that of the dense estimate from 5000 of them.
TEST(SteinStudy, FourierFeaturesOfManySamplesAreAsGoodAsTheDenseEstimateOfFew) {
  const Backend backend = Backend::cpu();
  constexpr std::size_t many = 100000, few = 5000;
  for (const LatentFamily family : {LatentFamily::quadratic, LatentFamily::linear}) {
    StudyOptions options;
    options.latent.family = family;
    options.latent.latents = options.mixing.observed = 10;
    options.samples = many + few;
    const Study study = simulate_study(options, Seed{3});
    const Dataset fresh = rows_of_first(study, many, many + few);
    const auto loss = [&](std::size_t samples, KernelSolver solver) {
      const auto scores =
          stein_scores(backend, rows_of_first(study, 0, samples), {.solver = solver}, Seed{1});
      return hyvarinen_loss(scores[0], fresh.observational().samples).value;
    };
    const double dense = loss(few, KernelSolver::dense);
    const PeakMemory memory;
    const auto began = std::chrono::steady_clock::now();
    const double fourier = loss(many, KernelSolver::fourier);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began;
    SCOPED_TRACE("dense " + std::to_string(dense) + ", fourier " + std::to_string(fourier) + ", " +
                 std::to_string(seconds.count()) + " s");
    EXPECT_LE(fourier, dense + 0.02 * std::abs(dense));
    EXPECT_LT(seconds.count(), 20.0);
    EXPECT_LT(memory.megabytes(), 1000.0);
    RecordProperty("dense_and_fourier_" + std::to_string(static_cast<int>(family)),
                   std::to_string(dense) + " " + std::to_string(fourier));
  }
}

// Measured: weakest edge .13, strongest non-edge .004.
TEST(ClassifierStudy, CrossFittedMomentsSeparateEdges) {
  const Backend backend = Backend::cpu();
  const Study study = quadratic_study(0.25, 102);
  const CrossMoments cross =
      cross_fit(backend, study.dataset, classifier_estimator({.epochs = 10}), {.splits = 2});
  const Entries entries = entries_of(study, cross.mean());
  EXPECT_LT(entries.strongest_non_edge, 0.5 * entries.weakest_edge);
}

}  // namespace
}  // namespace lodestein
