#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "lodestein/core/error.hpp"
#include "lodestein/evaluate/metrics.hpp"
#include "lodestein/score/gaussian.hpp"
#include "lodestein/simulate/study.hpp"
#include "lodestein/unmix/umni.hpp"
#include "unmix/combinations.hpp"
#include "unmix/flag.hpp"
#include "unmix/likelihood.hpp"
#include "unmix/mechanism_split.hpp"
#include "unmix_support.hpp"

namespace lodestein {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using test::random_problem;
using test::random_regular;
using unmix::PairMoments;
using unmix::TargetSets;

struct MultiNodePopulation {
  LatentModel model;
  Matrix mixing;  // [d, n]
  std::vector<InterventionSpec> interventions;
  std::vector<EnvironmentMoments> moments;
};

StudyOptions multi_options(std::size_t n, std::size_t d, Intervention type) {
  StudyOptions options;
  options.latent.latents = n;
  options.mixing.observed = d;
  options.samples = 100000;
  options.design = InterventionDesign::multi;
  options.intervention = type;
  return options;
}

// The exact moments of a study, as of a million samples.
MultiNodePopulation population(std::size_t n, std::size_t d, Intervention type,
                               std::uint64_t seed) {
  LinearStudy study = simulate_moments(multi_options(n, d, type), Seed{seed});
  MultiNodePopulation result{std::move(study.truth.model),
                             study.truth.mixing.layers().front(),
                             study.truth.interventions,
                             {}};
  std::vector<EnvironmentMoments> latent;
  for (std::size_t e = 0; e < result.interventions.size(); ++e) {
    latent.push_back(test::exact_moments(result.model, result.interventions[e],
                                         "e" + std::to_string(e), 1000000));
  }
  result.moments = transformed(latent, result.mixing);
  return result;
}

// True latent that each estimated one is: the largest entry of its row of encoder * mixing, each
// column in units of its latent's standard deviation.
std::vector<std::size_t> matched(const MultiNodePopulation& p, const UmniResult& fit) {
  const Matrix covariance = p.model.covariance({});
  const Matrix effective = multiply(fit.encoder, p.mixing);
  std::vector<std::size_t> result;
  for (std::size_t i = 0; i < effective.rows(); ++i) {
    std::size_t best = 0;
    const auto size = [&](std::size_t j) {
      return std::abs(effective(i, j)) * std::sqrt(covariance(j, j));
    };
    for (std::size_t j = 1; j < effective.cols(); ++j) {
      if (size(j) > size(best)) best = j;
    }
    result.push_back(best);
  }
  return result;
}

std::vector<std::vector<std::size_t>> named(std::vector<std::vector<std::size_t>> targets,
                                            const std::vector<std::size_t>& names) {
  for (auto& set : targets) {
    for (std::size_t& i : set) i = names[i];
    std::sort(set.begin(), set.end());
  }
  return targets;
}

std::vector<std::vector<std::size_t>> true_targets(const MultiNodePopulation& p) {
  std::vector<std::vector<std::size_t>> result;
  for (std::size_t e = 1; e < p.interventions.size(); ++e) {
    result.push_back(p.interventions[e].targets);
    std::sort(result.back().begin(), result.back().end());
  }
  return result;
}

TEST(Umni, HardInterventionsInThePopulationGiveLatentsTargetsAndTheDag) {
  for (std::size_t n = 1; n <= 5; ++n) {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
      const MultiNodePopulation p = population(n, n + 3, Intervention::hard, 10 * n + seed);
      const UmniResult fit = umni(Backend::cpu(1), p.moments);
      ASSERT_FALSE(fit.failed());
      const std::vector<std::size_t> names = matched(p, fit);
      EXPECT_EQ(named(fit.targets, names), true_targets(p)) << n << " " << seed;
      EXPECT_EQ(fit.graph, permuted(p.model.graph(), names)) << n << " " << seed;
      EXPECT_LT(fit.deviance_per_dof, 0.1);  // exact moments: only rounding and the search
      const Matrix effective = multiply(fit.encoder, p.mixing);
      for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j < n; ++j) {
          if (j == names[i]) continue;
          EXPECT_NEAR(effective(i, j) / effective(i, names[i]), 0.0, 1e-3);
        }
      }
    }
  }
}

