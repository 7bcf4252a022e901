#include <gmock/gmock.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <nlohmann/json.hpp>
#include <thread>

#include "sweep_support.hpp"

namespace lodestein::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;
namespace fs = std::filesystem;

using Sweep = SweepToolTest;

TEST_F(Sweep, RunsGoesOnAndExports) {
  write_study(2);
  const Outcome part = lodestein(
      "sweep study.toml --out results.db --only latents=5,method=lscale --threads 2 --json");
  ASSERT_EQ(part.code, 0) << part.err;
  EXPECT_EQ(Json::parse(part.out).at("ran"), 4);
  EXPECT_EQ(Json::parse(part.out).at("cells"), 16);
  const Outcome rest = lodestein("sweep study.toml --out results.db --threads 2");
  ASSERT_EQ(rest.code, 0) << rest.err;
  EXPECT_THAT(rest.out, HasSubstr("Ran 12 cells"));
  EXPECT_THAT(rest.out, HasSubstr("results.db: 16 of 16 cells have run, 0 failed"));
  EXPECT_THAT(lodestein("sweep study.toml --out results.db").out, HasSubstr("Ran 0 cells"));
  for (const char* file : {"t.csv", "t.jsonl", "t.npz"})
    EXPECT_EQ(lodestein(std::string("sweep results.db --export ") + file).code, 0);
  EXPECT_THAT(entries(), ElementsAre("results.db", "study.toml", "t.csv", "t.jsonl", "t.npz"));
}

TEST_F(Sweep, DryRunShowsThePlanAndWritesNothing) {
  write_study(50);
  const Outcome text = lodestein("sweep study.toml --dry-run");
  ASSERT_EQ(text.code, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("study: 400 cells in 8 settings, 200 data sets"));
  EXPECT_THAT(text.out, HasSubstr("'300', '3000'"));
  EXPECT_THAT(text.out, HasSubstr("To run: 400 cells, about "));
  const Json json = Json::parse(lodestein("sweep study.toml --dry-run --shard 1/2 --json").out);
  EXPECT_EQ(json.at("to_run"), 200);
  EXPECT_GT(json.at("seconds"), 0.0);
  EXPECT_THAT(entries(), ElementsAre("study.toml"));
}

TEST_F(Sweep, MistakesAreToldBeforeAnythingRuns) {
  write_text_file(folder_ / "study.toml", "metod = \"lscale\"\nlatents = 0\n");
  const Outcome run = lodestein("sweep study.toml --out results.db");
  EXPECT_EQ(run.code, 1);
  EXPECT_THAT(run.err, HasSubstr("study.toml:1: unknown key 'metod'; did you mean 'method'?"));
  EXPECT_THAT(run.err, HasSubstr("study.toml:2: 'latents' takes whole numbers from 1"));
  EXPECT_THAT(entries(), ElementsAre("study.toml"));

  write_study(1);
  EXPECT_THAT(lodestein("sweep study.toml").err, HasSubstr("--out is missing"));
  EXPECT_THAT(lodestein("sweep study.toml --out x.db --shard 3/2").err, HasSubstr("1 <= I <= N"));
  EXPECT_THAT(lodestein("sweep study.toml --out x.db --only n=3").err, HasSubstr("no field 'n'"));
  EXPECT_THAT(lodestein("sweep study.toml --out x.db --export t.csv").err,
              HasSubstr("--out has no effect with --export"));
  EXPECT_THAT(lodestein("sweep x.db --export t.csv --progress json").err,
              HasSubstr("--progress has no effect with --export"));
  EXPECT_THAT(lodestein("sweep study.toml --out x.db --merge y.db --progress bar").err,
              HasSubstr("--progress has no effect with --merge"));
  EXPECT_THAT(lodestein("sweep study.toml --dry-run --retry-failed").err,
              HasSubstr("--retry-failed has no effect with --dry-run unless --out names a store"));
  EXPECT_THAT(lodestein("sweep nothing.db --export t.csv").err, HasSubstr("no such store"));
  EXPECT_THAT(lodestein("sweep study.toml --out no/x.db").err, HasSubstr("is there such a folder"));
  EXPECT_THAT(entries(), ElementsAre("study.toml")) << "a wrong selection makes no store";
}

TEST_F(Sweep, FilesInPlaceOfOneAnotherAreNamed) {
  write_text_file(folder_ / "empty.toml", "");
  EXPECT_THAT(lodestein("sweep empty.toml --dry-run").err,
              HasSubstr("empty.toml:1: names no method"));
  write_study(1);
  const char* hint = "`lodestein sweep STUDY.toml --out results.db` makes one";
  EXPECT_THAT(lodestein("report study.toml").err, HasSubstr(hint));
  EXPECT_THAT(lodestein("sweep study.toml --export t.csv").err, HasSubstr(hint));
  ASSERT_EQ(lodestein("sweep study.toml --out results.db").code, 0);
  const Outcome store = lodestein("sweep results.db --out other.db");
  EXPECT_EQ(store.code, 1);
  EXPECT_THAT(store.err, HasSubstr("results.db: is the store of a sweep, not a study file"));
  EXPECT_THAT(store.err, HasSubstr("--export"));
}

