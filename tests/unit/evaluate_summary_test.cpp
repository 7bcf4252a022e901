#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "lodestein/core/error.hpp"
#include "lodestein/evaluate/summary.hpp"

namespace lodestein {
namespace {

// Quantiles as printed in tables of Student's distribution (three decimals).
TEST(Summary, StudentsQuantilesAreThoseOfTheTables) {
  EXPECT_NEAR(student_quantile(1), 12.706, 5e-4);
  EXPECT_NEAR(student_quantile(2), 4.303, 5e-4);
  EXPECT_NEAR(student_quantile(3), 3.182, 5e-4);
  EXPECT_NEAR(student_quantile(4), 2.776, 5e-4);
  EXPECT_NEAR(student_quantile(9), 2.262, 5e-4);
  EXPECT_NEAR(student_quantile(30), 2.042, 5e-4);
  EXPECT_NEAR(student_quantile(99), 1.984, 5e-4);
  EXPECT_NEAR(student_quantile(100000), 1.95998, 2e-5);
  EXPECT_NEAR(student_quantile(1000000), 1.959964, 1e-6);
  EXPECT_THROW(student_quantile(0), InvalidArgument);
}

TEST(Summary, OfAMean) {
  const Summary s = summarise({1.0, 2.0, 3.0, 4.0});
  EXPECT_EQ(s.count, 4u);
  EXPECT_DOUBLE_EQ(s.mean, 2.5);
  EXPECT_NEAR(s.standard_error, std::sqrt(5.0 / 3.0 / 4.0), 1e-12);
  EXPECT_NEAR(s.high - s.mean, 3.182446 * s.standard_error, 1e-5);
  EXPECT_NEAR(s.mean - s.low, s.high - s.mean, 1e-12);
}

TEST(Summary, LeavesOutWhatIsNotFinite) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Summary s = summarise({nan, 3.0, std::numeric_limits<double>::infinity(), 5.0});
  EXPECT_EQ(s.count, 2u);
  EXPECT_DOUBLE_EQ(s.mean, 4.0);
}

TEST(Summary, OfOneValueKnowsNoError) {
  const Summary one = summarise({3.0});
  EXPECT_EQ(one.mean, 3.0);
  EXPECT_TRUE(std::isnan(one.standard_error) && std::isnan(one.low) && std::isnan(one.high));
  EXPECT_TRUE(std::isnan(summarise({}).mean));
}

// Values of Wilson's formula in its other form, (2 k + z^2 -+ z sqrt(z^2 + 4 k (1 - p))) over
// 2 (n + z^2), evaluated by hand.
TEST(Summary, OfARateHasWilsonsInterval) {
  const Summary none = summarise_rate(0, 10);
  EXPECT_EQ(none.low, 0.0);
  EXPECT_NEAR(none.high, 0.27753, 1e-5);
  const Summary all = summarise_rate(100, 100);
  EXPECT_EQ(all.high, 1.0);
  EXPECT_NEAR(all.low, 0.96301, 1e-5);
  const Summary half = summarise_rate(5, 10);
  EXPECT_NEAR(half.low, 0.23659, 1e-5);
  EXPECT_NEAR(half.high, 0.76341, 1e-5);
  EXPECT_TRUE(std::isnan(summarise_rate(0, 0).mean));
  EXPECT_THROW(summarise_rate(2, 1), InvalidArgument);
}

}  // namespace
}  // namespace lodestein
