#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tool.hpp"

namespace lodestein::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Json = nlohmann::json;

class MechanismOption : public ToolTest {
 protected:
  void SetUp() override {
    ToolTest::SetUp();
    const Outcome run = lodestein(
        "simulate --latents 2 --observed 3 --samples 120 --scm quadratic --seed 7 --out study");
    ASSERT_EQ(run.code, 0) << run.err;
  }
  void expect_refused(const std::string& arguments, const std::vector<std::string>& expected) {
    const Outcome run = lodestein("fit study --out fit " + arguments);
    EXPECT_EQ(run.code, 1) << arguments << "\n" << run.out;
    for (const std::string& text : expected) EXPECT_THAT(run.err, HasSubstr(text)) << arguments;
    EXPECT_THAT(entries(), ElementsAre("study"));
  }
};

TEST_F(MechanismOption, AdditiveIsFittedAndWrittenDown) {
  const Outcome additive = lodestein("fit study --mechanism additive --seed 1 --threads 1 --out a");
  ASSERT_EQ(additive.code, 0) << additive.err;
  const Outcome linear = lodestein("fit study --seed 1 --threads 1 --out l");
  ASSERT_EQ(linear.code, 0) << linear.err;
  const auto result = [&](const char* folder) {
    return Json::parse(read_text(folder_ / folder / "result.json"));
  };
  EXPECT_EQ(result("a").at("options").at("mechanism"), "additive");
  EXPECT_EQ(result("l").at("options").at("mechanism"), "linear");
  EXPECT_THAT(result("a").at("assumptions").dump(), HasSubstr("additive noise"));
  EXPECT_THAT(result("l").at("assumptions").dump(), HasSubstr("Gaussian scores"));
  EXPECT_NE(read_text(folder_ / "a/arrays.npz"), read_text(folder_ / "l/arrays.npz"));
}

TEST_F(MechanismOption, AdditiveRefusesWhatItCannotDo) {
  expect_refused("--mechanism additive --intervention soft",
                 {"need hard interventions", "--mechanism linear"});
  expect_refused("--mechanism additive --method lscale", {"--mechanism needs --method likelihood"});
  expect_refused("--mechanism additive --latents 1",
                 {"one interventional environment per latent", "2 for 1 latents"});
  expect_refused("--mechanism aditive", {"did you mean 'additive'?"});
}

}  // namespace
}  // namespace lodestein::testing
