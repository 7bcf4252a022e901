#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "lodestein/core/error.hpp"
#include "lodestein/simulate/study.hpp"
#include "lodestein/unmix/fit.hpp"
#include "unmix_support.hpp"

namespace lodestein {
namespace {

using test::message_of;
using test::Population;
using test::population_of;
using test::random_population;
using test::scaled;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

StudyOptions small_study(std::size_t n = 3, std::size_t samples = 2000) {
  StudyOptions options;
  options.latent.latents = n;
  options.mixing.observed = n + 3;
  options.samples = samples;
  return options;
}

Dataset small_dataset(std::uint64_t seed = 1) {
  return simulate_study(small_study(), Seed{seed}).dataset;
}

FitOptions quick() {
  FitOptions options;
  options.null_splits = 16;
  return options;
}

std::vector<std::string> codes(const FitResult& result) {
  std::vector<std::string> found;
  for (const Finding& finding : result.diagnosis.findings) found.push_back(finding.code);
  return found;
}

bool same(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

void expect_same_estimate(const FitResult& a, const FitResult& b) {
  EXPECT_EQ(a.encoder, b.encoder);
  EXPECT_EQ(a.decoder, b.decoder);
  EXPECT_EQ(a.centre, b.centre);
  EXPECT_EQ(a.graph, b.graph);
  EXPECT_EQ(a.order, b.order);
  EXPECT_EQ(a.score_differences, b.score_differences);
  EXPECT_TRUE(same(a.objective, b.objective));
  ASSERT_EQ(a.edges.size(), b.edges.size());
  for (std::size_t e = 0; e < a.edges.size(); ++e) {
    EXPECT_EQ(a.edges[e].from, b.edges[e].from);
    EXPECT_EQ(a.edges[e].to, b.edges[e].to);
    EXPECT_EQ(a.edges[e].weight, b.edges[e].weight);
    EXPECT_TRUE(same(a.edges[e].likelihood_ratio, b.edges[e].likelihood_ratio));
    EXPECT_TRUE(same(a.edges[e].p_value, b.edges[e].p_value));
  }
  ASSERT_EQ(a.targets.size(), b.targets.size());
  for (std::size_t k = 0; k < a.targets.size(); ++k) {
    EXPECT_EQ(a.targets[k].latents, b.targets[k].latents);
    EXPECT_TRUE(same(a.targets[k].gain, b.targets[k].gain));
  }
}

void expect_same_bits(const FitResult& a, const FitResult& b) {
  expect_same_estimate(a, b);
  EXPECT_EQ(a.edge_support, b.edge_support);
  EXPECT_EQ(codes(a), codes(b));
  ASSERT_EQ(a.diagnosis.environments.size(), b.diagnosis.environments.size());
  for (std::size_t m = 0; m < a.diagnosis.environments.size(); ++m) {
    const auto &x = a.diagnosis.environments[m], &y = b.diagnosis.environments[m];
    EXPECT_EQ(x.singular_values, y.singular_values);
    EXPECT_EQ(x.effect, y.effect);
    EXPECT_EQ(x.null_effect, y.null_effect);
    EXPECT_EQ(x.p_value, y.p_value);
    EXPECT_TRUE(same(x.deviance_per_dof, y.deviance_per_dof));
  }
}

// ---- what the result holds

TEST(UnmixFit, DescribesItself) {
  const Dataset dataset = small_dataset();
  const FitResult result = fit(Backend::cpu(1), dataset, quick(), Seed{7});
  EXPECT_EQ(result.backend, "cpu");
  EXPECT_EQ(result.seed, Seed{7});
  EXPECT_EQ(result.options.latents, 3u) << "0 is replaced by the number found";
  EXPECT_EQ(result.features, dataset.features);
  EXPECT_EQ(result.latent_names, (std::vector<std::string>{"Z1", "Z2", "Z3"}));
  EXPECT_EQ(result.encoder.rows(), 3u);
  EXPECT_EQ(result.encoder.cols(), 6u);
  EXPECT_THAT(result.identified, HasSubstr("DAG"));
  EXPECT_FALSE(result.assumptions.empty());
  ASSERT_EQ(result.targets.size(), 3u);
  for (std::size_t k = 0; k < 3; ++k) {
    EXPECT_EQ(result.targets[k].environment, dataset.environments[k + 1].name);
    EXPECT_EQ(result.targets[k].latents, std::vector<std::size_t>{k});
    EXPECT_GT(result.targets[k].gain, 0.0);
  }
  for (const LatentEdge& edge : result.edges) {
    EXPECT_GE(edge.likelihood_ratio, std::log(4 * 2000.0));
    EXPECT_LT(edge.p_value, 0.01);
    EXPECT_TRUE(std::isnan(edge.support));
  }
  EXPECT_EQ(result.edges.size(), result.graph.edge_count());
  EXPECT_TRUE(result.edge_support.empty());
  std::vector<std::string> stages;
  for (const StageTime& time : result.timings) {
    stages.push_back(time.stage);
    EXPECT_GE(time.seconds, 0.0);
  }
  EXPECT_EQ(stages, (std::vector<std::string>{"moments", "subspace", "diagnosis", "unmixing"}));
}

TEST(UnmixFit, EncodeCentresAndMaps) {
  const Dataset dataset = small_dataset();
  const FitResult result = fit(Backend::cpu(1), dataset, quick());
  const Matrix& x = dataset.observational().samples;
  const Matrix z = encode(result, x);
  ASSERT_EQ(z.rows(), x.rows());
  ASSERT_EQ(z.cols(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    double mean = 0.0, square = 0.0;
    for (std::size_t k = 0; k < z.rows(); ++k) {
      mean += z(k, i) / double(z.rows());
      square += z(k, i) * z(k, i) / double(z.rows());
    }
    EXPECT_NEAR(mean, 0.0, 1e-10);
    EXPECT_NEAR(square, 1.0, 1e-10);
  }
  EXPECT_THAT(message_of<DimensionMismatch>([&] { encode(result, Matrix(2, 5)); }),
              AllOf(HasSubstr("6 features"), HasSubstr("5")));
}

TEST(UnmixFit, FromSamplesEqualsFromTheirMoments) {
  const Backend backend = Backend::cpu(2);
  const Dataset dataset = small_dataset(2);
  const FitResult samples = fit(backend, dataset, quick());
  const FitResult moments = fit(backend, compute_moments(backend, dataset), quick());
  expect_same_estimate(samples, moments);
  EXPECT_EQ(samples.diagnosis.pooled_eigenvalues, moments.diagnosis.pooled_eigenvalues);
  for (std::size_t m = 0; m < 3; ++m) {
    EXPECT_EQ(samples.diagnosis.environments[m].effect, moments.diagnosis.environments[m].effect);
    // Only the null differs: splits of the rows there, draws of a covariance here.
    EXPECT_NEAR(samples.diagnosis.environments[m].null_effect,
                moments.diagnosis.environments[m].null_effect,
                0.5 * moments.diagnosis.environments[m].null_effect);
  }
}

TEST(UnmixFit, WithoutRefinementSaysSoByNaN) {
  for (const UnmixMethod method :
       {UnmixMethod::lscale, UnmixMethod::lcd, UnmixMethod::finite_sample}) {
    FitOptions options = quick();
    options.method = method;
    const FitResult result = fit(Backend::cpu(1), small_dataset(3), options);
    EXPECT_TRUE(std::isnan(result.objective));
    for (const LatentEdge& edge : result.edges) {
      EXPECT_TRUE(std::isnan(edge.likelihood_ratio));
      EXPECT_TRUE(std::isnan(edge.p_value));
      EXPECT_TRUE(std::isfinite(edge.weight));
    }
    for (const EnvironmentTarget& target : result.targets) EXPECT_TRUE(std::isnan(target.gain));
    for (const auto& e : result.diagnosis.environments) EXPECT_TRUE(std::isnan(e.deviance_per_dof));
  }
}

TEST(UnmixFit, ThresholdsDecideEdgesWithoutRefinement) {
  FitOptions options = quick();
  options.method = UnmixMethod::lscale;
  const Dataset dataset = small_dataset(3);
  options.lscale_edge_threshold = 1e6;
  EXPECT_EQ(fit(Backend::cpu(1), dataset, options).graph.edge_count(), 0u);
  options.lscale_edge_threshold = 1e-12;
  EXPECT_EQ(fit(Backend::cpu(1), dataset, options).graph.edge_count(), 3u);
  options.method = UnmixMethod::lcd;
  options.lcd_edge_threshold = 1e6;
  EXPECT_EQ(fit(Backend::cpu(1), dataset, options).graph.edge_count(), 0u);
  options.lcd_edge_threshold = 1e-12;
  EXPECT_EQ(fit(Backend::cpu(1), dataset, options).graph.edge_count(), 3u);
}

// ---- symmetries

TEST(UnmixFit, SameBitsForAnyNumberOfThreads) {
  FitOptions options = quick();
  options.bootstrap = 12;
  const Dataset dataset = small_dataset(4);
  const auto moments = compute_moments(Backend::cpu(1), dataset);
  const FitResult samples = fit(Backend::cpu(1), dataset, options, Seed{5});
  const FitResult drawn = fit(Backend::cpu(1), moments, options, Seed{5});
  for (const int threads : {1, 2, 7}) {
    expect_same_bits(fit(Backend::cpu(threads), dataset, options, Seed{5}), samples);
    expect_same_bits(fit(Backend::cpu(threads), moments, options, Seed{5}), drawn);
  }
}

TEST(UnmixFit, ReferenceAndCpuAgree) {
  const Dataset dataset = small_dataset(5);
  const FitResult reference = fit(Backend::reference(), dataset, quick());
  const FitResult cpu = fit(Backend::cpu(2), dataset, quick());
  EXPECT_EQ(reference.backend, "reference");
  EXPECT_EQ(reference.graph, cpu.graph);
  EXPECT_NEAR(reference.objective, cpu.objective, 1e-10);
}

TEST(UnmixFit, OrderOfEnvironmentsIsOnlyAName) {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const LinearStudy study = simulate_moments(small_study(5, 20000), Seed{seed});
    const std::vector<std::size_t> order{3, 0, 4, 2, 1};
    std::vector<EnvironmentMoments> reordered{study.moments[0]};
    for (const std::size_t k : order) reordered.push_back(study.moments[k + 1]);
    const FitResult a = fit(Backend::cpu(1), study.moments, quick());
    const FitResult b = fit(Backend::cpu(1), reordered, quick());
    EXPECT_EQ(b.graph, permuted(a.graph, order));
    EXPECT_NEAR(a.objective, b.objective, 1e-8);
    for (std::size_t i = 0; i < 5; ++i) {
      EXPECT_EQ(b.targets[i].environment, a.targets[order[i]].environment);
      for (std::size_t j = 0; j < b.encoder.cols(); ++j)
        EXPECT_NEAR(b.encoder(i, j), a.encoder(order[i], j), 1e-3);
    }
  }
}

TEST(UnmixFit, ScaleAndRotationOfTheFeaturesChangeNothingButTheEncoder) {
  Draws draws = RandomStream(Seed{3}, Purpose::test).at(0);
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const LinearStudy study = simulate_moments(small_study(4, 20000), Seed{seed});
    Matrix rotation = random_orthogonal(7, draws);
    const FitResult before = fit(Backend::cpu(1), study.moments, quick());
    for (const double scale : {1.0, 1e-3, 1e4}) {
      Matrix map = rotation;
      for (std::size_t k = 0; k < 49; ++k) map.data()[k] *= scale;
      const FitResult after = fit(Backend::cpu(1), transformed(study.moments, map), quick());
      EXPECT_EQ(after.graph, before.graph);
      ASSERT_EQ(after.edges.size(), before.edges.size());
      for (std::size_t e = 0; e < after.edges.size(); ++e) {
        const double ratio = before.edges[e].likelihood_ratio;
        EXPECT_NEAR(after.edges[e].likelihood_ratio, ratio, 0.05 + 1e-4 * ratio);
      }
      for (std::size_t m = 0; m < 4; ++m) {
        EXPECT_NEAR(after.diagnosis.environments[m].effect, before.diagnosis.environments[m].effect,
                    1e-6 * before.diagnosis.environments[m].effect);
        EXPECT_EQ(after.diagnosis.environments[m].p_value,
                  before.diagnosis.environments[m].p_value);
      }
    }
  }
}

// ---- more environments than latents

TEST(UnmixFit, SurplusEnvironmentsGetTheirTargets) {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    SCOPED_TRACE(seed);
    const Population base = random_population(4, 6, seed);
    const std::vector<std::size_t> hit{2, 0, 3, 1, 0, 2};
    Population population =
        population_of(LatentModel(base.model.weights(), base.model.noise_variances()), base.mixing,
                      hit, scaled(0.25), 100000);
    EnvironmentMoments idle = population.observed[0];
    idle.name = "idle";
    population.observed.push_back(idle);
    FitOptions options;
    options.latents = 4;
    const FitResult result = fit(Backend::cpu(1), population.observed, options);
    ASSERT_EQ(result.targets.size(), 7u);
    EXPECT_TRUE(result.targets[6].latents.empty());
    EXPECT_GT(result.targets[6].gain, 0.0);
    EXPECT_THAT(codes(result), ::testing::Contains("no-target"));
    EXPECT_THAT(codes(result), ::testing::Contains("weak-environment"));
    for (std::size_t a = 0; a < 6; ++a) {
      ASSERT_EQ(result.targets[a].latents.size(), 1u);
      EXPECT_GT(result.targets[a].gain, 0.0);
      for (std::size_t b = 0; b < a; ++b) {
        EXPECT_EQ(result.targets[a].latents == result.targets[b].latents, hit[a] == hit[b])
            << a << ", " << b;
      }
    }
    std::vector<std::size_t> truth(4);  // latent i of the fit is this one
    for (std::size_t k = 0; k < 6; ++k) truth[result.targets[k].latents.front()] = hit[k];
    EXPECT_EQ(result.graph, permuted(population.model.graph(), truth));
  }
}

// ---- mean shifts

TEST(UnmixFit, AShiftOfMeansAloneIsEnoughToFindATarget) {
  const Population base = random_population(3, 5, 2, scaled(0.25), 100000);
  auto latent = base.latent;
  EnvironmentMoments shifted = latent[0];
  shifted.name = "shifted";
  // Mean of z when the noise of latent t moves by 1: (I - W^T)^-1 e_t.
  const std::size_t target = base.targets[1];
  const auto weights = as_eigen(base.model.weights());
  const Eigen::VectorXd mean = (Eigen::MatrixXd::Identity(3, 3) - weights.transpose())
                                   .inverse()
                                   .col(static_cast<Eigen::Index>(target));
  shifted.mean.assign(mean.data(), mean.data() + 3);
  latent.push_back(shifted);
  FitOptions options;
  options.latents = 3;
  // A pure shift keeps the parents: a soft intervention.
  options.intervention = Intervention::soft;
  const FitResult result = fit(Backend::cpu(1), transformed(latent, base.mixing), options);
  ASSERT_EQ(result.targets.size(), 4u);
  EXPECT_EQ(result.targets[3].latents, result.targets[1].latents);
}

// ---- statistical failure is a value

TEST(UnmixFit, LatentThatNoEnvironmentHitsIsAFailureWithDiagnosis) {
  // 0 -> 1 -> 2; latent 2 is a leaf that nothing hits, so score differences span two directions.
  LatentModel chain(Matrix{{0, 1, 0}, {0, 0, -1}, {0, 0, 0}}, {1, 1, 1});
  const Population population =
      population_of(std::move(chain), Mixing(3, {.observed = 5}, Seed{1}).layers()[0], {0, 1, 1},
                    scaled(0.25), 20000);
  const FitResult result = fit(Backend::cpu(1), population.observed, {});
  EXPECT_TRUE(result.failed());
  const auto& findings = result.diagnosis.findings;
  const auto finding = std::find_if(findings.begin(), findings.end(),
                                    [](const Finding& f) { return f.code == "rank-too-low"; });
  ASSERT_NE(finding, findings.end());
  EXPECT_EQ(finding->severity, Severity::failure);
  EXPECT_THAT(finding->message, HasSubstr("span 2 of 3"));
  EXPECT_THAT(finding->remedy, HasSubstr("--latents 2"));
}

TEST(UnmixFit, MomentsThatAreNoCovarianceAreAFailureWithDiagnosis) {
  auto moments = random_population(3, 5, 1).observed;
  for (std::size_t i = 0; i < 25; ++i) moments[2].covariance.data()[i] *= -0.1;
  FitOptions options = quick();
  options.score.shrinkage = Shrinkage::none;
  const FitResult result = fit(Backend::cpu(1), moments, options);
  EXPECT_TRUE(result.failed());
  EXPECT_TRUE(result.encoder.empty());
  const auto& findings = result.diagnosis.findings;
  const auto finding = std::find_if(findings.begin(), findings.end(), [](const Finding& f) {
    return f.code == "covariance-not-positive-definite";
  });
  ASSERT_NE(finding, findings.end());
  EXPECT_THAT(finding->message, HasSubstr("'e2'"));
  EXPECT_THAT(finding->remedy, HasSubstr("shrinkage"));
}

TEST(UnmixFit, GoodStudyHasNoFinding) {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const LinearStudy study = simulate_moments(small_study(4, 20000), Seed{seed});
    const FitResult result = fit(Backend::cpu(1), study.moments, {});
    EXPECT_FALSE(result.failed());
    EXPECT_TRUE(result.diagnosis.findings.empty()) << codes(result).front();
    for (const EnvironmentDiagnosis& e : result.diagnosis.environments) {
      EXPECT_LT(e.p_value, 0.05);
      EXPECT_GE(e.rank, 1u);
      EXPECT_GT(e.effect, e.null_effect);
      EXPECT_LT(e.deviance_per_dof, 3.0);
    }
  }
}

