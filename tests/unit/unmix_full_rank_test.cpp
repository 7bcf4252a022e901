#include <gmock/gmock.h>

#include <cmath>

#include "core/eigen.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/evaluate/evaluate.hpp"
#include "lodestein/simulate/study.hpp"
#include "lodestein/unmix/lscale.hpp"

namespace lodestein {
namespace {

struct Quadratic {
  Study study;
  std::vector<EnvironmentMoments> moments;
  DifferenceMoments differences;  // exact scores
};

Quadratic quadratic(double variance_scale, std::uint64_t seed, double units = 1.0) {
  StudyOptions options;
  options.latent.family = LatentFamily::quadratic;
  options.latent.latents = options.mixing.observed = 5;
  options.samples = 5000;
  options.intervention = Intervention::soft;
  options.variance_scale = variance_scale;
  Study study = simulate_study(options, Seed{seed});
  for (Environment& environment : study.dataset.environments)
    for (std::size_t i = 0; i < environment.samples.rows() * environment.samples.cols(); ++i)
      environment.samples.data()[i] *= units;
  auto moments = compute_moments(Backend::cpu(2), study.dataset);
  const Eigen::MatrixXd inverse = as_eigen(study.truth.mixing.layers().front()).inverse() / units;
  DifferenceMoments differences;
  const Matrix& z = study.truth.latents[0];
  const Eigen::MatrixXd none = as_eigen(study.truth.model.score(z, {}));
  for (std::size_t m = 1; m < study.truth.interventions.size(); ++m) {
    const Eigen::MatrixXd d =
        (none - as_eigen(study.truth.model.score(z, study.truth.interventions[m]))) * inverse;
    differences.environments.push_back(study.dataset.environments[m].name);
    differences.own.push_back(to_matrix(d.transpose() * d / static_cast<double>(z.rows())));
  }
  return {std::move(study), std::move(moments), std::move(differences)};
}

/// Latent i of the result is the target of intervention i.
std::size_t shd(const Quadratic& q, const Digraph& graph) {
  Digraph renamed(graph.nodes());
  for (const auto& [from, to] : graph.edges())
    renamed.set_edge(q.study.truth.interventions[from + 1].targets[0],
                     q.study.truth.interventions[to + 1].targets[0]);
  return graph_error(q.study.truth.model.graph(), renamed).shd;
}

// The published branch has a mean SHD of .425 at c = .25 and .35 at c = 5 over 40 models with
// 20,000 exact scores.
TEST(FullRank, FindsTheGraphOfSoftInterventionsFromExactScores) {
  for (const double scale : {0.25, 5.0}) {
    std::size_t total = 0;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      const Quadratic q = quadratic(scale, seed);
      total += shd(q, lscale_full_rank(q.moments, q.differences).graph);
    }
    EXPECT_LE(total, 2u) << "c = " << scale;
  }
}

TEST(FullRank, EncoderMixesLatentsWithSurroundingParentsOnly) {
  std::size_t checked = 0;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const Quadratic q = quadratic(0.25, seed);
    const LscaleResult result = lscale_full_rank(q.moments, q.differences);
    if (shd(q, result.graph) > 0) continue;
    const Digraph& graph = q.study.truth.model.graph();
    const Eigen::MatrixXd effect =
        as_eigen(result.encoder) * as_eigen(q.study.truth.mixing.layers().front());
    for (std::size_t i = 0; i < 5; ++i) {
      const std::size_t target = q.study.truth.interventions[i + 1].targets[0];
      const Eigen::RowVectorXd row = effect.row(static_cast<Eigen::Index>(i)).normalized();
      for (std::size_t j = 0; j < 5; ++j) {
        bool surrounds = graph.edge(j, target);
        for (std::size_t c = 0; c < 5; ++c)
          if (graph.edge(target, c) && !graph.edge(j, c)) surrounds = false;
        if (j == target || surrounds) continue;
        EXPECT_LT(std::abs(row(static_cast<Eigen::Index>(j))), 0.05) << seed << " " << i << j;
        ++checked;
      }
    }
  }
  EXPECT_GT(checked, 50u);
}

TEST(FullRank, UnitsOfTheDataDoNotMatter) {
  const Quadratic q = quadratic(0.25, 3), small = quadratic(0.25, 3, 1e-3);
  EXPECT_EQ(lscale_full_rank(q.moments, q.differences).graph,
            lscale_full_rank(small.moments, small.differences).graph);
}

TEST(FullRank, RefusesWhatDoesNotFit) {
  const Quadratic q = quadratic(0.25, 1);
  EXPECT_THROW(lscale_full_rank(q.moments, {}), DimensionMismatch);
  EXPECT_THROW(lscale_full_rank(q.moments, q.differences, {.rank_tolerance = 0.0}),
               InvalidArgument);
  EXPECT_THROW(lscale_full_rank(q.moments, q.differences, {.angle_tolerance = 1.0}),
               InvalidArgument);
  auto singular = q.moments;
  singular[0].covariance = Matrix(5, 5);
  EXPECT_THROW(lscale_full_rank(singular, q.differences), InvalidArgument);
}

}  // namespace
}  // namespace lodestein
