#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/peak_memory.hpp"

namespace lodestein {
namespace {

// Also of what was given back since, but not of what was before.
TEST(PeakMemory, IsTheHighestSinceItStarted) {
  constexpr std::size_t megabyte = std::size_t{1} << 20;
  const std::vector<char> before(96 * megabyte, 'a');
  const PeakMemory peak;
  if (std::isnan(peak.megabytes())) GTEST_SKIP() << "this system doesn't say";
  {
    const std::vector<char> during(48 * megabyte, 'b');
    EXPECT_EQ(during.back(), 'b');
  }
  EXPECT_GT(peak.megabytes(), 40.0);
  EXPECT_LT(peak.megabytes(), 80.0);
  EXPECT_EQ(before.back(), 'a');
}

}  // namespace
}  // namespace lodestein