TEST(UnmixFit, WeakEnvironmentIsNamed) {
  LinearStudy study = simulate_moments(small_study(3, 5000), Seed{2});
  study.moments[2].covariance = study.moments[0].covariance;
  study.moments[2].mean = study.moments[0].mean;
  const FitResult result = fit(Backend::cpu(1), study.moments, {});
  EXPECT_THAT(codes(result), ::testing::Contains("weak-environment"));
  bool named = false;
  for (const Finding& finding : result.diagnosis.findings)
    named = named || finding.message.find("'" + study.moments[2].name + "'") != std::string::npos;
  EXPECT_TRUE(named);
}

TEST(UnmixFit, FewSamplesWarn) {
  const LinearStudy study = simulate_moments(small_study(3, 25), Seed{2});
  EXPECT_THAT(codes(fit(Backend::cpu(1), study.moments, {})), ::testing::Contains("few-samples"));
}

// ---- misuse throws

std::string refusal(const Dataset& dataset, const FitOptions& options = quick()) {
  return message_of<InvalidArgument>([&] { fit(Backend::cpu(1), dataset, options); });
}

TEST(UnmixFitRefuses, OneEnvironment) {
  Dataset dataset = small_dataset();
  dataset.environments.resize(1);
  EXPECT_THAT(refusal(dataset), HasSubstr("only one environment"));
  EXPECT_THROW(fit(Backend::cpu(1), std::vector<EnvironmentMoments>{}), InvalidArgument);
  dataset.environments.clear();
  EXPECT_THROW(fit(Backend::cpu(1), dataset), InvalidArgument);
}