TEST(Umni, SoftInterventionsInThePopulationGiveTargetsAndTheClosure) {
  for (std::size_t n = 2; n <= 5; ++n) {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
      const MultiNodePopulation p = population(n, n, Intervention::soft, 20 * n + seed);
      UmniOptions options;
      options.intervention = Intervention::soft;
      const UmniResult fit = umni(Backend::cpu(1), p.moments, options);
      ASSERT_FALSE(fit.failed());
      // Latents are mixed with ancestors: they are named by the environments that hit them.
      const auto truth = true_targets(p);
      std::vector<std::size_t> names(n, n);
      for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j < n; ++j) {
          bool same = true;
          for (std::size_t k = 0; k < truth.size(); ++k) {
            const auto has = [](const std::vector<std::size_t>& set, std::size_t x) {
              return std::find(set.begin(), set.end(), x) != set.end();
            };
            same = same && has(fit.targets[k], i) == has(truth[k], j);
          }
          if (same) names[i] = j;
        }
        ASSERT_LT(names[i], n) << n << " " << seed;
      }
      const Digraph closure = transitive_closure(p.model.graph());
      EXPECT_EQ(transitive_closure(fit.graph), permuted(closure, names)) << n << " " << seed;
      const Matrix effective = multiply(fit.encoder, p.mixing);
      for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j < n; ++j) {
          if (j == names[i] || closure.edge(j, names[i])) continue;
          EXPECT_NEAR(effective(i, j), 0.0, 2e-3) << "no ancestor";
        }
      }
    }
  }
}

TEST(Umni, SampledMomentsGiveTheDagAndAModelThatFits) {
  const LinearStudy study = simulate_moments(multi_options(5, 50, Intervention::hard), Seed{5});
  const UmniResult fit = umni(Backend::cpu(1), study.moments);
  ASSERT_FALSE(fit.failed());
  EXPECT_LT(fit.deviance_per_dof, 1.6);
  EXPECT_GT(fit.deviance_per_dof, 0.5);
  EXPECT_EQ(fit.deviances.size(), 5u);
  EXPECT_EQ(fit.graph.edge_count(), study.truth.model.graph().edge_count());
  for (const LatentEdge& edge : fit.edges) {
    EXPECT_GT(edge.likelihood_ratio, 0.0);
    EXPECT_LT(edge.p_value, 1e-3);
  }
}

TEST(Umni, ScalingTheMixingColumnsChangesNothing) {
  const MultiNodePopulation p = population(4, 4, Intervention::hard, 3);
  Matrix scale = Matrix::identity(4);
  for (std::size_t i = 0; i < 4; ++i) scale(i, i) = std::pow(10.0, static_cast<double>(i) - 1.5);
  const Matrix change = multiply(multiply(p.mixing, scale), pseudo_inverse(p.mixing));
  const UmniResult a = umni(Backend::cpu(1), p.moments);
  const UmniResult b = umni(Backend::cpu(1), transformed(p.moments, change));
  const auto sorted = [](const UmniResult& fit) {
    std::vector<double> ratios;
    for (const LatentEdge& edge : fit.edges) ratios.push_back(edge.likelihood_ratio);
    std::sort(ratios.begin(), ratios.end());
    return ratios;
  };
  ASSERT_EQ(a.edges.size(), b.edges.size());
  const std::vector<double> ratio_a = sorted(a), ratio_b = sorted(b);
  for (std::size_t e = 0; e < ratio_a.size(); ++e) {
    EXPECT_NEAR(ratio_a[e], ratio_b[e], 1e-3 * ratio_a[e]);
  }
}

TEST(Umni, SameBitsAgainAndOnMoreThreads) {
  const LinearStudy study = simulate_moments(multi_options(4, 9, Intervention::soft), Seed{8});
  UmniOptions options;
  options.intervention = Intervention::soft;
  const UmniResult a = umni(Backend::cpu(1), study.moments, options, Seed{3});
  const UmniResult b = umni(Backend::cpu(2), study.moments, options, Seed{3});
  EXPECT_EQ(a.encoder, b.encoder);
  EXPECT_EQ(a.graph, b.graph);
  EXPECT_EQ(a.targets, b.targets);
  EXPECT_EQ(a.objective, b.objective);
}

