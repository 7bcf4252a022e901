// Corners of fit(): one latent, few controls, unusual units, many latents, findings that are rare.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "lodestein/core/error.hpp"
#include "lodestein/simulate/study.hpp"
#include "lodestein/unmix/fit.hpp"
#include "unmix_support.hpp"

namespace lodestein {
namespace {

using test::message_of;
using test::Population;
using test::population_of;
using test::scaled;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const Finding* find(const FitResult& result, const std::string& code) {
  for (const Finding& finding : result.diagnosis.findings) {
    if (finding.code == code) return &finding;
  }
  return nullptr;
}

Study study_of(std::size_t latents, std::size_t samples, Intervention intervention,
               InterventionDesign design = InterventionDesign::single) {
  StudyOptions options;
  options.latent.latents = latents;
  options.mixing.observed = latents + 2;
  options.samples = samples;
  options.intervention = intervention;
  options.design = design;
  return simulate_study(options, Seed{3});
}

TEST(UnmixEdge, OneLatent) {
  for (const Intervention type : {Intervention::hard, Intervention::soft}) {
    const Study study = study_of(1, 500, type);
    FitOptions options;
    options.intervention = type;
    options.bootstrap = 3;
    const FitResult result = fit(Backend::cpu(1), study.dataset, options);
    EXPECT_FALSE(result.failed());
    EXPECT_EQ(result.graph.nodes(), 1u);
    EXPECT_TRUE(std::isfinite(result.objective));
    // One latent behind noise-free features: the encoder is exact up to scale.
    const Matrix z = encode(result, study.dataset.observational().samples);
    const double scale = z(0, 0) - z(1, 0);
    const Matrix& truth = study.truth.latents[0];
    EXPECT_NEAR((z(2, 0) - z(3, 0)) / scale,
                (truth(2, 0) - truth(3, 0)) / (truth(0, 0) - truth(1, 0)), 1e-6);
  }
}

TEST(UnmixEdge, SeveralTargetsAreSuspected) {
  const LatentModel model(Matrix(4, 4), {1, 1, 1, 1});
  Population population = population_of(LatentModel(Matrix(4, 4), {1, 1, 1, 1}),
                                        Mixing(4, {.observed = 6}, Seed{1}).layers()[0],
                                        {0, 1, 2, 3}, scaled(0.25), 20000);
  InterventionSpec three = scaled(0.25);
  three.targets = {0, 1, 2};
  population.latent[2] = test::exact_moments(model, three, "broad", 20000);
  const FitResult result =
      fit(Backend::cpu(1), transformed(population.latent, population.mixing), {});
  const Finding* several = find(result, "several-targets");
  ASSERT_NE(several, nullptr);
  EXPECT_THAT(several->message, AllOf(HasSubstr("'broad'"), Not(HasSubstr("'e1'"))));
  const Finding* misfit = find(result, "model-misfit");
  ASSERT_NE(misfit, nullptr);
  EXPECT_THAT(misfit->message, HasSubstr("'broad'"));
}

// Resampling 6 controls leaves too few different rows for a covariance of 4 latents; that is said,
// and no rank is claimed to be missing.
TEST(UnmixEdge, TooFewControlsForANull) {
  Study study = study_of(4, 400, Intervention::hard);
  Matrix& controls = study.dataset.environments[0].samples;
  controls = Matrix(ConstMatrixView(controls.data(), 6, controls.cols()));
  const FitResult result = fit(Backend::cpu(1), study.dataset, {});
  EXPECT_NE(find(result, "no-null"), nullptr);
  EXPECT_EQ(find(result, "rank-too-low"), nullptr);
  EXPECT_EQ(find(result, "weak-environment"), nullptr);
  for (const EnvironmentDiagnosis& e : result.diagnosis.environments) {
    EXPECT_TRUE(std::isnan(e.p_value));
    EXPECT_TRUE(std::isnan(e.null_effect));
  }
}

TEST(UnmixEdge, AFewSamplesLookLikeNothing) {
  Study study = study_of(4, 2000, Intervention::hard);
  Environment& tiny = study.dataset.environments[1];
  const Matrix& controls = study.dataset.environments[0].samples;
  tiny.samples = Matrix(ConstMatrixView(controls.row(100), 6, controls.cols()));
  const FitResult result = fit(Backend::cpu(1), study.dataset, {});
  EXPECT_GT(result.diagnosis.environments[0].p_value, 0.05);
  EXPECT_GT(result.diagnosis.environments[0].null_effect, 1.0);  // six samples are that noisy
}

TEST(UnmixEdge, WithoutRefinementSurplusEnvironmentsAreNotUsed) {
  const Study study = study_of(3, 2000, Intervention::hard, InterventionDesign::pairs);
  FitOptions options;
  options.latents = 3;
  options.method = UnmixMethod::lscale;
  const FitResult result = fit(Backend::cpu(1), study.dataset, options);
  EXPECT_NE(find(result, "not-used"), nullptr);
  EXPECT_EQ(find(result, "no-target"), nullptr);
  EXPECT_EQ(std::count_if(result.targets.begin(), result.targets.end(),
                          [](const EnvironmentTarget& t) { return !t.latents.empty(); }),
            3);
}

// Every replicate must name the latents after the same environments.
TEST(UnmixEdge, BootstrapKeepsTheChosenEnvironments) {
  const Study study = study_of(4, 4000, Intervention::hard, InterventionDesign::pairs);
  FitOptions options;
  options.latents = 4;
  options.bootstrap = 20;
  const FitResult result = fit(Backend::cpu(2), study.dataset, options);
  ASSERT_FALSE(result.edges.empty());
  for (const LatentEdge& edge : result.edges) {
    if (edge.likelihood_ratio < 200.0) continue;
    EXPECT_GE(edge.support, 0.9) << edge.from << " -> " << edge.to;
  }
}

TEST(UnmixEdge, UnitsOfTheFeaturesChangeNothing) {
  const Study study = study_of(5, 1000, Intervention::hard);
  const FitResult plain = fit(Backend::cpu(1), study.dataset, {});
  ASSERT_FALSE(plain.edges.empty());
  for (const double unit : {1e-90, 1e-6, 1e12, 1e90}) {
    SCOPED_TRACE(unit);
    Dataset dataset = study.dataset;
    for (Environment& e : dataset.environments) {
      for (std::size_t k = 0; k < e.samples.rows() * e.samples.cols(); ++k)
        e.samples.data()[k] *= unit;
    }
    const FitResult result = fit(Backend::cpu(1), dataset, {});
    EXPECT_EQ(result.graph, plain.graph);
    for (std::size_t i = 0; i < std::min(result.edges.size(), plain.edges.size()); ++i) {
      EXPECT_NEAR(result.edges[i].likelihood_ratio / plain.edges[i].likelihood_ratio, 1.0, 1e-3);
    }
  }
}

// Beyond the exact search for the closest acyclic graph the result must still be acyclic.
TEST(UnmixEdge, ManyLatentsWithoutRefinementAreAcyclic) {
  LatentModelOptions latent;
  latent.latents = 26;
  std::vector<std::size_t> targets(26);
  for (std::size_t i = 0; i < targets.size(); ++i) targets[i] = i;
  Population population =
      population_of(LatentModel(latent, Seed{5}), Matrix::identity(26), targets, scaled(0.25));
  FitOptions options;
  options.method = UnmixMethod::lscale;
  options.null_splits = 0;
  const FitResult result = fit(Backend::cpu(1), population.observed, options);
  EXPECT_GT(result.graph.edge_count(), 0u);
  EXPECT_TRUE(is_acyclic(result.graph));
  EXPECT_EQ(result.order.size(), 26u);
}

TEST(UnmixEdge, MomentsThatAreNoMoments) {
  const auto good = test::random_population(3, 5, 1, scaled(0.25), 1000).observed;
  const auto refused = [](const std::vector<EnvironmentMoments>& moments) {
    return message_of<InvalidArgument>([&] { fit(Backend::cpu(1), moments); });
  };
  auto skew = good;
  skew[1].covariance(0, 1) += 1.0;
  EXPECT_THAT(refused(skew), AllOf(HasSubstr("'e1'"), HasSubstr("symmetric")));
  auto hole = good;
  hole[2].covariance(1, 1) = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(refused(hole), AllOf(HasSubstr("'e2'"), HasSubstr("finite")));
  auto narrow = good;
  narrow[3].covariance = Matrix(4, 4);
  EXPECT_THROW(fit(Backend::cpu(1), narrow), DimensionMismatch);
  EXPECT_THAT(refused(narrow), AllOf(HasSubstr("'e3'"), HasSubstr("4 x 4")));
}

}  // namespace
}  // namespace lodestein