TEST(UnmixFitRefuses, MoreLatentsThanEnvironments) {
  FitOptions options;
  options.latents = 4;
  EXPECT_THAT(refusal(small_dataset(), options),
              AllOf(HasSubstr("latents = 4"), HasSubstr("only 3"), HasSubstr("--latents")));
}

TEST(UnmixFitRefuses, MoreLatentsThanTheDataHaveDirections) {
  const Population population = random_population(3, 6, 1);
  auto moments = population.observed;
  moments.push_back(moments[1]);
  FitOptions options;
  options.latents = 4;
  EXPECT_THAT(message_of<InvalidArgument>([&] { fit(Backend::cpu(1), moments, options); }),
              AllOf(HasSubstr("latents = 4"), HasSubstr("rank 3")));
  Dataset narrow = small_dataset();
  narrow.features.resize(2);
  for (Environment& e : narrow.environments)
    e.samples = Matrix(ConstMatrixView(e.samples.data(), e.samples.rows(), 2, e.samples.cols()));
  EXPECT_THAT(refusal(narrow), AllOf(HasSubstr("latents = 3"), HasSubstr("rank 2")));
}

TEST(UnmixFitRefuses, FewerSamplesThanLatents) {
  Dataset dataset = small_dataset();
  auto& e = dataset.environments[2];
  e.samples = Matrix(ConstMatrixView(e.samples.data(), 3, e.samples.cols()));
  EXPECT_THAT(refusal(dataset),
              AllOf(HasSubstr("fewer than 4"), HasSubstr("'" + e.name + "' (3 samples)")));
  auto moments = random_population(3, 5, 1).observed;
  moments[2].samples = 3;
  EXPECT_THAT(message_of<InvalidArgument>([&] { fit(Backend::cpu(1), moments); }),
              AllOf(HasSubstr("'e2'"), HasSubstr("3 samples")));
}

