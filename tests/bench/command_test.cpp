#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "bench/results.hpp"
#include "tests/cli/tool.hpp"

namespace lodestein::bench {
namespace {

using lodestein::testing::Outcome;
using lodestein::testing::read_text;

class BenchCommand : public lodestein::testing::ToolTest {
 protected:
  // A small benchmark that takes milliseconds, with `more` options.
  Outcome moments(const std::vector<std::string>& more) const {
    std::vector<std::string> words{"--quick",  "--threads", "1",  "--filter",
                                   "^moments", "--n",       "500"};
    words.insert(words.end(), more.begin(), more.end());
    return bench(words);
  }
  Outcome bench(std::vector<std::string> words) const {
    words.insert(words.begin(), LODESTEIN_BENCH_PATH);
    return lodestein::testing::run_program(words, folder_);
  }
};

TEST_F(BenchCommand, AxesChooseTheSizes) {
  const Outcome outcome = bench({"--list", "--threads", "1", "--d", "3,4", "--n", "70"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("moments/d:3/n:70/backend:cpu/threads:1"), std::string::npos);
  EXPECT_NE(outcome.out.find("moments/d:4/n:70/backend:cpu/threads:1"), std::string::npos);
  EXPECT_EQ(outcome.out.find("solve/"), std::string::npos);
}

TEST_F(BenchCommand, SeveralBackendsAndThreadsAreMeasured) {
  const Outcome outcome = bench({"--quick", "--filter", "^moments", "--d", "3", "--n", "70",
                                 "--backend", "cpu,reference", "--threads", "1,2"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  for (const char* suffix : {"backend:cpu/threads:1", "backend:cpu/threads:2", "backend:reference"})
    EXPECT_NE(outcome.out.find(suffix), std::string::npos) << suffix;
}

TEST_F(BenchCommand, FilesOfEveryKindHaveTheResults) {
  const Outcome outcome = moments(
      {"--d", "3", "--repetitions", "3", "--out", "a.json", "--out", "a.csv", "--out", "a.md"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const std::vector<Result> results = read_results(folder_ / "a.json");
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results.front().name, "moments/d:3/n:500/backend:cpu/threads:1");
  EXPECT_EQ(results.front().unit, "samples");
  EXPECT_EQ(results.front().rates.size(), 3u);
  EXPECT_LT(results.front().counters.at("error"), 1e-12);
  EXPECT_NE(read_text(folder_ / "a.csv").find("\nmoments,cpu,1,3,500,samples,"), std::string::npos);
  const std::string page = read_text(folder_ / "a.md");
  EXPECT_NE(page.find("| cpu | 1 | cpu: 1 thread"), std::string::npos) << page;
  EXPECT_NE(page.find("| moments/d:3/n:500/backend:cpu/threads:1 |"), std::string::npos);
}

TEST_F(BenchCommand, ASlowerBenchmarkGivesTheExitCodeThatWasAskedFor) {
  ASSERT_EQ(moments({"--d", "3", "--repetitions", "3", "--out", "a.json"}).code, 0);
  nlohmann::json old = nlohmann::json::parse(read_text(folder_ / "a.json"));
  for (auto& run : old["benchmarks"]) {
    if (run.value("run_type", "") == "iteration") run["throughput"] = 1e15;
  }
  lodestein::testing::write_text_file(folder_ / "old.json", old.dump());
  const std::vector<std::string> compare{"--d", "3",          "--repetitions",
                                         "3",   "--baseline", "old.json"};
  Outcome outcome = moments(compare);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("**slower**"), std::string::npos) << outcome.out;
  std::vector<std::string> failing = compare;
  failing.insert(failing.end(), {"--fail-if-slower", "5"});
  outcome = moments(failing);
  EXPECT_EQ(outcome.code, 2);
  EXPECT_NE(outcome.err.find("moments/d:3/n:500/backend:cpu/threads:1 is slower"),
            std::string::npos);
}

TEST_F(BenchCommand, TheDeviceTableHasLimits) {
  const Outcome outcome = bench({"--devices", "--threads", "1"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("| cpu | 1 | cpu: 1 thread"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find(" G |"), std::string::npos) << outcome.out;
}

// The loops that measure a GPU run on the executor, which checks what they compute.
TEST_F(BenchCommand, TheLoopsOfAGpuComputeWhatTheyShould) {
  const Outcome outcome = bench({"--devices", "--backend", "simt"});
  if (outcome.err.find("LODESTEIN_SIMT") != std::string::npos) GTEST_SKIP() << outcome.err;
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("| simt |"), std::string::npos) << outcome.out;
}

TEST_F(BenchCommand, WholeJobsShowTheQualityOfTheirAnswer) {
  const Outcome outcome =
      bench({"--quick", "--threads", "1", "--filter", "^job/linear/latents:5/d:15"});
  EXPECT_EQ(outcome.code, 0) << outcome.err << outcome.out;
  EXPECT_NE(outcome.out.find("1-MCC "), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("SHD "), std::string::npos) << outcome.out;
}

TEST_F(BenchCommand, MistakesAreNamed) {
  const std::pair<std::vector<std::string>, const char*> mistakes[] = {
      {{"--fliter", "x"}, "the nearest is --filter"},
      {{"--d", "0"}, "--d"},
      {{"--backend", "gpu"}, "--backend"},
      {{"--out", "a.txt"}, "a name ends in .json, .csv or .md"},
      {{"--baseline", "nowhere.json"}, "nowhere.json"},
      {{"--fail-if-slower", "5"}, "--baseline"},
      {{"--filter", "^nothing", "--quick"}, "no benchmark has such a name"},
      {{"--quick", "--filter", "^moments", "--order", "3"}, "all the axes given"}};
  for (const auto& [words, message] : mistakes) {
    const Outcome outcome = bench(words);
    EXPECT_EQ(outcome.code, 1) << words.front();
    EXPECT_NE(outcome.err.find(message), std::string::npos) << outcome.err;
  }
}

TEST_F(BenchCommand, OptionsWithoutEffectAreRefused) {
  const std::pair<std::vector<std::string>, const char*> mistakes[] = {
      {{"--list", "--out", "a.json"}, "--out has no effect with --list"},
      {{"--list", "--baseline", "a.json"}, "--baseline has no effect with --list"},
      {{"--list", "--seconds", "2"}, "--seconds has no effect with --list"},
      {{"--quick", "--seconds", "2"}, "--seconds has no effect with --quick"},
      {{"--quick", "--no-limits"}, "--no-limits has no effect with --quick"},
      {{"--quick", "--backend", "reference", "--threads", "2"},
       "--threads has no effect without --backend cpu"},
      {{"--devices", "--filter", "x"}, "--filter has no effect with --devices"},
      {{"--devices", "--d", "3"}, "--d has no effect with --devices"},
      {{"--devices", "--benchmark_color=true"}, "--benchmark_color=true has no effect"},
      {{"--static-gpu", "--devices"}, "--devices has no effect with --static-gpu"},
      {{"--static-gpu", "--backend", "cuda"}, "--backend has no effect with --static-gpu"}};
  lodestein::testing::write_text_file(folder_ / "a.json", "{}");
  for (const auto& [words, message] : mistakes) {
    const Outcome outcome = bench(words);
    EXPECT_EQ(outcome.code, 1) << message;
    EXPECT_NE(outcome.err.find(message), std::string::npos) << outcome.err;
  }
}

TEST_F(BenchCommand, AJobWithoutAnEstimateSaysWhatTheDiagnosisSays) {
  // Too few samples to tell the environments apart.
  const Outcome outcome =
      bench({"--quick", "--threads", "1", "--filter", "^job/linear", "--n", "12"});
  EXPECT_EQ(outcome.code, 1);
  const std::string all = outcome.out + outcome.err;
  EXPECT_NE(all.find("no estimate: "), std::string::npos) << all;
}

TEST_F(BenchCommand, HelpExplainsEveryAxis) {
  const Outcome outcome = bench({"--help"});
  EXPECT_EQ(outcome.code, 0);
  for (const char* part : {"--d", "--order", "Examples", "--baseline", "Exit code"})
    EXPECT_NE(outcome.out.find(part), std::string::npos) << part;
}

}  // namespace
}  // namespace lodestein::bench
