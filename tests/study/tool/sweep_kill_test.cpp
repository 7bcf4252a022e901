// The test of tests/cli/sweep_test.cpp at length.
#include <chrono>
#include <csignal>
#include <thread>

#include "tests/cli/sweep_support.hpp"

namespace lodestein::testing {
namespace {

using SweepStudy = SweepToolTest;

TEST_F(SweepStudy, KilledFiftyTimesInARowItLosesNothing) { survives_kills(50, 1200); }

using MpirunStudy = MpirunTest;

TEST_F(MpirunStudy, RanksKilledFiftyTimesInARowLoseNothing) {
  survives_kills_of_ranks(50, 2000, 4);
}

TEST_F(MpirunStudy, TheOthersFinishWithoutAWorkerThatDied) {
  write_study(600);
  ASSERT_EQ(run_program(sweep_command("undisturbed.db"), folder_).code, 0);
  auto command = mpirun(4, {LODESTEIN_TOOL_PATH, "sweep", "study.toml", "--out", "results.db"});
  command.insert(command.begin() + 1, "--enable-recovery");
  Child child(command, folder_);
  while (child.running() && !std::filesystem::exists(folder_ / "results.db"))
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  std::this_thread::sleep_for(std::chrono::seconds(1));
  const auto ranks = child.children();
  ASSERT_EQ(ranks.size(), 4u);
  ASSERT_EQ(kill(ranks[2], SIGKILL), 0);
  EXPECT_EQ(child.wait(), 0);
  EXPECT_EQ(table("results.db"), table("undisturbed.db"));
}

}  // namespace
}  // namespace lodestein::testing
