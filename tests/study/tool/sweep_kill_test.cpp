// The test of tests/cli/sweep_test.cpp at length.
#include "tests/cli/sweep_support.hpp"

namespace lodestein::testing {
namespace {

using SweepStudy = SweepToolTest;

TEST_F(SweepStudy, KilledFiftyTimesInARowItLosesNothing) { survives_kills(50, 1200); }

}  // namespace
}  // namespace lodestein::testing