TEST(Umni, MechanismsThatDifferBetweenEnvironmentsAreAMisfit) {
  StudyOptions options = multi_options(4, 6, Intervention::hard);
  const LinearStudy study = simulate_moments(options, Seed{4});
  std::vector<EnvironmentMoments> latent;
  for (std::size_t e = 0; e < study.truth.interventions.size(); ++e) {
    InterventionSpec spec = study.truth.interventions[e];
    spec.variance_scale = 0.1 + 0.25 * static_cast<double>(e);
    spec.targets = e == 0 ? std::vector<std::size_t>{} : std::vector<std::size_t>{0, 1, 2, 3};
    latent.push_back(test::exact_moments(study.truth.model, spec, "e" + std::to_string(e), 100000));
  }
  const UmniResult fit =
      umni(Backend::cpu(1), transformed(latent, study.truth.mixing.layers().front()));
  EXPECT_TRUE(std::any_of(fit.findings.begin(), fit.findings.end(), [](const Finding& f) {
    return f.code == "model-misfit" && f.severity == Severity::warning;
  }));
}

UmniOptions published(Intervention type) {
  UmniOptions options;
  options.intervention = type;
  options.procedure = UmniProcedure::published;
  return options;
}

// Two environments, hitting {0} and {0, 1}, of 0 -> 1: combination (1, 0) isolates the source.
TEST(Umni, PublishedProcedureOnTwoLatents) {
  Matrix weights(2, 2);
  weights(0, 1) = 1.0;
  const LatentModel model(weights, {1.0, 1.0});
  std::vector<EnvironmentMoments> moments;
  const std::vector<std::vector<std::size_t>> targets{{}, {0}, {0, 1}};
  for (std::size_t e = 0; e < targets.size(); ++e) {
    InterventionSpec spec;
    spec.targets = targets[e];
    moments.push_back(test::exact_moments(model, spec, "e" + std::to_string(e), 100000));
  }
  const UmniResult fit = umni(Backend::cpu(1), moments, published(Intervention::hard));
  ASSERT_FALSE(fit.failed());
  EXPECT_NEAR(fit.combinations(1, 0), 0.0, 0.0);
  EXPECT_TRUE(fit.graph.edge(0, 1));
  EXPECT_NEAR(fit.encoder(0, 1), 0.0, 1e-9);
  EXPECT_NEAR(fit.encoder(1, 0), 0.0, 1e-6) << "the parent is regressed out";
  EXPECT_TRUE(std::isnan(fit.objective));
}

TEST(Umni, PublishedProcedureTakesMomentsOfAnyScores) {
  const MultiNodePopulation p = population(3, 3, Intervention::soft, 7);
  const std::vector<GaussianScore> scores = gaussian_scores(p.moments);
  Matrix blocks(9, 9);
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 3; ++j) {
      const Matrix r = cross_difference_moment(scores, p.moments[0].covariance, i, j);
      for (std::size_t a = 0; a < 3; ++a) {
        for (std::size_t b = 0; b < 3; ++b) blocks(3 * i + a, 3 * j + b) = r(a, b);
      }
    }
  }
  UmniOptions options = published(Intervention::soft);
  options.eigenvalue_threshold = 1e-3;  // exact moments
  const UmniResult direct = umni(Backend::cpu(1), p.moments, options);
  const UmniResult given = umni(Backend::cpu(1), p.moments, blocks, options);
  ASSERT_FALSE(direct.failed());
  ASSERT_FALSE(given.failed());
  EXPECT_EQ(direct.combinations, given.combinations);
  EXPECT_EQ(direct.graph, given.graph);
  options.procedure = UmniProcedure::likelihood;
  EXPECT_THROW(umni(Backend::cpu(1), p.moments, blocks, options), InvalidArgument);
  EXPECT_THROW(umni(Backend::cpu(1), p.moments, Matrix(9, 8), published(Intervention::soft)),
               DimensionMismatch);
}

TEST(Umni, PublishedFailureIsAResult) {
  const MultiNodePopulation p = population(3, 3, Intervention::soft, 7);
  UmniOptions options = published(Intervention::soft);
  options.eigenvalue_threshold = 1e9;  // nothing has a rank
  const UmniResult fit = umni(Backend::cpu(1), p.moments, options);
  EXPECT_TRUE(fit.failed());
  EXPECT_TRUE(fit.encoder.empty());
  EXPECT_EQ(fit.findings.front().code, "unmixing-failed");
  EXPECT_TRUE(fit.identified.empty()) << "nothing is";
}