TEST_F(Sweep, OnlyTakesNamesWithCommas) {
  write_text_file(folder_ / "study.toml",
                  "models = 1\ndata = \"moments\"\nmethod = [\"lscale\", \"lcd\"]\n"
                  "[[group]]\nname = \"hard,c\"\nlatents = [2, 3]\n"
                  "[[group]]\nname = \"soft\"\nintervention = \"hard\"\nlatents = 4\n");
  const Outcome run = lodestein(
      "sweep study.toml --out x.db --json --only group=hard,c,method=lcd --only "
      "latents=3");
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(Json::parse(run.out).at("ran"), 1);
}

TEST_F(Sweep, ThePageOfTheCommandLineHasEveryOption) {
  const std::string page = read_text(fs::path(LODESTEIN_SOURCE_DIR) / "docs/cli.md");
  const std::size_t begin = page.find("\n## sweep\n"), end = page.find("\n## ", begin + 1);
  const std::string common = page.substr(0, page.find("\n## simulate\n"));
  const std::string section = page.substr(begin, end - begin);
  const std::string help = lodestein("sweep --help").out;
  std::size_t options = 0;
  for (std::size_t at = help.find("--"); at != std::string::npos; at = help.find("--", at + 2)) {
    const std::string name =
        help.substr(at, help.find_first_not_of("abcdefghijklmnopqrstuvwxyz-", at) - at);
    if (name == "--help") continue;
    ++options;
    EXPECT_TRUE(section.find(name) != std::string::npos || common.find(name) != std::string::npos)
        << name;
  }
  EXPECT_GT(options, 10u);
}

TEST_F(Sweep, TheStudyFilesOfThePageAreRight) {
  const std::string page = read_text(fs::path(LODESTEIN_SOURCE_DIR) / "docs/sweep.md");
  const std::string fence = "```toml\n";
  std::size_t studies = 0;
  for (std::size_t at = page.find(fence); at != std::string::npos; at = page.find(fence, at)) {
    at += fence.size();
    write_text_file(folder_ / "study.toml", page.substr(at, page.find("```", at) - at));
    const Outcome run = lodestein("sweep study.toml --dry-run --json");
    EXPECT_EQ(run.code, 0) << run.err;
    ++studies;
  }
  EXPECT_GT(studies, 0u);
}

TEST_F(Sweep, AChangedStudyNeedsAWord) {
  write_study(1);
  ASSERT_EQ(lodestein("sweep study.toml --out results.db").code, 0);
  write_study(2);
  const Outcome refused = lodestein("sweep study.toml --out results.db");
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.err, HasSubstr("--changed-study accept"));
  const Outcome accepted = lodestein("sweep study.toml --out results.db --changed-study accept");
  ASSERT_EQ(accepted.code, 0) << accepted.err;
  EXPECT_THAT(accepted.out, HasSubstr("Ran 8 cells"));
}

TEST_F(Sweep, ShardsMergeIntoTheTableOfOneRun) {
  write_study(3);
  ASSERT_EQ(lodestein("sweep study.toml --out whole.db").code, 0);
  for (const char* shard : {"1", "2"}) {
    ASSERT_EQ(lodestein(std::string("sweep study.toml --shard ") + shard + "/2 --out part" + shard +
                        ".db")
                  .code,
              0);
  }
  const Outcome merged = lodestein("sweep study.toml --out all.db --merge part1.db,part2.db");
  ASSERT_EQ(merged.code, 0) << merged.err;
  EXPECT_THAT(merged.out, HasSubstr("Took over 24 cells"));
  EXPECT_EQ(table("all.db"), table("whole.db"));
}

TEST_F(Sweep, FailedCellsAreCountedWithTheirCauses) {
  write_text_file(folder_ / "study.toml",
                  "models = 2\nsamples = [3, 300]\nobserved = 6\nmethod = \"likelihood\"\n");
  const Outcome run = lodestein("sweep study.toml --out results.db");
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("4 of 4 cells have run, 2 failed (error 2)"));
  EXPECT_EQ(lodestein("sweep study.toml --out results.db --retry-failed").code, 2)
      << "not one cell of this run succeeded";
}

TEST_F(Sweep, KilledAtRandomMomentsItLosesNothing) { survives_kills(5, 150); }

