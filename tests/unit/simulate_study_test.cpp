#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <cmath>
#include <limits>
#include <set>
#include <string>

#include "core/eigen.hpp"
#include "lodestein/simulate/study.hpp"
#include "tests/unit/simulate_support.hpp"

namespace lodestein {
namespace {

using test::message_of;
using testing::ElementsAre;
using testing::HasSubstr;

StudyOptions small() {
  StudyOptions options;
  options.latent.latents = 4;
  options.mixing.observed = 6;
  options.samples = 50;
  return options;
}

std::vector<std::size_t> first_targets(const StudyTruth& truth) {
  std::vector<std::size_t> result;
  for (std::size_t m = 1; m < truth.interventions.size(); ++m) {
    result.push_back(truth.interventions[m].targets.at(0));
  }
  return result;
}

TEST(Study, HasNamesThatTellNothingAndSamplesThatAreTheMixedLatents) {
  const Study study = simulate_study(small(), Seed{1});
  EXPECT_THAT(study.dataset.features, ElementsAre("x1", "x2", "x3", "x4", "x5", "x6"));
  ASSERT_EQ(study.dataset.environments.size(), 5u);
  ASSERT_EQ(study.truth.latents.size(), 5u);
  EXPECT_EQ(study.dataset.environments[0].name, "obs");
  EXPECT_EQ(study.dataset.environments[4].name, "do4");
  EXPECT_TRUE(study.truth.interventions[0].targets.empty());
  const auto mixed = study.truth.mixing.apply(Backend::cpu(), study.truth.latents);
  for (std::size_t m = 0; m < 5; ++m) {
    const Environment& environment = study.dataset.environments[m];
    EXPECT_TRUE(environment.targets.empty());
    EXPECT_EQ(study.truth.latents[m].rows(), 50u);
    EXPECT_EQ(environment.samples, mixed[m]);
    if (m > 0) {
      EXPECT_NE(environment.samples, study.dataset.environments[m - 1].samples);
    }
  }
  EXPECT_EQ(study.seed, Seed{1});
  EXPECT_EQ(study.options.samples, 50u);
}

TEST(Study, SingleDesignHitsEveryLatentOnceInRandomOrder) {
  StudyOptions options = small();
  std::set<std::vector<std::size_t>> orders;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    options.random_intervention_order = true;
    const auto order = first_targets(simulate_study(options, Seed{seed}).truth);
    EXPECT_EQ(std::set(order.begin(), order.end()), (std::set<std::size_t>{0, 1, 2, 3}));
    orders.insert(order);
    options.random_intervention_order = false;
    EXPECT_THAT(first_targets(simulate_study(options, Seed{seed}).truth), ElementsAre(0, 1, 2, 3));
  }
  EXPECT_GT(orders.size(), 14u);  // of 24; 21 are expected
}

TEST(Study, PairsDesignHitsEveryLatentTwiceInTheSameOrder) {
  StudyOptions options = small();
  options.design = InterventionDesign::pairs;
  options.second_variance_increase = 0.5;
  const Study study = simulate_study(options, Seed{3});
  ASSERT_EQ(study.dataset.interventions(), 8u);
  for (std::size_t m = 1; m <= 4; ++m) {
    const auto& first = study.truth.interventions[m];
    const auto& second = study.truth.interventions[m + 4];
    EXPECT_EQ(first.targets, second.targets);
    EXPECT_EQ(first.variance_scale, 0.25);
    EXPECT_EQ(second.variance_scale, 4.0);
    EXPECT_EQ(second.variance_increase, 0.5);
    EXPECT_EQ(second.type, Intervention::hard);
  }
}

Eigen::MatrixXd target_matrix(const StudyTruth& truth, Eigen::Index latents) {
  Eigen::MatrixXd result = Eigen::MatrixXd::Zero(latents, latents);
  for (std::size_t m = 1; m < truth.interventions.size(); ++m) {
    for (const std::size_t target : truth.interventions[m].targets) {
      result(static_cast<Eigen::Index>(target), static_cast<Eigen::Index>(m - 1)) = 1.0;
    }
  }
  return result;
}

TEST(Study, MultiDesignHasInvertibleTargets) {
  StudyOptions options = small();
  options.design = InterventionDesign::multi;
  options.intervention = Intervention::soft;
  options.soft_factor = 0.75;
  std::size_t multiple = 0, unordered = 0;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    options.random_intervention_order = true;
    const StudyTruth truth = simulate_study(options, Seed{seed}).truth;
    const Eigen::MatrixXd shuffled = target_matrix(truth, 4);
    EXPECT_NEAR(std::abs(shuffled.determinant()), 1.0, 1e-12);
    EXPECT_EQ(truth.interventions[1].soft_factor, 0.75);
    multiple += shuffled.sum() > 4.0;
    unordered += !shuffled.isUpperTriangular();
    options.random_intervention_order = false;
    const auto ordered = target_matrix(simulate_study(options, Seed{seed}).truth, 4);
    EXPECT_TRUE(ordered.isUpperTriangular());
    EXPECT_EQ(ordered.diagonal().sum(), 4.0);
  }
  EXPECT_GT(multiple, 25u);
  EXPECT_GT(unordered, 15u);
}

