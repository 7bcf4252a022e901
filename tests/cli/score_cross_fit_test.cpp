#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "score_support.hpp"

namespace lodestein::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Json = nlohmann::json;
namespace fs = std::filesystem;

class ScoreCrossFit : public ScoreToolTest {
 protected:
  void SetUp() override {
    ScoreToolTest::SetUp();
    simulate_small();
  }
};

TEST_F(ScoreCrossFit, GiveErrorsAndTests) {
  const std::string what = "score study --seed 1 --differences gaussian ";
  const Json plain = json_of(what + "--splits 0 --out s");
  EXPECT_TRUE(plain.at("differences").at("cross_fit").is_null());
  EXPECT_FALSE(fs::exists(folder_ / "s/cross_fit.npz"));
  Json crossed = json_of(what + "--splits 2 --threads 1 --out s");
  const Json cross = crossed.at("differences").at("cross_fit");
  EXPECT_EQ(cross.at("splits"), 2);
  for (const char* key : {"mean_squares", "errors", "p_values"}) {
    ASSERT_EQ(cross.at(key).size(), 2u) << key;
    for (const Json& environment : cross.at(key)) {
      ASSERT_EQ(environment.size(), 2u) << key;
      for (const Json& value : environment) EXPECT_TRUE(value.is_number()) << key;
    }
  }
  for (const Json& environment : cross.at("p_values"))
    for (const Json& p : environment) {
      EXPECT_GE(p, 0.0);
      EXPECT_LE(p, 1.0);
    }
  // It adds to the estimate and leaves it as it is.
  crossed["differences"]["cross_fit"] = nullptr;
  EXPECT_EQ(crossed.at("differences"), plain.at("differences"));
  const std::string arrays = read_text(folder_ / "s/cross_fit.npz");
  for (const char* name : {"do1.moments", "do2.error", "do2.standard_error", "do1.p_value"})
    EXPECT_THAT(arrays, HasSubstr(std::string(name) + ".npy"));
  ASSERT_EQ(lodestein(what + "--splits 2 --threads 3 --out other").code, 0);
  EXPECT_EQ(read_text(folder_ / "other/cross_fit.npz"), arrays);
  EXPECT_NE(json_of(what + "--splits 2 --points own").at("differences").at("cross_fit"), cross);
  const Outcome text = lodestein(what + "--splits 1");
  EXPECT_THAT(text.out, HasSubstr("E[d_j^2] by cross-fitting, 1 split, overlap points"));
  EXPECT_THAT(text.out, HasSubstr("p if it were 0"));
  ASSERT_EQ(lodestein(what + "--out s").code, 0);
  EXPECT_FALSE(fs::exists(folder_ / "s/cross_fit.npz")) << "an older one was replaced";
}

TEST_F(ScoreCrossFit, OfManyFeaturesShowTheSmallestPValues) {
  ASSERT_EQ(lodestein("simulate --latents 8 --observed 8 --samples 90 --seed 7 --out wide").code,
            0);
  const Outcome run = lodestein("score wide --differences gaussian --splits 1");
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("  and 4 more with larger p\n"));
}

TEST_F(ScoreCrossFit, ThatCannotBeAreRefused) {
  expect_refused("score study --splits 2", {"--splits needs --differences"});
  expect_refused("score study --method gaussian --splits 0", {"--splits needs --differences"});
  for (const char* value : {"-1", "1.5", "many", "1001"})
    expect_refused("score study --differences gaussian --splits " + std::string(value),
                   {"--splits", "whole number"});
  ASSERT_EQ(lodestein("simulate --latents 2 --observed 2 --samples 29 --seed 7 --out few").code, 0);
  expect_refused("score few --differences gaussian --splits 1 --out s", {"'obs'", "29 samples"});
}

TEST_F(ScoreCrossFit, StopAndLeaveNothing) {
  const Outcome run = lodestein({"score", "study", "--differences", "log-ratio-fourier", "--splits",
                                 "1000", "--out", "s", "--threads", "1"},
                                1.0);
  EXPECT_EQ(run.code, 130) << run.err;
  EXPECT_THAT(run.out, IsEmpty());
  EXPECT_THAT(entries(), ElementsAre("study"));
}

}  // namespace
}  // namespace lodestein::testing