TEST(UnmixFitRefuses, ColumnsThatCarryNothing) {
  Dataset constant = small_dataset(), twice = small_dataset();
  for (Environment& e : constant.environments) {
    for (std::size_t k = 0; k < e.samples.rows(); ++k) e.samples(k, 2) = 17.25;
  }
  EXPECT_THAT(refusal(constant), AllOf(HasSubstr("constant"), HasSubstr(constant.features[2])));
  for (Environment& e : twice.environments) {
    for (std::size_t k = 0; k < e.samples.rows(); ++k) e.samples(k, 4) = e.samples(k, 1);
  }
  EXPECT_THAT(refusal(twice), AllOf(HasSubstr("equal columns"), HasSubstr(twice.features[4]),
                                    HasSubstr(twice.features[1])));
}

TEST(UnmixFitRefuses, ValuesThatAreNoNumbers) {
  for (const double bad : {nan, std::numeric_limits<double>::infinity()}) {
    Dataset dataset = small_dataset();
    dataset.environments[1].samples(4, 3) = bad;
    EXPECT_THAT(refusal(dataset), AllOf(HasSubstr("'" + dataset.environments[1].name + "'"),
                                        HasSubstr("row 5"), HasSubstr(dataset.features[3])));
  }
}

TEST(UnmixFitRefuses, TablesOfUnequalWidth) {
  Dataset dataset = small_dataset();
  dataset.environments[1].samples = Matrix(100, 2, 1.0);
  EXPECT_THAT(refusal(dataset), AllOf(HasSubstr("2 columns"), HasSubstr("6 features")));
}