TEST(Study, LatentsWithoutAnEnvironmentAreRandomOnes) {
  StudyOptions options = small();
  options.unhit = 1;
  std::set<std::size_t> missing;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const Study study = simulate_study(options, Seed{seed});
    ASSERT_EQ(study.dataset.interventions(), 3u);
    EXPECT_EQ(study.truth.latents.front().cols(), 4u);
    const auto hit = first_targets(study.truth);
    EXPECT_EQ(std::set(hit.begin(), hit.end()).size(), 3u);
    missing.insert(6 - hit[0] - hit[1] - hit[2]);
  }
  EXPECT_EQ(missing.size(), 4u);
  options.design = InterventionDesign::pairs;
  EXPECT_EQ(simulate_study(options, Seed{1}).dataset.interventions(), 6u);
  options.design = InterventionDesign::single;
  options.random_intervention_order = false;
  EXPECT_THAT(first_targets(simulate_study(options, Seed{1}).truth), ElementsAre(0, 1, 2));
  EXPECT_EQ(simulate_moments(options, Seed{1}).moments.size(), 4u);
}

TEST(Study, TheShareOfIntervenedSamplesIsThatOfEveryIntervention) {
  StudyOptions options = small();
  options.intervened_share = 0.5;
  options.design = InterventionDesign::pairs;
  const Study study = simulate_study(options, Seed{1});
  EXPECT_EQ(study.truth.interventions[0].share, 1.0);
  for (std::size_t m = 1; m <= 8; ++m) EXPECT_EQ(study.truth.interventions[m].share, 0.5);
}

TEST(Study, SameBitsForAnyThreadCount) {
  StudyOptions options = small();
  options.samples = 17003;
  options.observation_noise = 0.1;
  for (const MixingFamily family : {MixingFamily::linear, MixingFamily::mlp}) {
    options.mixing.family = family;
    const auto run = [&](int threads) {
      const test::ThreadCount count(threads);
      std::vector<Matrix> samples;
      const Study study = simulate_study(options, Seed{9});
      for (const auto& environment : study.dataset.environments) {
        samples.push_back(environment.samples);
      }
      return samples;
    };
    const auto expected = run(1);
    EXPECT_EQ(run(2), expected);
    EXPECT_EQ(run(7), expected);
  }
}

TEST(Study, FewerSamplesAreTheFirstOfMore) {
  StudyOptions options = small();
  options.observation_noise = 0.1;
  const Study few = simulate_study(options, Seed{9});
  options.samples = 80;
  const Study many = simulate_study(options, Seed{9});
  for (std::size_t m = 0; m < 5; ++m) {
    const Matrix& a = few.dataset.environments[m].samples;
    const Matrix& b = many.dataset.environments[m].samples;
    EXPECT_TRUE(std::equal(a.data(), a.data() + 50 * 6, b.data()));
  }
}

