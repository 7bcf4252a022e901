#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "tool.hpp"

namespace lodestein::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Interrupt : public ToolTest {
 protected:
  /// Minutes of work, so that it is never over before the signal.
  const std::vector<std::string> long_simulation_{
      "simulate", "--latents", "10",       "--observed", "50",     "--samples", "400000",
      "--scm",    "mlp",       "--mixing", "mlp",        "--seed", "1",         "--out",
      "study",    "--threads", "1",        "--progress", "json"};
};

TEST_F(Interrupt, StopsAndLeavesNothing) {
  const Outcome run = lodestein(long_simulation_, 0.5);
  EXPECT_EQ(run.code, 130) << run.err;
  EXPECT_THAT(run.err, HasSubstr("stopped"));
  EXPECT_THAT(run.out, IsEmpty());
  EXPECT_THAT(entries(), IsEmpty());
}

TEST_F(Interrupt, StopsAFitAndKeepsTheOldResult) {
  ASSERT_EQ(lodestein("simulate --latents 4 --observed 8 --samples 3000 --out study").code, 0);
  ASSERT_EQ(lodestein("fit study --out fit").code, 0);
  const std::string before = read_text(folder_ / "fit" / "result.json");
  const Outcome run = lodestein({"fit", "study", "--out", "fit", "--bootstrap", "100000"}, 1.0);
  EXPECT_EQ(run.code, 130) << run.err;
  EXPECT_EQ(read_text(folder_ / "fit" / "result.json"), before);
  EXPECT_THAT(entries(), ElementsAre("fit", "study"));
}

TEST_F(Interrupt, StopsTheBootstrapOfOtherMethods) {
  ASSERT_EQ(
      lodestein("simulate --latents 3 --observed 4 --samples 2000 --design multi --out study").code,
      0);
  const Outcome run =
      lodestein({"fit", "study", "--out", "fit", "--method", "umni", "--bootstrap", "100000"}, 2.0);
  EXPECT_EQ(run.code, 130) << run.err;
  EXPECT_THAT(entries(), ElementsAre("study"));
}

TEST_F(Interrupt, StopsTheFitOfANetwork) {
  ASSERT_EQ(
      lodestein("simulate --latents 2 --observed 2 --samples 1000 --design pairs --out study").code,
      0);
  const Outcome run =
      lodestein({"fit", "study", "--out", "fit", "--method", "gscale", "--differences", "log-ratio",
                 "--encoder", "network", "--steps", "100000000"},
                2.0);
  EXPECT_EQ(run.code, 130) << run.err;
  EXPECT_THAT(entries(), ElementsAre("study"));
}

TEST_F(Interrupt, JsonProgressIsOneObjectALineAfterTwoSeconds) {
  double seconds = 5.0;
  Outcome run = lodestein(long_simulation_, seconds);
  if (run.err.find('{') == std::string::npos) {  // a busy machine
    seconds = 30.0;
    run = lodestein(long_simulation_, seconds);
  }
  std::istringstream lines(run.err);
  std::size_t progress = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind('{', 0) != 0) continue;
    const auto json = nlohmann::json::parse(line);
    EXPECT_EQ(json.at("event"), "progress");
    EXPECT_LE(json.at("done"), json.at("total"));
    ++progress;
  }
  EXPECT_GT(progress, 0u) << run.err;
  EXPECT_LT(static_cast<double>(progress), 20.0 * seconds) << "at most ten lines a second";
}

}  // namespace
}  // namespace lodestein::testing