TEST(UnmixFitRefuses, OptionsThatMakeNoSense) {
  const auto message = [](auto change) {
    FitOptions options = quick();
    change(options);
    return refusal(small_dataset(), options);
  };
  EXPECT_THAT(message([](auto& o) {
                o.method = UnmixMethod::lcd;
                o.intervention = Intervention::soft;
              }),
              AllOf(HasSubstr("lcd"), HasSubstr("hard"), HasSubstr("lscale")));
  EXPECT_THAT(message([](auto& o) { o.lscale_edge_threshold = 0; }),
              HasSubstr("lscale_edge_threshold"));
  EXPECT_THAT(message([](auto& o) { o.lcd_edge_threshold = -1; }), HasSubstr("lcd_edge_threshold"));
  EXPECT_THAT(message([](auto& o) { o.lcd_edge_threshold = nan; }),
              HasSubstr("lcd_edge_threshold"));
  EXPECT_THAT(message([](auto& o) { o.lcd_rank_one_acceptance = 1; }), HasSubstr("below 1"));
}

// ---- observer

class CancelAfter final : public Observer {
 public:
  CancelAfter(std::string stage, std::size_t done) : stage_(std::move(stage)), done_(done) {}
  void progress(std::string_view stage, std::size_t done, std::size_t total) override {
    EXPECT_LE(done, total);
    seen_ = seen_ || (stage == stage_ && done >= done_);
  }
  void log(Level, std::string_view message) override { seen_ = seen_ || message == stage_; }
  bool cancelled() const override { return seen_; }