// Soft, linear, 0 -> 1 with weight w and unit variances: d = s - s^1 has first component
// w (r - c (r + (1 - c) w z_0) / v), r standard normal and independent of z_0.
TEST(WeakestEdge, IsExactForALinearPair) {
  const double w = 0.8, c = 0.5, v = 0.25;
  const LatentModel model(Matrix{{0, w}, {0, 0}}, {1.0, 1.0});
  const double on_noise = w * (1 - c / v), on_parent = w * c * (1 - c) * w / v;
  const double expected = on_noise * on_noise + on_parent * on_parent;
  EXPECT_NEAR(weakest_edge(model, {{}, test::on({1}, Intervention::soft)}, Seed{}), expected,
              1e-12);
  EXPECT_NEAR(weakest_edge(model, {test::on({0, 1}, Intervention::soft)}, Seed{}), expected, 1e-12);
}

TEST(WeakestEdge, IsInfiniteWithoutEdgesAndAMeanOverSamplesOtherwise) {
  const LatentModel model = test::dense_model(LatentFamily::mlp);
  const std::vector<InterventionSpec> all{test::on({0}), test::on({1}), test::on({2}),
                                          test::on({3}), test::on({4})};
  const double weakest = weakest_edge(model, all, Seed{1});
  EXPECT_GT(weakest, 0.0);
  EXPECT_EQ(weakest, weakest_edge(model, all, Seed{1}));
  EXPECT_TRUE(
      std::isinf(weakest_edge(LatentModel(Matrix(2, 2), {1, 1}), {test::on({0})}, Seed{1})));
}

TEST(Study, WeakEdgeFilterIsHonouredAndItsRedrawsAreCounted) {
  StudyOptions options = small();
  options.latent.family = LatentFamily::quadratic;
  options.intervention = Intervention::soft;
  options.weak_edge_filter = 0.3;
  std::size_t redraws = 0;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const StudyTruth truth = simulate_study(options, Seed{seed}).truth;
    EXPECT_GE(weakest_edge(truth.model, truth.interventions, Seed{seed}), 0.3);
    for (std::uint32_t redraw = 0; redraw < truth.redraws; ++redraw) {
      const LatentModel refused(options.latent, Seed{seed}, redraw);
      EXPECT_LT(weakest_edge(refused, truth.interventions, Seed{seed}), 0.3);
    }
    redraws += truth.redraws;
  }
  EXPECT_GT(redraws, 0u);
  options.weak_edge_filter = 0.0;
  EXPECT_EQ(simulate_study(options, Seed{1}).truth.redraws, 0u);
}

TEST(SimulateMoments, SharesItsTruthWithTheSampledStudy) {
  StudyOptions options = small();
  options.weak_edge_filter = 0.02;
  const LinearStudy drawn = simulate_moments(options, Seed{4});
  const Study study = simulate_study(options, Seed{4});
  EXPECT_EQ(drawn.truth.model.weights(), study.truth.model.weights());
  EXPECT_EQ(drawn.truth.mixing.layers(), study.truth.mixing.layers());
  EXPECT_EQ(first_targets(drawn.truth), first_targets(study.truth));
  EXPECT_TRUE(drawn.truth.latents.empty());
  ASSERT_EQ(drawn.moments.size(), 5u);
  EXPECT_EQ(drawn.moments[0].name, "obs");
  EXPECT_EQ(drawn.moments[2].name, "do2");
  EXPECT_EQ(drawn.moments[2].samples, 50u);
  EXPECT_TRUE(drawn.moments[2].targets.empty());
  EXPECT_EQ(drawn.moments[2].covariance, simulate_moments(options, Seed{4}).moments[2].covariance);
}

