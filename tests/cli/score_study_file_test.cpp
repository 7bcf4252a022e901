#include <gmock/gmock.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "score_support.hpp"

namespace lodestein::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Json = nlohmann::json;

class ScoreStudyFile : public ScoreToolTest {};

TEST_F(ScoreStudyFile, StudyComparesEstimatorsWithTheTruth) {
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

TEST_F(ScoreStudyFile, BadStudyFiles) {
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

TEST_F(ScoreStudyFile, StopsAndLeavesNothing) {
  write_text_file(folder_ / "long.toml",
                  "samples = 3000\nmodels = 1000\ndifferences = \"classifier\"\n");
  const Outcome run =
      lodestein({"score", "--study", "long.toml", "--out", "s", "--threads", "1"}, 2.0);
  EXPECT_EQ(run.code, 130) << run.err;
  EXPECT_THAT(run.out, IsEmpty());
  EXPECT_THAT(entries(), ElementsAre("long.toml"));
}

TEST_F(ScoreStudyFile, EveryKeyOfAStudyFileIsChecked) {
  for (const auto& [line, expected] : std::map<std::string, std::string>{
           {"scm = \"cubic\"", "'scm' takes 'linear'"},
           {"scm = 3", "'scm' takes 'linear'"},
           {"intervention = \"sfot\"", "did you mean 'soft'?"},
           {"latents = 1", "'latents' takes whole numbers from 2 to 100"},
           {"latents = [3, 101]", "'latents'"},
           {"latents = 2.5", "'latents'"},
           {"samples = 19", "'samples' takes whole numbers from 20"},
           {"models = 0", "'models' takes whole numbers from 1"},
           {"models = [1, 2]", "'models'"},
           {"variance_scale = 0.0", "'variance_scale' takes numbers from"},
           {"variance_scale = \"big\"", "'variance_scale'"},
           {"density = 1.5", "'density' takes numbers from 0 to 1"},
           {"edge_threshold = 0", "'edge_threshold'"},
           {"points = \"ovrlap\"", "did you mean 'overlap'?"},
           {"points = 1", "'points' takes 'observational'"},
           {"score = []", "'score' is an empty list"},
           {"differences = [\"log-ratio\", 1]", "'differences' takes 'auto'"}}) {
    write_text_file(folder_ / "bad.toml", "\n" + line + "\n");
    expect_refused("score --study bad.toml", {"bad.toml:2", expected});
  }
}

TEST_F(ScoreStudyFile, GroupsOfAStudyFileHaveTheirOwnLists) {
  write_text_file(folder_ / "groups.toml",
                  "latents = 2\nsamples = 60\nmodels = 1\nscore = \"gaussian\"\n"
                  "[[group]]\nscm = \"linear\"\n"
                  "[[group]]\nscm = [\"mlp\", \"quadratic\"]\nsamples = 40\nmodels = 2\n"
                  "score = [\"features\"]\ndifferences = \"log-ratio\"\n");
  const Json rows = json_of("score --study groups.toml --seed 1").at("rows");
  ASSERT_EQ(rows.size(), 9u);
  EXPECT_EQ(rows[0].at("scm"), "linear");
  EXPECT_EQ(rows[0].at("estimator"), "gaussian");
  EXPECT_EQ(rows[0].at("samples"), 60);
  for (std::size_t i = 1; i < 9; ++i) {
    EXPECT_EQ(rows[i].at("scm"), i < 5 ? "mlp" : "quadratic");
    EXPECT_EQ(rows[i].at("samples"), 40);
    EXPECT_EQ(rows[i].at("estimator"), i % 2 == 1 ? "features" : "log-ratio, difference");
  }
  // A group's models are those of a file without groups.
  write_text_file(folder_ / "alone.toml",
                  "scm = \"linear\"\nlatents = 2\nsamples = 60\nmodels = 1\n"
                  "score = \"gaussian\"\n");
  Json alone = json_of("score --study alone.toml --seed 1").at("rows")[0], grouped = rows[0];
  for (const char* key : {"seconds", "cpu_seconds", "megabytes"}) {
    alone.erase(key);
    grouped.erase(key);
  }
  EXPECT_EQ(alone, grouped);
}

TEST_F(ScoreStudyFile, BadGroupsOfAStudyFile) {
  for (const auto& [content, expected] : std::map<std::string, std::string>{
           {"group = 3\n", "bad.toml:1: 'group' takes tables: write [[group]]"},
           {"group = []\n", "bad.toml:1: 'group' takes tables"},
           {"[[group]]\nlatents = 3\n", "bad.toml:1: the group names no estimator"},
           {"score = \"gaussian\"\n[[group]]\nlatent = 3\n",
            "bad.toml:3: unknown key 'latent' of a group, the nearest is 'latents'"},
           {"score = \"gaussian\"\n[[group]]\npoints = \"own\"\n",
            "bad.toml:3: unknown key 'points' of a group"},
           {"score = \"gaussian\"\n[[group]]\n[[group]]\nsamples = 2\n",
            "bad.toml:4: 'samples' takes"}}) {
    write_text_file(folder_ / "bad.toml", content);
    expect_refused("score --study bad.toml", {expected});
  }
}

TEST_F(ScoreStudyFile, KeysOfAStudyFileMakeKindsOfModels) {
  write_text_file(
      folder_ / "all.toml",
      "scm = [\"linear\", \"mlp\"]\nintervention = [\"hard\", \"soft\"]\nlatents = [2]\n"
      "samples = [40, 60]\nvariance_scale = [0.25]\nmodels = 1\ndensity = 1.0\n"
      "edge_threshold = 0.01\npoints = \"own\"\nscore = [\"gaussian\"]\n");
  const Json rows = json_of("score --study all.toml --seed 1").at("rows");
  ASSERT_EQ(rows.size(), 8u);  // families, interventions, sizes
  std::set<std::string> kinds;
  for (const Json& row : rows) {
    EXPECT_EQ(row.at("latents"), 2);
    EXPECT_EQ(row.at("estimator"), "gaussian");
    kinds.insert(row.at("scm").get<std::string>() + row.at("intervention").get<std::string>() +
                 std::to_string(row.at("samples").get<int>()));
  }
  EXPECT_EQ(kinds.size(), 8u);
  // The moments' points change what is found, not the models.
  write_text_file(folder_ / "other.toml",
                  "latents = 2\nsamples = 60\nmodels = 1\n"
                  "score = \"gaussian\"\npoints = \"observational\"\n");
  const Json there = json_of("score --study other.toml --seed 1").at("rows")[0];
  write_text_file(folder_ / "other.toml",
                  "latents = 2\nsamples = 60\nmodels = 1\n"
                  "score = \"gaussian\"\npoints = \"own\"\n");
  const Json own = json_of("score --study other.toml --seed 1").at("rows")[0];
  EXPECT_EQ(there.at("score_error"), own.at("score_error"));
  EXPECT_NE(there.dump(), own.dump());
}

}  // namespace
}  // namespace lodestein::testing
