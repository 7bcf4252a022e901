#include "bench/baseline.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace lodestein::bench {
namespace {

Result result(const std::string& name, std::vector<double> rates) {
  return {name, "samples", std::move(rates), {}, ""};
}

Change change(const std::vector<double>& before, const std::vector<double>& now) {
  return compare({result("a", before)}, {result("a", now)}).front().change;
}

TEST(Baseline, AChangeBeyondTheNoiseIsSeenInEitherDirection) {
  EXPECT_EQ(change({100, 101, 99}, {110, 111, 109}), Change::faster);
  EXPECT_EQ(change({100, 101, 99}, {90, 91, 89}), Change::slower);
}

TEST(Baseline, AChangeWithinTheNoiseIsNone) {
  EXPECT_EQ(change({100, 120, 80}, {110, 130, 90}), Change::none);
}

TEST(Baseline, RatioIsThatOfTheMedians) {
  const Comparison c = compare({result("a", {1, 10, 2})}, {result("a", {3, 50, 1})}).front();
  EXPECT_DOUBLE_EQ(c.before, 2.0);
  EXPECT_DOUBLE_EQ(c.now, 3.0);
  EXPECT_DOUBLE_EQ(c.ratio, 1.5);
}

TEST(Baseline, OneRepetitionSaysNothingAboutNoise) {
  EXPECT_EQ(change({100}, {10, 11, 12}), Change::unknown);
  EXPECT_TRUE(std::isnan(compare({result("a", {1})}, {result("a", {2})}).front().noise));
}

TEST(Baseline, NewAndFailedBenchmarksHaveNoRatio) {
  Result failed{"a", "samples", {}, {}, "wrong answer"};
  const auto comparisons = compare({result("a", {1, 2})}, {failed, result("b", {1, 2})});
  EXPECT_EQ(comparisons[0].change, Change::failed);
  EXPECT_EQ(comparisons[1].change, Change::added);
  EXPECT_TRUE(std::isnan(comparisons[1].ratio));
  EXPECT_EQ(compare({failed}, {result("a", {1, 2})}).front().change, Change::mended);
}

TEST(Baseline, OnlyTheSlowerOnesBeyondThePercentageAreReported) {
  const auto comparisons = compare({result("a", {100, 100.1}), result("b", {100, 100.1})},
                                   {result("a", {98, 98.1}), result("b", {80, 80.1})});
  EXPECT_EQ(comparisons[0].change, Change::slower);
  ASSERT_EQ(slower(comparisons, 5).size(), 1u);
  EXPECT_EQ(slower(comparisons, 5).front().name, "b");
  EXPECT_EQ(slower(comparisons, 1).size(), 2u);
}

TEST(Baseline, WhatWasNotRunAgainIsCountedBelowTheTable) {
  const auto comparisons =
      compare({result("a", {1, 2}), result("b", {1, 2})}, {result("a", {1, 2})});
  ASSERT_EQ(comparisons.size(), 2u);
  EXPECT_EQ(comparisons[1].name, "b");
  EXPECT_EQ(comparisons[1].change, Change::not_run);
  EXPECT_TRUE(slower(comparisons, 0).empty());
  const std::string table = comparison_table(comparisons);
  EXPECT_EQ(table.find("| b |"), std::string::npos);
  EXPECT_NE(table.find(" 1 of the baseline were not run."), std::string::npos) << table;
}

// Of 2000 comparisons of equal programs less than 20 + 4.5 sqrt(20) = 40 may say otherwise.
TEST(Baseline, EqualProgramsDifferInLessThanOneComparisonOfAHundred) {
  std::mt19937 generator(1);
  std::lognormal_distribution<double> rate(0.0, 0.1);
  std::size_t wrong = 0;
  for (int k = 0; k < 2000; ++k) {
    std::vector<double> before(5), now(5);
    for (double& r : before) r = rate(generator);
    for (double& r : now) r = rate(generator);
    wrong += change(before, now) != Change::none;
  }
  EXPECT_LT(wrong, 40u);
}

TEST(Baseline, TheTableCountsWhatItShows) {
  const std::string table =
      comparison_table(compare({result("a", {100, 101, 99}), result("b", {100, 101, 99})},
                               {result("a", {90, 91, 89}), result("b", {100, 101, 99})}));
  EXPECT_NE(table.find("| a | 100 samples/s | 90 samples/s | 0.900 |"), std::string::npos) << table;
  EXPECT_NE(table.find("2 compared; beyond the noise are 0 faster and 1 slower"), std::string::npos)
      << table;
}

}  // namespace
}  // namespace lodestein::bench