TEST(SimulateMoments, CovarianceHasTheRankOfTheLatentsUnlessThereIsNoise) {
  StudyOptions options = small();
  const auto smallest_ratio = [&](Eigen::Index skip) {
    const Matrix covariance = simulate_moments(options, Seed{4}).moments[1].covariance;
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(as_eigen(covariance));
    return solver.eigenvalues()(skip) / solver.eigenvalues()(5);
  };
  EXPECT_LT(std::abs(smallest_ratio(1)), 1e-14);
  EXPECT_GT(smallest_ratio(2), 1e-6);
  options.observation_noise = 0.5;
  EXPECT_GT(smallest_ratio(0), 1e-3);
}

TEST(SimulateMoments, RefusesWhatHasNoKnownLaw) {
  StudyOptions options = small();
  options.latent.family = LatentFamily::mlp;
  EXPECT_THAT(message_of<InvalidArgument>([&] { simulate_moments(options, Seed{}); }),
              HasSubstr("must both be linear"));
  options = small();
  options.mixing.family = MixingFamily::tanh;
  EXPECT_THROW(simulate_moments(options, Seed{}), InvalidArgument);
  options = small();
  options.latent.noise = NoiseFamily::laplace;
  EXPECT_EQ(message_of<InvalidArgument>([&] { simulate_moments(options, Seed{}); }),
            "option noise = laplace: must be gaussian for simulate_moments");
  options = small();
  options.intervened_share = 0.5;
  EXPECT_EQ(message_of<InvalidArgument>([&] { simulate_moments(options, Seed{}); }),
            "option intervened_share = 0.5: must be 1 for simulate_moments");
  options = small();
  options.samples = 4;
  EXPECT_EQ(message_of<InvalidArgument>([&] { simulate_moments(options, Seed{}); }),
            "option samples = 4: must be greater than latents = 4 for simulate_moments");
  options.samples = 6;
  EXPECT_NO_THROW(simulate_moments(options, Seed{}));
  options.observation_noise = 0.1;
  EXPECT_EQ(message_of<InvalidArgument>([&] { simulate_moments(options, Seed{}); }),
            "option samples = 6: must be greater than observed = 6 for simulate_moments");
}

TEST(Study, RefusesOptionsOutOfRange) {
  const auto refuse = [](auto change) {
    StudyOptions options = small();
    change(options);
    return message_of<InvalidArgument>([&] { simulate_study(options, Seed{}); });
  };
  const auto pairs = [](StudyOptions& o) { o.design = InterventionDesign::pairs; };
  EXPECT_EQ(refuse([](auto& o) { o.samples = 0; }), "option samples = 0: must be at least 1");
  EXPECT_THAT(refuse([](auto& o) { o.latent.latents = 0; }), HasSubstr("latents = 0"));
  EXPECT_THAT(refuse([](auto& o) { o.mixing.observed = 3; }), HasSubstr("observed = 3"));
  EXPECT_THAT(refuse([](auto& o) { o.variance_scale = -1; }), HasSubstr("variance_scale = -1"));
  EXPECT_EQ(
      refuse([](auto& o) { o.variance_increase = -0.5; }),
      "option variance_increase = -0.5: must be large enough that variance_scale * variance + "
      "variance_increase is greater than 0 for every noise variance");
  EXPECT_THAT(refuse([](auto& o) { o.soft_factor = NAN; }), HasSubstr("soft_factor = nan"));
  EXPECT_THAT(refuse([](auto& o) { o.weak_edge_filter = -1; }), HasSubstr("weak_edge_filter = -1"));
  EXPECT_THAT(refuse([](auto& o) { o.observation_noise = -1; }),
              HasSubstr("observation_noise = -1"));
  for (const double share : {0.0, 1.5, double(NAN)}) {
    EXPECT_THAT(refuse([=](auto& o) { o.intervened_share = share; }),
                HasSubstr("must be greater than 0 and at most 1"));
  }
  EXPECT_EQ(refuse([](auto& o) { o.unhit = 4; }),
            "option unhit = 4: must be less than latents = 4");
  EXPECT_EQ(refuse([](auto& o) {
              o.unhit = 1;
              o.design = InterventionDesign::multi;
            }),
            "option unhit = 1: must be 0 for design = multi");
  EXPECT_THAT(refuse([&](auto& o) {
                pairs(o);
                o.second_variance_scale = 0.0;
              }),
              HasSubstr("second_variance_scale"));
  EXPECT_THAT(refuse([&](auto& o) {
                pairs(o);
                o.second_variance_scale = 0.25;
              }),
              HasSubstr("the two environments of a pair would be the same"));
  EXPECT_EQ(refuse([&](auto& o) {
              pairs(o);
              o.intervention = Intervention::soft;
            }),
            "option intervention = soft: must be hard for design = pairs");
  EXPECT_THAT(refuse([](auto& o) {
                o.latent.density = 1.0;
                o.weak_edge_filter = 1e6;
              }),
              HasSubstr("weak_edge_filter = 1e+06: none of 10000 models"));
}

