#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "sweep_support.hpp"

namespace lodestein::testing {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

class Slurm : public SweepToolTest {
 protected:
  /// What a job of the array does.
  Outcome run_part(const std::string& part) const {
    return run_program({"env", "SLURM_ARRAY_TASK_ID=" + part, "bash", "sweep.sh"}, folder_);
  }
};

TEST_F(Slurm, TheArrayGivesTheTableOfOneRun) {
  write_study(3);
  ASSERT_EQ(
      lodestein("sweep study.toml --out whole.db --backend cpu --seed 5 --only latents=5").code, 0);
  const Outcome script = lodestein(
      "sweep study.toml --out all.db --backend cpu --seed 5 --only latents=5 --slurm-array 3");
  ASSERT_EQ(script.code, 0) << script.err;
  EXPECT_THAT(script.out, HasSubstr("#SBATCH --array=1-3\n"));
  EXPECT_THAT(script.out, HasSubstr("#SBATCH --cpus-per-task=1\n"));
  write_text_file(folder_ / "sweep.sh", script.out);
  for (const char* part : {"1", "2", "3", "2"}) {  // one is submitted again
    const Outcome run = run_part(part);
    ASSERT_EQ(run.code, 0) << run.err;
  }
  const Outcome merged = run_program({"bash", "sweep.sh", "merge"}, folder_);
  ASSERT_EQ(merged.code, 0) << merged.err;
  EXPECT_THAT(merged.out, HasSubstr("Took over 12 cells"));
  EXPECT_EQ(table("all.db"), table("whole.db"));
}

TEST_F(Slurm, OptionsOfTheRunAreInTheScript) {
  write_study(3);
  const Outcome script = lodestein({"sweep", "study.toml", "--out", "my results.db",
                                    "--slurm-array", "2", "--backend", "cuda", "--threads", "4",
                                    "--retry-failed", "--changed-study", "accept", "--json"});
  ASSERT_EQ(script.code, 0) << script.err;
  const Json json = Json::parse(script.out);
  EXPECT_EQ(json.at("shards"), 2);
  const std::string text = json.at("script");
  for (const char* part :
       {"--gpus=1\n", "--cpus-per-task=4\n", "--backend cuda --threads 4 --retry-failed",
        "--changed-study accept", "my results.db'"})
    EXPECT_THAT(text, HasSubstr(part));
  write_text_file(folder_ / "sweep.sh", text);
  EXPECT_EQ(run_program({"bash", "-n", "sweep.sh"}, folder_).code, 0);
  EXPECT_THAT(run_program({"bash", "sweep.sh"}, folder_).err, HasSubstr("SLURM_ARRAY_TASK_ID"));
}

TEST_F(Slurm, MergesWhatIsThereWhenAPartHasOnlyFailures) {
  write_text_file(folder_ / "study.toml",
                  "models = 1\nsamples = [3, 300]\nobserved = 6\nmethod = \"likelihood\"\n");
  const Outcome script = lodestein("sweep study.toml --out all.db --slurm-array 2");
  ASSERT_EQ(script.code, 0) << script.err;
  EXPECT_THAT(script.out, HasSubstr("--dependency=afterany:"));
  write_text_file(folder_ / "sweep.sh", script.out);
  EXPECT_EQ(run_part("1").code, 2) << "3 samples are too few";
  EXPECT_EQ(run_part("2").code, 0);
  const Outcome merged = run_program({"bash", "sweep.sh", "merge"}, folder_);
  EXPECT_EQ(merged.code, 0) << merged.err;
  EXPECT_THAT(merged.out, HasSubstr("2 of 2 cells have run, 1 failed"));
}

TEST_F(Slurm, ProcessesOfSrunAreToldThatTheyDontShare) {
  write_study(1);
  const auto run = [&](const std::string& variable, const std::vector<std::string>& more) {
    std::vector<std::string> command{"env",   variable, LODESTEIN_TOOL_PATH, "sweep", "study.toml",
                                     "--out", "x.db"};
    command.insert(command.end(), more.begin(), more.end());
    return run_program(command, folder_);
  };
  for (const char* variable : {"SLURM_STEP_NUM_TASKS=4", "PMI_SIZE=4", "PMIX_RANK=3"}) {
    const Outcome alone = run(variable, {});
    EXPECT_EQ(alone.code, 1);
    EXPECT_THAT(alone.err, HasSubstr("one of 4 processes"));
    EXPECT_THAT(alone.err, HasSubstr("--slurm-array"));
  }
  EXPECT_EQ(run("SLURM_STEP_NUM_TASKS=1", {}).code, 0);
  EXPECT_EQ(run("SLURM_STEP_NUM_TASKS=4", {"--shard", "1/4"}).code, 0);
}

TEST_F(Slurm, MistakesAreTold) {
  write_study(1);
  const auto refused = [&](const std::string& arguments) {
    const Outcome run = lodestein("sweep study.toml " + arguments);
    EXPECT_EQ(run.code, 1);
    return run.err;
  };
  EXPECT_THAT(refused("--slurm-array 2"), HasSubstr("--out is missing"));
  EXPECT_THAT(refused("--out x.db --slurm-array 5"), HasSubstr("the study has only 4 data sets"));
  EXPECT_THAT(refused("--out x.db --slurm-array 0"), HasSubstr("'0' is not"));
  EXPECT_THAT(refused("--out x.db --slurm-array 2 --shard 1/2"),
              HasSubstr("--shard has no effect with --slurm-array"));
  EXPECT_THAT(refused("--out x.db --slurm-array 2 --merge y.db"),
              HasSubstr("--merge has no effect with --slurm-array"));
  EXPECT_THAT(refused("--out x.db --slurm-array 2 --dry-run"),
              HasSubstr("--dry-run has no effect with --slurm-array"));
  EXPECT_THAT(refused("--out x.db --slurm-array 2 --only n=3"), HasSubstr("no field 'n'"));
}

}  // namespace
}  // namespace lodestein::testing
