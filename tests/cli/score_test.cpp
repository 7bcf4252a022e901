#include <gmock/gmock.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "lodestein/score/estimate.hpp"
#include "score_support.hpp"

namespace lodestein::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Json = nlohmann::json;
namespace fs = std::filesystem;

class ScoreCommand : public ScoreToolTest {
 protected:
  void simulate() {
    const Outcome run = lodestein(
        "simulate --latents 3 --observed 3 --samples 600 --scm quadratic --seed 7 --out study");
    ASSERT_EQ(run.code, 0) << run.err;
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

TEST_F(ScoreCommand, ComparesWithTheExactScoresOfASimulation) {
  ASSERT_EQ(lodestein("simulate --latents 3 --observed 6 --samples 5000 --seed 7 --out study").code,
            0);
  const std::string what = "score study --method gaussian --differences gaussian ";
  const Outcome text = lodestein(what + "--preprocess pca=3");
  ASSERT_EQ(text.code, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("Against the exact scores"));
  EXPECT_THAT(text.out, HasSubstr("do1, difference at its own samples"));
  const Json truth = Json::parse(lodestein(what + "--preprocess pca=3 --json").out).at("truth");
  ASSERT_EQ(truth.at("scores").size(), 4u);
  for (const Json& score : truth.at("scores")) {  // 9 parameters of 5000 samples: about .03
    EXPECT_LT(score.at("error"), 0.1);
    EXPECT_GT(score.at("cosine"), 0.99);
  }
  EXPECT_EQ(truth.at("differences_own").size(), 3u);
  EXPECT_LT(truth.at("strongest_non_edge"), 0.02);
}

TEST_F(ScoreCommand, SaysWhyExactScoresAreUnknown) {
  ASSERT_EQ(lodestein("simulate --latents 3 --observed 3 --samples 600 --mixing tanh --seed 7 "
                      "--out study")
                .code,
            0);
  EXPECT_THAT(lodestein("score study --method gaussian").out,
              HasSubstr("Exact scores are unknown: the data are no affine function"));
  ASSERT_EQ(
      lodestein("simulate --latents 3 --observed 3 --samples 600 --noise uniform --out study").code,
      0);
  EXPECT_THAT(lodestein("score study --method gaussian").out,
              HasSubstr("Exact scores are unknown: score: the density of uniform noise jumps"));
  simulate();
  EXPECT_THAT(lodestein("score study --method gaussian --environments do1,do2").out,
              HasSubstr("3 of the study's 4 environments are left"));
  EXPECT_THAT(lodestein("score study --method gaussian --preprocess pca=2").out,
              HasSubstr("fewer dimensions than the latents"));
  ASSERT_EQ(lodestein("convert study data.csv").code, 0);
  const Outcome elsewhere = lodestein("score data.csv --method gaussian --json");
  ASSERT_EQ(elsewhere.code, 0) << elsewhere.err;
  EXPECT_TRUE(Json::parse(elsewhere.out).at("truth").is_null());
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

class SmallScoreCommand : public ScoreCommand {
 protected:
  void SetUp() override {
    ScoreCommand::SetUp();
    simulate_small();
  }
};

TEST_F(SmallScoreCommand, MethodsByName) {
  for (const auto& [name, estimator] :
       std::map<std::string, std::string>{{"auto", "gaussian"},
                                          {"gaussian", "gaussian"},
                                          {"stein", "stein"},
                                          {"stein-nystrom", "stein"},
                                          {"kernel", "nu-method"},
                                          {"kernel-curl-free", "nu-method"},
                                          {"landweber", "landweber"},
                                          {"tikhonov", "tikhonov"},
                                          {"cutoff", "spectral cut-off"},
                                          {"ssge", "ssge"},
                                          {"features-vector", "feature score"},
                                          {"features", "feature score"},
                                          {"published", "score-matching"}}) {
    const Json json = json_of("score study --seed 1 --threads 1 --method " + name);
    for (const Json& score : json.at("scores")) {
      if (name != "auto") {
        EXPECT_EQ(score.at("estimator"), estimator);
      }
      EXPECT_EQ(score.at("samples"), 60);
      EXPECT_TRUE(score.at("held_out_loss").is_number()) << name;
    }
    EXPECT_TRUE(json.at("differences").is_null());
  }
}

TEST_F(SmallScoreCommand, DifferencesByName) {
  for (const auto& [name, estimator] :
       std::map<std::string, std::string>{{"gaussian", "plug-in gaussian"},
                                          {"log-ratio", "logistic"},
                                          {"log-ratio-3", "logistic"},
                                          {"log-ratio-fourier", "logistic"},
                                          {"log-ratio-moments", "moment log-ratio"},
                                          {"residual", "residual score matching"},
                                          {"contrastive", "contrastive"},
                                          {"plug-in-ssge", "plug-in ssge"},
                                          {"plug-in-gaussian", "plug-in gaussian"},
                                          {"plug-in-stein", "plug-in stein"},
                                          {"plug-in-published", "plug-in score-matching"}}) {
    const Json json = json_of("score study --seed 1 --threads 1 --differences " + name);
    const Json& differences = json.at("differences");
    EXPECT_EQ(differences.at("estimator"), estimator);
    EXPECT_EQ(differences.at("environments"), Json({"do1", "do2"}));
    EXPECT_EQ(differences.at("points"), "overlap");
    for (const Json& square : differences.at("mean_squares")) EXPECT_GT(square, 0.0) << name;
    EXPECT_THAT(json.at("scores"), IsEmpty());
  }
}

TEST_F(SmallScoreCommand, HelpListsEveryName) {
  const Outcome run = lodestein("score --help");
  ASSERT_EQ(run.code, 0);
  for (const auto& method : named_score_methods()) {
    EXPECT_THAT(run.out, HasSubstr("\n  " + method.name + "  "));
    EXPECT_THAT(run.out, HasSubstr("  " + method.help + "\n"));
  }
  for (const auto& method : named_difference_methods())
    if (!method.name.starts_with("plug-in-")) {
      EXPECT_THAT(run.out, HasSubstr("  " + method.help + "\n"));
    }
  EXPECT_THAT(run.out, HasSubstr("plug-in-NAME"));
}

TEST_F(SmallScoreCommand, PointsAreWhereMomentsAreAveraged) {
  std::map<std::string, std::vector<double>> squares;
  for (const std::string points : {"observational", "own", "both", "overlap"}) {
    const Json json = json_of("score study --differences gaussian --points " + points);
    EXPECT_EQ(json.at("differences").at("points"), points);
    squares[points] = json.at("differences").at("mean_squares").get<std::vector<double>>();
  }
  for (std::size_t m = 0; m < 2; ++m) {
    const double there = squares["observational"][m], own = squares["own"][m];
    EXPECT_NE(there, own);
    EXPECT_NEAR(squares["both"][m], 0.5 * (there + own), 1e-9 * (there + own));
    EXPECT_NE(squares["overlap"][m], squares["both"][m]);
  }
}

TEST_F(SmallScoreCommand, FindingsAreSaidOnceWithTheirRemedy) {
  ASSERT_EQ(lodestein("simulate --latents 2 --observed 2 --samples 19 --seed 7 --out few").code, 0);
  const Outcome run = lodestein("score few --method stein");
  ASSERT_EQ(run.code, 0) << run.err;
  const std::string message = "note: 19 samples are too few to choose a ridge";
  EXPECT_THAT(run.out, HasSubstr(message));
  EXPECT_EQ(run.out.find(message), run.out.rfind(message)) << "of three environments";
  EXPECT_THAT(run.out, HasSubstr("gather at least 20 samples"));
  const Json json = json_of("score few --method stein");
  for (const Json& score : json.at("scores")) {
    ASSERT_EQ(score.at("findings").size(), 1u);
    EXPECT_EQ(score.at("findings")[0].at("code"), "settings-not-chosen");
    EXPECT_EQ(score.at("findings")[0].at("severity"), "note");
    EXPECT_TRUE(score.at("held_out_loss").is_null()) << "NaN has no place in JSON";
  }
}

TEST_F(SmallScoreCommand, OutputOptions) {
  const Outcome quiet = lodestein("score study --method gaussian --out s --quiet");
  EXPECT_EQ(quiet.code, 0);
  EXPECT_THAT(quiet.out, IsEmpty());
  const Json json = Json::parse(read_text(folder_ / "s/score.json"));
  EXPECT_EQ(json.at("features"), Json({"x1", "x2"}));
  EXPECT_EQ(json.at("seed"), 0);
  const Outcome said = lodestein("score study --method gaussian --out s --backend reference");
  EXPECT_THAT(said.out, HasSubstr("Result: s"));
  EXPECT_THAT(Json::parse(read_text(folder_ / "s/score.json")).at("backend").get<std::string>(),
              HasSubstr("reference"));
  // A folder of something else is not replaced.
  ASSERT_EQ(lodestein("fit study --out fit").code, 0);
  expect_refused("score study --method gaussian --out fit", {"fit"});
}

TEST_F(SmallScoreCommand, DataOptionsReachTheReader) {
  ASSERT_EQ(lodestein("convert study data.csv").code, 0);
  const std::string what = "score data.csv --environment-column environment --observational ";
  const Json json = json_of(what +
                            "obs --environments do2 --features x2 --preprocess standardise "
                            "--method gaussian");
  EXPECT_EQ(json.at("features"), Json({"x2"}));
  ASSERT_EQ(json.at("scores").size(), 2u);
  EXPECT_EQ(json.at("scores")[1].at("environment"), "do2");
  expect_refused(what + "nobody", {"nobody"});
}

TEST_F(SmallScoreCommand, NoOptionIsSilentlyWithoutEffect) {
  write_text_file(folder_ / "good.toml", "score = \"gaussian\"\n");
  expect_refused("score study --study good.toml", {"leave INPUT out"});
  for (const std::string option :
       {"--method stein", "--differences auto", "--points own", "--splits 2",
        "--environment-column e", "--observational o", "--environments e", "--features x1",
        "--ignore x1", "--cells c", "--genes g", "--layer l", "--preprocess log1p"}) {
    const std::string flag = option.substr(0, option.find(' '));
    expect_refused("score --study good.toml " + option, {flag + " has no effect with --study"});
  }
  expect_refused("score study --points everywhere --differences auto", {"--points", "overlap"});
}

}  // namespace
}  // namespace lodestein::testing