TEST(Umni, PublishedClaimsNoTargetsAndNoCheck) {
  const MultiNodePopulation p = population(3, 3, Intervention::soft, 7);
  const UmniResult fit = umni(Backend::cpu(1), p.moments, published(Intervention::soft));
  ASSERT_FALSE(fit.failed());
  EXPECT_EQ(fit.identified.find("targets"), std::string::npos) << fit.identified;
  ASSERT_FALSE(fit.findings.empty());
  EXPECT_EQ(fit.findings.back().code, "not-checked");
}

TEST(Umni, MomentsThatAreNoCovarianceAreAFailureWithDiagnosis) {
  MultiNodePopulation p = population(3, 3, Intervention::hard, 7);
  for (std::size_t i = 0; i < 9; ++i) p.moments[2].covariance.data()[i] *= -0.1;
  UmniOptions options;
  options.score.shrinkage = Shrinkage::none;
  const UmniResult fit = umni(Backend::cpu(1), p.moments, options);
  EXPECT_TRUE(fit.failed());
  EXPECT_TRUE(fit.encoder.empty());
  ASSERT_EQ(fit.findings.size(), 1u);
  EXPECT_EQ(fit.findings.front().code, "covariance-not-positive-definite");
  EXPECT_NE(fit.findings.front().message.find("'" + p.moments[2].name + "'"), std::string::npos);
}

TEST(Umni, RefusesWhatCannotBeUsed) {
  const MultiNodePopulation p = population(3, 5, Intervention::hard, 7);
  const Backend backend = Backend::cpu(1);
  EXPECT_THROW(umni(backend, std::vector<EnvironmentMoments>{}), InvalidArgument);
  EXPECT_THROW(umni(backend, {p.moments[0]}), InvalidArgument);
  UmniOptions options;
  options.latents = 4;
  EXPECT_THROW(umni(backend, p.moments, options), InvalidArgument);
  options = published(Intervention::hard);
  options.largest_coefficient = 100;
  EXPECT_THROW(umni(backend, p.moments, options), InvalidArgument);
  options.largest_coefficient = 0;
  EXPECT_THROW(umni(backend, p.moments, options), InvalidArgument);
  auto moments = p.moments;
  moments[1].mean.pop_back();
  EXPECT_THROW(umni(backend, moments), DimensionMismatch);
  moments = p.moments;
  moments[2].covariance(0, 0) = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(umni(backend, moments), InvalidArgument);
  class Stop : public Observer {
    bool cancelled() const override { return true; }
  } stop;
  EXPECT_THROW(umni(backend, p.moments, UmniOptions{}, Seed{}, stop), Cancelled);
}

TEST(MultiNodeLikelihood, OneTargetAnEnvironmentIsTheSingleNodeOne) {
  const unmix::LinearProblem problem = random_problem(3, 3, 1);
  const MatrixXd h = random_regular(3, 2);
  const unmix::ParentSets parents{{}, {0}, {1, 0}};
  for (const Intervention type : {Intervention::hard, Intervention::soft}) {
    const unmix::ProfileLikelihood single(problem, unmix::Targets{2, 0, 1}, type);
    const unmix::ProfileLikelihood sets(problem, TargetSets{{2}, {0}, {1}}, type);
    EXPECT_NEAR(sets.value(h, parents), single.value(h, parents), 1e-13);
  }
}

TEST(MultiNodeLikelihood, GradientIsThatOfTheValue) {
  const unmix::LinearProblem problem = random_problem(3, 4, 3);
  const MatrixXd h = random_regular(3, 4);
  const unmix::ParentSets parents{{}, {0}, {1, 0}};
  const TargetSets targets{{0, 2}, {1}, {}, {0, 1, 2}};
  for (const Intervention type : {Intervention::hard, Intervention::soft}) {
    const unmix::ProfileLikelihood f(problem, targets, type);
    MatrixXd gradient;
    f.value_and_gradient(h, parents, gradient);
    for (Index i = 0; i < 9; ++i) {
      const double step = 1e-5;
      MatrixXd up = h, down = h;
      up.data()[i] += step;
      down.data()[i] -= step;
      const double difference = (f.value(up, parents) - f.value(down, parents)) / (2.0 * step);
      EXPECT_NEAR(gradient.data()[i], difference, 1e-7);
    }
  }
}