 private:
  std::string stage_;
  std::size_t done_;
  bool seen_ = false;
};

TEST(UnmixFit, StopsWhereverItIsAsked) {
  FitOptions options = quick();
  options.bootstrap = 20;
  const Dataset dataset = small_dataset();
  for (const auto& [stage, done] : std::vector<std::pair<std::string, std::size_t>>{
           {"moments", 1}, {"unmixing", 0}, {"bootstrap", 1}, {"bootstrap", 20}}) {
    for (const int threads : {1, 3}) {
      CancelAfter observer(stage, done);
      EXPECT_THROW(fit(Backend::cpu(threads), dataset, options, {}, observer), Cancelled) << stage;
    }
  }
  CancelAfter never("nothing", 0);
  EXPECT_NO_THROW(fit(Backend::cpu(2), dataset, options, {}, never));
}

// ---- bootstrap

TEST(UnmixFit, BootstrapSupportsStrongEdges) {
  FitOptions options = quick();
  options.bootstrap = 20;
  const Population base = random_population(4, 6, 1);
  LatentModel chain(Matrix{{0, 1.2, 0, 0}, {0, 0, -1.2, 0}, {0, 0, 0, 1.2}, {0, 0, 0, 0}},
                    {1, 1, 1, 1});
  const Population population =
      population_of(std::move(chain), base.mixing, {0, 1, 2, 3}, scaled(0.25), 5000);
  const FitResult result = fit(Backend::cpu(2), population.observed, options);
  ASSERT_EQ(result.edge_support.rows(), 4u);
  ASSERT_EQ(result.edges.size(), 3u);
  for (const LatentEdge& edge : result.edges) {
    EXPECT_EQ(edge.support, result.edge_support(edge.from, edge.to));
    EXPECT_GE(edge.support, 0.95);
  }
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(result.edge_support(i, i), 0.0);
    for (std::size_t j = 0; j < i; ++j) {
      EXPECT_GE(result.edge_support(i, j), 0.0);
      EXPECT_LE(result.edge_support(i, j) + result.edge_support(j, i), 1.0);
    }
  }
  const FitResult other = fit(Backend::cpu(2), population.observed, options, Seed{99});
  EXPECT_EQ(other.encoder, result.encoder) << "the seed moves the resampling only";
}

}  // namespace
}  // namespace lodestein
