#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tool.hpp"

namespace lodestein::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Json = nlohmann::json;
namespace fs = std::filesystem;

class ScoreCommand : public ToolTest {
 protected:
  void simulate() {
    const Outcome run = lodestein(
        "simulate --latents 3 --observed 3 --samples 600 --scm quadratic --seed 7 --out study");
    ASSERT_EQ(run.code, 0) << run.err;
  }
  void expect_refused(const std::string& arguments, const std::vector<std::string>& expected) {
    const auto before = entries();
    const Outcome run = lodestein(arguments);
    EXPECT_EQ(run.code, 1) << arguments << "\n" << run.out;
    for (const std::string& text : expected) EXPECT_THAT(run.err, HasSubstr(text)) << arguments;
    EXPECT_EQ(entries(), before) << "output was left by: " << arguments;
  }
};

TEST_F(ScoreCommand, PrintsScoresAndWhyTheyWereChosen) {
  simulate();
  const Outcome run = lodestein("score study --seed 1");
  ASSERT_EQ(run.code, 0) << run.err;
  for (const char* text : {"Scores", "obs", "held-out loss", "was chosen"})
    EXPECT_THAT(run.out, HasSubstr(text));
  EXPECT_THAT(run.out, ::testing::Not(HasSubstr("Score differences")));
  EXPECT_THAT(entries(), ElementsAre("study"));
}

TEST_F(ScoreCommand, WritesScoresDifferencesOverlapAndMoments) {
  simulate();
  const Outcome run = lodestein(
      "score study --method gaussian --differences log-ratio --points both --out s --json");
  ASSERT_EQ(run.code, 0) << run.err;
  const Json json = Json::parse(run.out);
  EXPECT_EQ(json, Json::parse(read_text(folder_ / "s/score.json")));
  EXPECT_EQ(json.at("scores").size(), 4u);
  EXPECT_EQ(json.at("scores")[0].at("estimator"), "gaussian");
  EXPECT_LT(json.at("scores")[0].at("held_out_loss"), 0.0);
  EXPECT_EQ(json.at("differences").at("held_out_losses").size(), 3u);
  EXPECT_EQ(json.at("differences").at("points"), "both");
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(folder_ / "s"))
    files.push_back(entry.path().filename());
  std::sort(files.begin(), files.end());
  EXPECT_THAT(files, ElementsAre("differences.npz", "moments.npz", "overlap.npz", "score.json",
                                 "scores.npz"));
  // scores.npz is one array per environment, so that it reads as a data set.
  const Outcome read = lodestein("convert s/scores.npz scores.csv --json");
  ASSERT_EQ(read.code, 0) << read.err;
  EXPECT_EQ(Json::parse(read.out).at("samples"), 2400);
}

TEST_F(ScoreCommand, DifferencesAloneLeaveScoresOut) {
  simulate();
  const Outcome run = lodestein("score study --differences gaussian --out s");
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("Score differences by plug-in gaussian"));
  EXPECT_FALSE(fs::exists(folder_ / "s/scores.npz"));
  ASSERT_EQ(lodestein("score study --method gaussian --out s").code, 0) << "replaces its own";
  EXPECT_TRUE(fs::exists(folder_ / "s/scores.npz"));
}

TEST_F(ScoreCommand, SameSeedSameBits) {
  simulate();
  const std::string what = "score study --method kernel --differences log-ratio --seed 3 ";
  ASSERT_EQ(lodestein(what + "--threads 1 --out a").code, 0);
  ASSERT_EQ(lodestein(what + "--threads 3 --out b").code, 0);
  for (const char* file : {"scores.npz", "differences.npz", "overlap.npz", "moments.npz"})
    EXPECT_EQ(read_text(folder_ / "a" / file), read_text(folder_ / "b" / file)) << file;
}

TEST_F(ScoreCommand, BadInput) {
  simulate();
  expect_refused("score", {"--study"});
  expect_refused("score nowhere --out s", {"nowhere"});
  expect_refused("score study --method stien", {"did you mean 'stein'?"});
  expect_refused("score study --differences klassifier", {"did you mean 'classifier'?"});
  expect_refused("score study --points own", {"--differences"});
  expect_refused("score study --out study", {"study"});
  write_text_file(folder_ / "tiny.csv", "env,a,b\nobs,1,2\nobs,3,1\nka,1,5\n");
  expect_refused("score tiny.csv --environment-column env --observational obs --out s", {"'ka'"});
}

TEST_F(ScoreCommand, StudyComparesEstimatorsWithTheTruth) {
  write_text_file(folder_ / "quick.toml",
                  "latents = 3\nsamples = [300]\nmodels = 2\nscore = \"gaussian\"\n"
                  "differences = [\"log-ratio\"]\n");
  const Outcome run = lodestein("score --study quick.toml --seed 1 --out table");
  ASSERT_EQ(run.code, 0) << run.err;
  for (const char* text : {"3 latents, quadratic", "| gaussian |", "| log-ratio, difference |"})
    EXPECT_THAT(run.out, HasSubstr(text));
  EXPECT_EQ(read_text(folder_ / "table/table.md"), run.out);
  const std::string csv = read_text(folder_ / "table/results.csv");
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 5);
  const Outcome json = lodestein("score --study quick.toml --seed 1 --json");
  for (const Json& row : Json::parse(json.out).at("rows")) {
    EXPECT_EQ(row.at("problem"), "");
    EXPECT_EQ(row.at("score_error").is_null(), row.at("estimator") != "gaussian");
    EXPECT_LT(row.at("own_error"), 2.0);
    EXPECT_GT(row.at("mcc"), 0.5);
  }
}

TEST_F(ScoreCommand, BadStudyFiles) {
  const auto refused = [&](const std::string& content, const std::vector<std::string>& expected) {
    write_text_file(folder_ / "bad.toml", content);
    expect_refused("score --study bad.toml --out s", expected);
  };
  refused("", {"bad.toml", "names no estimator"});
  refused("score = [\"gausian\"]\n", {"bad.toml:1", "'gaussian'?"});
  refused("\nlatent = 3\n", {"bad.toml:2", "'latents'"});
  refused("samples = [-1]\n", {"bad.toml:1", "'samples'"});
  refused("samples = []\n", {"empty list"});
  refused("samples = [", {"bad.toml:1"});
  expect_refused("score --study nowhere.toml", {"nowhere.toml"});
  write_text_file(folder_ / "good.toml", "score = \"gaussian\"\n");
  expect_refused("score --study good.toml --method stein", {"--method", "no effect"});
}

TEST_F(ScoreCommand, StopsAndLeavesNothing) {
  write_text_file(folder_ / "long.toml",
                  "samples = 3000\nmodels = 1000\ndifferences = \"classifier\"\n");
  const Outcome run =
      lodestein({"score", "--study", "long.toml", "--out", "s", "--threads", "1"}, 2.0);
  EXPECT_EQ(run.code, 130) << run.err;
  EXPECT_THAT(run.out, IsEmpty());
  EXPECT_THAT(entries(), ElementsAre("long.toml"));
}

}  // namespace
}  // namespace lodestein::testing