TEST_F(Sweep, StopsWithinASecondAndSaysHowToGoOn) {
  write_study(10000);
  const auto began = std::chrono::steady_clock::now();
  const Outcome run = run_program(sweep_command("results.db"), folder_, 3.0);
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - began;
  EXPECT_EQ(run.code, 130) << run.err;
  EXPECT_LT(taken.count(), 3.0 + 1.5) << "a second, and some for a busy machine";
  EXPECT_THAT(run.err, HasSubstr("To go on:"));
  EXPECT_THAT(run.err, HasSubstr("lodestein sweep study.toml --out results.db"));
  EXPECT_THAT(run.err, Not(HasSubstr("stopped; 0 of")));
  EXPECT_FALSE(fs::exists(folder_ / "results.db.lock"));
}

TEST_F(Sweep, StopsOnceIfItIsSignalledTwice) {
  write_study(10000);
  for (const auto& [signal, code] : {std::pair("INT", 130), {"TERM", 143}, {"HUP", 129}}) {
    // timeout signals the process and then its group.
    std::vector<std::string> command{"env",     std::string("--default-signal=") + signal,
                                     "timeout", "--preserve-status",
                                     "-s",      signal,
                                     "3"};
    const auto sweep = sweep_command(std::string(signal) + ".db");
    command.insert(command.end(), sweep.begin(), sweep.end());
    const Outcome run = run_program(command, folder_);
    EXPECT_EQ(run.code, code) << run.err;
    EXPECT_THAT(run.err, HasSubstr("To go on:"));
    EXPECT_FALSE(fs::exists(folder_ / (std::string(signal) + ".db.lock")));
  }
}

TEST_F(Sweep, StopsALongCellToo) {
  // One cell that takes minutes.
  write_text_file(folder_ / "study.toml",
                  "models = 2\nlatents = 40\nobserved = 60\nsamples = 100000\nmethod = "
                  "[\"likelihood\"]\nscm = \"mlp\"\n");
  const auto began = std::chrono::steady_clock::now();
  const Outcome run = run_program(sweep_command("results.db"), folder_, 2.0);
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - began;
  EXPECT_EQ(run.code, 130) << run.err;
  EXPECT_LT(taken.count(), 2.0 + 1.5);
  EXPECT_THAT(run.err, HasSubstr("To go on:"));
}

TEST_F(Sweep, TheSecondRunIsToldWhoHoldsTheStore) {
  write_study(10000);
  Child first(sweep_command("results.db"), folder_);
  while (first.running() && !fs::exists(folder_ / "results.db"))
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const Outcome second = run_program(sweep_command("results.db"), folder_);
  EXPECT_EQ(second.code, 1);
  EXPECT_THAT(second.err, HasSubstr("results.db: is being written by process "));
  EXPECT_TRUE(first.running());
}

TEST_F(Sweep, AFolderThatCantBeWrittenIsAClearError) {
  write_study(1);
  std::vector<std::string> command = sweep_command("results.db");
  if (geteuid() == 0) {  // root may write anywhere
    const std::vector<std::string> nobody{"setpriv", "--reuid=65534", "--clear-groups"};
    command.insert(command.begin(), nobody.begin(), nobody.end());
  } else {
    fs::permissions(folder_, fs::perms::owner_read | fs::perms::owner_exec);
  }
  const std::vector<std::string> inside = command;
  const Outcome run = run_program(inside, folder_);
  fs::permissions(folder_, fs::perms::owner_all);
  if (run.code == 127 || run.code == 126) GTEST_SKIP() << "no setpriv: " << run.err;
  EXPECT_EQ(run.code, 1);
  EXPECT_THAT(run.err, HasSubstr("Permission denied"));
  EXPECT_THAT(run.err, HasSubstr("may you write to it?"));
  EXPECT_THAT(entries(), ElementsAre("study.toml"));
}

TEST_F(Sweep, AFullDiskIsAClearErrorAndKeepsWhatWasCommitted) {
  write_study(60);
  ASSERT_EQ(lodestein("sweep study.toml --out results.db --only model=0 --threads 2").code, 0);
  const std::string before = table("results.db");
  const auto size = fs::file_size(folder_ / "results.db");
  std::vector<std::string> command = sweep_command("results.db");
  const std::vector<std::string> limited{"prlimit", "--fsize=" + std::to_string(size + 20000)};
  command.insert(command.begin(), limited.begin(), limited.end());
  const Outcome run = run_program(command, folder_);
  if (run.code == 127) GTEST_SKIP() << "no prlimit";
  EXPECT_EQ(run.code, 1) << run.out;
  EXPECT_THAT(run.err, HasSubstr("is the disk full?"));
  const std::string after = table("results.db");
  EXPECT_GE(after.size(), before.size());
  EXPECT_EQ(after.substr(0, before.size()), before) << "model 0 stands first";

  ASSERT_EQ(run_program(sweep_command("results.db"), folder_).code, 0);
  ASSERT_EQ(run_program(sweep_command("undisturbed.db"), folder_).code, 0);
  EXPECT_EQ(table("results.db"), table("undisturbed.db"));
}

}  // namespace
}  // namespace lodestein::testing
