#include "bench/axes.hpp"

#include <gtest/gtest.h>

#include "lodestein/core/error.hpp"

namespace lodestein::bench {
namespace {

std::vector<std::string> names(const std::vector<Case>& cases) {
  std::vector<std::string> result;
  for (const Case& one : cases) result.push_back(one.name());
  return result;
}

using Names = std::vector<std::string>;
const std::vector<Case> defaults{{{"d", 5}, {"n", 100}}, {{"d", 20}, {"n", 50}}};

TEST(Axes, WithoutValuesTheDefaultsStay) {
  EXPECT_EQ(names(apply({}, defaults)), (Names{"/d:5/n:100", "/d:20/n:50"}));
}

TEST(Axes, OneAxisIsReplacedAndTheOthersStay) {
  EXPECT_EQ(names(apply({{"d", {7, 8}}}, defaults)),
            (Names{"/d:7/n:100", "/d:8/n:100", "/d:7/n:50", "/d:8/n:50"}));
}

TEST(Axes, AllAxesGiveEveryCombinationOnce) {
  EXPECT_EQ(names(apply({{"d", {7, 8}}, {"n", {1, 2}}}, defaults)),
            (Names{"/d:7/n:1", "/d:7/n:2", "/d:8/n:1", "/d:8/n:2"}));
}

TEST(Axes, ABenchmarkWithoutTheAxisIsLeftOut) {
  EXPECT_TRUE(apply({{"order", {3}}}, defaults).empty());
  EXPECT_TRUE(apply({{"d", {3}}, {"order", {3}}}, defaults).empty());
}

TEST(Axes, EveryAxisOfABenchmarkIsExplained) {
  EXPECT_THROW((Case{{"height", 3}}), InvalidArgument);
}

}  // namespace
}  // namespace lodestein::bench