TEST(Combinations, CountEachPairOfSignsOnce) {
  const Eigen::MatrixXi all = unmix::symmetric_combinations(3, 2);
  ASSERT_EQ(all.cols(), 62);
  EXPECT_EQ(unmix::combination_count(3, 2), 62.0);
  for (Index a = 0; a < all.cols(); ++a) {
    EXPECT_GT(all.col(a).cwiseAbs().sum(), 0);
    for (Index b = 0; b < a; ++b) EXPECT_GT((all.col(a) + all.col(b)).cwiseAbs().sum(), 0);
  }
  EXPECT_EQ(unmix::sparse_combinations(4, 4).cols(), 40);
  EXPECT_EQ(unmix::sparse_combinations(4, 2).cols(), 4 + 12);
  EXPECT_EQ(unmix::common_divisor(Eigen::Vector3i(-4, 0, 6)), 2);
}

MatrixXd random_blocks(Index size, std::uint64_t number) {
  Draws draws = RandomStream(Seed{92}, Purpose::test).at(number);
  MatrixXd a(size, size);
  for (double& value : a.reshaped()) value = draws.normal();
  return a * a.transpose();
}

TEST(PairMoments, AreThoseOfCombinedDifferences) {
  const Index k = 3, n = 4;
  const MatrixXd blocks = random_blocks(k * n, 1);
  const PairMoments moments(blocks, k);
  const VectorXd w = VectorXd::LinSpaced(k, -1.0, 2.0);
  MatrixXd sum = MatrixXd::Zero(n, k * n);  // d_w = sum d
  for (Index i = 0; i < k; ++i) sum.middleCols(i * n, n) = w(i) * MatrixXd::Identity(n, n);
  EXPECT_LT((moments.combined(w) - sum * blocks * sum.transpose()).norm(), 1e-12);
  const VectorXd u = VectorXd::LinSpaced(n, 0.5, 1.5);
  EXPECT_NEAR(w.dot(moments.along(u) * w), u.dot(moments.combined(w) * u), 1e-10);
  EXPECT_NEAR(w.dot(moments.traces() * w), moments.combined(w).trace(), 1e-10);
  const MatrixXd a = random_blocks(n, 2).leftCols(2);
  EXPECT_LT(
      (moments.in_coordinates(a).combined(w) - a.transpose() * moments.combined(w) * a).norm(),
      1e-9);
  const MatrixXd e = random_blocks(k, 3).leftCols(2);
  const VectorXd v = VectorXd::LinSpaced(2, 1.0, -2.0);
  EXPECT_LT((moments.recombined(e).combined(v) - moments.combined(e * v)).norm(), 1e-9);
}

TEST(CombinedSpectra, AreEigenvalues) {
  const PairMoments moments(random_blocks(12, 4), 3);
  const MatrixXd w = unmix::symmetric_combinations(3, 1).cast<double>();
  const auto spectra = unmix::combined_spectra(Backend::cpu(1).operations(), moments, w);
  for (Index c = 0; c < w.cols(); ++c) {
    const MatrixXd v = spectra.eigenvectors(c);
    const MatrixXd again = v * spectra.eigenvalues(c).asDiagonal() * v.transpose();
    EXPECT_LT((again - moments.combined(w.col(c))).norm(), 1e-9);
  }
}

TEST(MechanismSplit, FindsWhichEnvironmentsChangeALatent) {
  const MultiNodePopulation p = population(4, 4, Intervention::hard, 6);
  const unmix::LinearProblem problem = unmix::linear_problem(p.moments);
  const MatrixXd encoder = as_eigen(p.mixing).inverse();
  unmix::ParentSets parents;
  for (std::size_t i = 0; i < 4; ++i) {
    const auto set = p.model.graph().parents(i);
    parents.emplace_back(set.begin(), set.end());
  }
  const TargetSets none(problem.interventions());
  const TargetSets found =
      unmix::split_mechanisms(problem, encoder, parents, Intervention::hard, none);
  const auto truth = true_targets(p);
  for (std::size_t k = 0; k < truth.size(); ++k) {
    EXPECT_EQ(std::vector<std::size_t>(found[k].begin(), found[k].end()), truth[k]);
  }
  for (const double d : unmix::deviances(problem, encoder, parents, Intervention::hard, found)) {
    EXPECT_NEAR(d, 0.0, 1e-4);
  }
}

}  // namespace
}  // namespace lodestein
