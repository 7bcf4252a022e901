#include <cmath>
#include <limits>

#include "data/principal.hpp"
#include "data_files.hpp"
#include "lodestein/data/preprocess.hpp"

namespace lodestein {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

Dataset two(Matrix obs, Matrix other) {
  Dataset data;
  for (std::size_t j = 0; j < obs.cols(); ++j)
    data.features.push_back(std::string(1, char('a' + j)));
  data.environments = {{"obs", {}, std::move(obs)}, {"k", {"z1"}, std::move(other)}};
  return data;
}

Dataset apply(const Dataset& data, const std::string& steps, Seed seed = {}) {
  return preprocess(data, parse_preprocess_steps(steps), seed);
}

std::string error(const Dataset& data, const std::string& steps) {
  return message_of<InvalidArgument>([&] { apply(data, steps); });
}

TEST(Steps, AreParsedInOrder) {
  const auto steps = parse_preprocess_steps(" log1p, highly-variable = 60 ,pca=gap");
  ASSERT_EQ(steps.size(), 3u);
  EXPECT_EQ(steps[1].name, "highly-variable");
  EXPECT_EQ(steps[1].value, "60");
  EXPECT_EQ(steps[2].value, "gap");
  EXPECT_TRUE(parse_preprocess_steps("").empty());
}

TEST(Steps, ErrorsNameTheStepAndTheNearest) {
  const auto message = [](const std::string& text) {
    return message_of<InvalidArgument>([&] { parse_preprocess_steps(text); });
  };
  EXPECT_THAT(message("log1p,standardize"),
              AllOf(HasSubstr("'standardize'"), HasSubstr("nearest is 'standardise'")));
  EXPECT_THAT(message("log=2"), HasSubstr("takes no value"));
  EXPECT_THAT(message("highly-variable"), HasSubstr("whole number above 0"));
  EXPECT_THAT(message("minimum-samples=-1"), HasSubstr("whole number above 0"));
  EXPECT_THAT(message("pca=most"), HasSubstr("'most'"));
  EXPECT_THAT(message("pca"), HasSubstr("needs a rank"));
  EXPECT_THAT(message("counts-per-million=0"), HasSubstr("positive number"));
  EXPECT_THAT(message("log1p,,centre"), HasSubstr("a step is empty"));
  EXPECT_THAT(message("pca="), HasSubstr("missing"));
}

TEST(Steps, AreRecordedWithWhatTheyDid) {
  const Dataset data = apply(two({{1, 5, 5}, {2, 5, 5}}, {{3, 5, 5}}), "drop-constant,log1p");
  ASSERT_EQ(data.preprocessing.size(), 2u);
  EXPECT_EQ(data.preprocessing[0].name, "drop-constant");
  EXPECT_EQ(data.preprocessing[0].detail, "1 of 3 columns kept; dropped 'b', 'c'");
  EXPECT_EQ(data.preprocessing[1].name, "log1p");
  EXPECT_THAT(data.environments[1].targets, ElementsAre("z1"));
}

TEST(Logarithms, TransformOrNameTheCell) {
  EXPECT_DOUBLE_EQ(apply(two({{1}}, {{std::exp(2.0)}}), "log").environments[1].samples(0, 0), 2.0);
  EXPECT_DOUBLE_EQ(apply(two({{0}}, {{3}}), "log1p").environments[1].samples(0, 0), std::log(4.0));
  EXPECT_THAT(error(two({{1, 1}}, {{1, 1}, {2, 0}}), "log"),
              AllOf(HasSubstr("'log'"), HasSubstr("environment 'k', row 2, column 'b': 0")));
  EXPECT_THAT(error(two({{-1}}, {{1}}), "log1p"), HasSubstr("-1 is not above -1"));
  EXPECT_THAT(error(two({{std::nan("")}}, {{1}}), "log"), HasSubstr("row 1"));
}

TEST(CountsPerMillion, ScalesRows) {
  const Dataset data = two({{1, 3}, {2, 2}}, {{10, 10}});
  EXPECT_EQ(apply(data, "counts-per-million").environments[0].samples,
            (Matrix{{250000, 750000}, {500000, 500000}}));
  EXPECT_EQ(apply(data, "counts-per-million=8").environments[1].samples, (Matrix{{4, 4}}));
  EXPECT_EQ(apply(data, "counts-per-million=median").environments[1].samples, (Matrix{{2, 2}}));
  EXPECT_THAT(error(two({{0, 0}}, {{1, 1}}), "counts-per-million"), HasSubstr("row 1: all counts"));
  EXPECT_THAT(error(two({{1, 1}}, {{1, -1}}), "counts-per-million"),
              AllOf(HasSubstr("'k', row 1, column 'b'"), HasSubstr("not a count")));
}

TEST(Centre, SubtractsThePooledMean) {
  const Dataset data = apply(two({{1}, {2}}, {{6}}), "centre");
  EXPECT_EQ(data.environments[0].samples, (Matrix{{-2}, {-1}}));
  EXPECT_EQ(data.environments[1].samples, (Matrix{{3}}));
}

TEST(Standardise, DividesByTheDeviationWithinEnvironments) {
  // Within the environments every sample is 1 from its mean; the shift between them doesn't count.
  const Dataset data = apply(two({{0}, {2}}, {{100}, {102}}), "standardise");
  EXPECT_EQ(data.environments[0].samples, (Matrix{{-51}, {-49}}));
  EXPECT_EQ(data.environments[1].samples, (Matrix{{49}, {51}}));
  EXPECT_THAT(error(two({{1, 1}, {2, 1}}, {{1, 3}}), "standardise"), HasSubstr("column 'b'"));
}

TEST(HighlyVariable, KeepsTheOldOrder) {
  const Dataset data = two({{0, 0, 0, 0}, {9, 1, 5, 7}}, {{0, 0, 0, 0}});
  EXPECT_THAT(apply(data, "highly-variable=2").features, ElementsAre("a", "d"));
  EXPECT_EQ(apply(data, "highly-variable=2").environments[0].samples, (Matrix{{0, 0}, {9, 7}}));
  EXPECT_THAT(error(data, "highly-variable=5"), HasSubstr("only 4 columns"));
}

TEST(DropDuplicates, KeepsTheFirst) {
  const Dataset data = two({{1, 1, 0.0, 1}, {2, 2, 3, 2}}, {{4, 4, 5, 6}});
  EXPECT_THAT(apply(data, "drop-duplicates").features, ElementsAre("a", "c", "d"));
  EXPECT_THAT(apply(two({{0.0, -0.0}}, {{1, 1}}), "drop-duplicates").features, ElementsAre("a"));
}

TEST(MinimumSamples, DropsSmallEnvironmentsButNeverTheObservational) {
  Dataset data = two({{1}}, {{1}, {2}});
  data.environments.push_back({"small", {}, {{1}}});
  const Dataset kept = apply(data, "minimum-samples=2");
  ASSERT_EQ(kept.environments.size(), 2u);
  EXPECT_EQ(kept.environments[1].name, "k");
  EXPECT_EQ(kept.preprocessing[0].detail,
            "1 of 2 interventional environments kept; dropped 'small'");
  EXPECT_THAT(error(data, "minimum-samples=3"), HasSubstr("the largest has 2"));
}

/// Samples with independent factors of sd 10, 5 (and `noise`) mixed into d columns.
Dataset low_rank(std::size_t d, std::size_t n, double noise) {
  Dataset data;
  for (std::size_t j = 0; j < d; ++j) data.features.push_back("x" + std::to_string(j));
  for (std::uint32_t k = 0; k < 2; ++k) {
    const RandomStream stream(Seed{3}, Purpose::test, k);
    Matrix samples(n, d);
    for (std::size_t i = 0; i < n; ++i) {
      Draws draws = stream.at(i);
      const double u = 10 * draws.normal(), v = 5 * draws.normal() + 100 * k;
      for (std::size_t j = 0; j < d; ++j) {
        const double angle = static_cast<double>(j);
        samples(i, j) = u * std::cos(angle) + v * std::sin(angle) + noise * draws.normal();
      }
    }
    data.environments.push_back({k == 0 ? "obs" : "k", {}, samples});
  }
  return data;
}

TEST(Pca, ProjectsOnUncorrelatedComponentsOfFallingVariance) {
  const Dataset data = apply(low_rank(6, 500, 0.1), "pca=2");
  EXPECT_THAT(data.features, ElementsAre("pc1", "pc2"));
  const auto variance = within_variance(data);
  EXPECT_GT(variance[0], variance[1]);
  const PrincipalComponents again = principal_components(within_covariance(data));
  // Already principal: the components of the components are the axes.
  EXPECT_NEAR(again.directions(0, 0), 1, 1e-9);
  EXPECT_NEAR(again.directions(1, 1), 1, 1e-9);
  EXPECT_NEAR(again.variance[0], variance[0], 1e-9 * variance[0]);
  EXPECT_THAT(data.preprocessing[0].detail, HasSubstr("2 of 6 components kept (as asked)"));
}

TEST(Pca, FindsTheRankByGapAndParallelAnalysis) {
  EXPECT_EQ(apply(low_rank(8, 400, 0.1), "pca=gap").feature_count(), 2u);
  EXPECT_EQ(apply(low_rank(8, 400, 0.0), "pca=gap").feature_count(), 2u);
  EXPECT_EQ(apply(low_rank(8, 400, 1.0), "pca=parallel").feature_count(), 2u);
  EXPECT_THAT(apply(low_rank(8, 400, 1.0), "pca=parallel").preprocessing[0].detail,
              HasSubstr("parallel analysis"));
  EXPECT_THAT(error(low_rank(3, 20, 1.0), "pca=4"), HasSubstr("above the 3 columns"));
}

TEST(Pca, GapIsExactForExactRank) {
  EXPECT_EQ(rank_by_gap({9, 4, 1e-16, 0}), 2u);
  EXPECT_EQ(rank_by_gap({100, 50, 1, 0.9}), 2u);
  EXPECT_EQ(rank_by_gap({1}), 1u);
}

TEST(ParallelAnalysis, FindsNothingInNoise) {
  Dataset data = low_rank(10, 300, 1.0);
  for (auto& environment : data.environments) {
    const RandomStream stream(Seed{5}, Purpose::test, 7);
    for (std::size_t i = 0; i < environment.samples.rows(); ++i) {
      Draws draws = stream.at(i);
      for (std::size_t j = 0; j < 10; ++j) environment.samples(i, j) = draws.normal();
    }
  }
  // At the 95th percentile noise passes in one data set of twenty; this seed is not such a one.
  EXPECT_EQ(rank_by_parallel_analysis(data, Seed{1}), 0u);
  EXPECT_THAT(error(data, "pca=parallel"), HasSubstr("give the rank"));
  EXPECT_EQ(rank_by_parallel_analysis(low_rank(10, 300, 1.0), Seed{1}),
            rank_by_parallel_analysis(low_rank(10, 300, 1.0), Seed{1}));
}

TEST(Validate, AcceptsGoodData) { validate(two({{1, 2}, {2, 1}}, {{3, 1}, {4, 4}}), 2); }

std::string complaint(const Dataset& data, std::size_t minimum = 1) {
  return message_of<InvalidArgument>([&] { validate(data, minimum); });
}

TEST(Validate, NamesEachProblem) {
  EXPECT_THAT(complaint(two({{1, 2}, {2, 1}}, {{3, 1}}), 2),
              AllOf(HasSubstr("fewer than 2 samples"), HasSubstr("'k' (1 sample)")));
  EXPECT_THAT(
      complaint(two({{1, 2}, {2, 2}}, {{3, 5}})),
      AllOf(HasSubstr("constant"), HasSubstr("'b'"), HasSubstr("--preprocess drop-constant")));
  EXPECT_THAT(
      complaint(two({{1, 1}, {2, 2}}, {{3, 3}})),
      AllOf(HasSubstr("equal columns: 'b' = 'a'"), HasSubstr("--preprocess drop-duplicates")));
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_THAT(complaint(two({{1, 2}, {2, 1}}, {{3, 4}, {std::nan(""), infinity}})),
              AllOf(HasSubstr("2 values are NaN"), HasSubstr("'k', row 2, column 'a'")));
  Dataset single = two({{1}, {2}}, {{1}});
  single.environments.pop_back();
  EXPECT_THAT(complaint(single), HasSubstr("only one environment, 'obs'"));
  Dataset uneven = two({{1}, {2}}, {{1}});
  uneven.environments[1].samples = Matrix{{1, 2}};
  EXPECT_THAT(complaint(uneven), AllOf(HasSubstr("'k' has 2 columns"), HasSubstr("1 features")));
  EXPECT_THAT(complaint({}), HasSubstr("no environment"));
}

TEST(Validate, SaysEverythingAtOnce) {
  Dataset data = two({{1, 1, 7}, {std::nan(""), 2, 7}}, {{1, 1, 7}});
  EXPECT_THAT(complaint(data, 2),
              AllOf(HasSubstr("\n  - fewer than 2"), HasSubstr("\n  - 1 value is NaN"),
                    HasSubstr("\n  - constant")));
}

}  // namespace
}  // namespace lodestein