class StopAfter : public Observer {
 public:
  explicit StopAfter(std::size_t environments) : environments_(environments) {}
  void progress(std::string_view, std::size_t done, std::size_t total) override {
    done_ = done;
    total_ = total;
  }
  bool cancelled() const override { return done_ >= environments_; }
  std::size_t done() const { return done_; }
  std::size_t total() const { return total_; }

 private:
  std::size_t environments_, done_ = 0, total_ = 0;
};

// Largest difference of two matrices of one size.
double largest_difference(const Matrix& a, const Matrix& b) {
  double largest = 0.0;
  for (std::size_t i = 0; i < a.rows() * a.cols(); ++i)
    largest = std::max(largest, std::abs(a.data()[i] - b.data()[i]));
  return largest;
}

bool has_simt() {
  try {
    Backend::simt();
    return true;
  } catch (const NotCompiled&) {
    return false;
  }
}

// Where a backend can't, for noise or shares or size, the host does it, with the same draws.
TEST(Study, DrawsTheSameOnEveryBackendUpToRounding) {
  StudyOptions nonlinear = small(), shared = small(), wide = small();
  nonlinear.latent.family = LatentFamily::mlp;
  nonlinear.mixing.family = MixingFamily::mlp;
  shared.intervened_share = 0.5;
  wide.latent.latents = 200;
  wide.latent.density = 0.01;
  wide.mixing.observed = 201;
  wide.mixing.minimum_conditioning = 0.0;
  wide.samples = 3;
  for (const StudyOptions& options : {small(), nonlinear, shared, wide}) {
    const Study expected = simulate_study(Backend::reference(), options, Seed{3});
    for (const std::string name : {"cpu", "simt"}) {
      if (name == "simt" && !has_simt()) continue;
      const Study study = simulate_study(Backend::named(name, 3), options, Seed{3});
      ASSERT_EQ(study.truth.latents.size(), expected.truth.latents.size());
      for (std::size_t m = 0; m < study.truth.latents.size(); ++m) {
        EXPECT_LT(largest_difference(study.truth.latents[m], expected.truth.latents[m]), 1e-11);
        EXPECT_LT(largest_difference(study.dataset.environments[m].samples,
                                     expected.dataset.environments[m].samples),
                  1e-11);
      }
    }
    EXPECT_EQ(simulate_study(Backend::cpu(3), options, Seed{3}).truth.latents,
              simulate_study(Backend::cpu(1), options, Seed{3}).truth.latents);
  }
}

TEST(Study, ReportsProgressAndStopsWhenAsked) {
  StopAfter never(100), soon(2);
  simulate_study(small(), Seed{1}, never);
  EXPECT_EQ(never.done(), 5u);
  EXPECT_EQ(never.total(), 5u);
  EXPECT_THROW(simulate_study(small(), Seed{1}, soon), Cancelled);
  EXPECT_EQ(soon.done(), 2u);
}

}  // namespace
}  // namespace lodestein
