#include <gmock/gmock.h>

#include <chrono>
#include <csignal>
#include <nlohmann/json.hpp>
#include <thread>

#include "sweep_support.hpp"

namespace lodestein::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;
namespace fs = std::filesystem;

using Mpirun = MpirunTest;

std::size_t occurrences(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
    ++count;
  return count;
}

TEST_F(Mpirun, RanksGiveTheTableOfOneProcess) {
  write_study(20);
  ASSERT_EQ(run_program(sweep_command("alone.db"), folder_).code, 0);
  for (const int ranks : {1, 2, 4}) {
    const std::string store = "ranks" + std::to_string(ranks) + ".db";
    const Outcome run = run_program(
        mpirun(ranks, {LODESTEIN_TOOL_PATH, "sweep", "study.toml", "--out", store, "--json"}),
        folder_);
    ASSERT_EQ(run.code, 0) << run.err;
    EXPECT_EQ(Json::parse(run.out).at("ran"), 160) << "one rank talks";
    EXPECT_EQ(table(store), table("alone.db"));
    EXPECT_FALSE(fs::exists(folder_ / (store + ".lock")));
  }
}

TEST_F(Mpirun, RanksGoOnWhereAnotherRunStopped) {
  write_study(10);
  ASSERT_EQ(lodestein("sweep study.toml --out results.db --only model=3 --backend cpu").code, 0);
  const Outcome run = run_program(mpirun(2, {LODESTEIN_TOOL_PATH, "sweep", "study.toml", "--out",
                                             "results.db", "--backend", "cpu", "--threads", "1"}),
                                  folder_);
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("Ran 72 cells"));
}

TEST_F(Mpirun, RanksKilledAtRandomMomentsLoseNothing) { survives_kills_of_ranks(4, 150, 2); }

TEST_F(Mpirun, StopsWithinASecondAndSaysHowToGoOn) {
  write_study(4000);
  const auto command =
      mpirun(2, {LODESTEIN_TOOL_PATH, "sweep", "study.toml", "--out", "results.db"});
  double seconds = 5.0;
  Outcome run;
  std::chrono::duration<double> taken{};
  for (; seconds < 50.0; seconds += 20.0) {  // a busy machine may not even have begun
    const auto began = std::chrono::steady_clock::now();
    run = run_program(command, folder_, seconds);
    taken = std::chrono::steady_clock::now() - began;
    if (run.err.find("cells are in") != std::string::npos) break;
  }
  EXPECT_NE(run.code, 0);
  EXPECT_LT(taken.count(), seconds + 1.5) << "a second, and some for a busy machine";
  EXPECT_THAT(run.err,
              HasSubstr("cells are in results.db. To go on:\n  mpirun --oversubscribe -n 2 "
                        "lodestein sweep study.toml --out results.db"));
  EXPECT_THAT(run.err, Not(HasSubstr("stopped; 0 of")));
  EXPECT_EQ(occurrences(run.err, "stopped"), 1u) << run.err;
  EXPECT_FALSE(fs::exists(folder_ / "results.db.lock"));
}

TEST_F(Mpirun, MistakesAreToldOnce) {
  write_study(1);
  for (const auto& [arguments, message] :
       {std::pair<std::vector<std::string>, const char*>{{"sweep", "nothing.toml", "--out", "x.db"},
                                                         "nothing.toml"},
        {{"sweep", "study.toml", "--out", "x.db", "--only", "n=3"}, "no field 'n'"},
        {{"sweep", "study.toml", "--out", "no/x.db"}, "is there such a folder"}}) {
    std::vector<std::string> command{LODESTEIN_TOOL_PATH};
    command.insert(command.end(), arguments.begin(), arguments.end());
    const Outcome run = run_program(mpirun(3, command), folder_);
    EXPECT_EQ(run.code, 1) << run.err;
    EXPECT_EQ(occurrences(run.err, message), 1u) << run.err;
  }
}

TEST_F(Mpirun, OneRankDoesWhatOneCan) {
  write_study(2);
  ASSERT_EQ(lodestein("sweep study.toml --out results.db").code, 0);
  const Outcome run = run_program(
      mpirun(3, {LODESTEIN_TOOL_PATH, "sweep", "results.db", "--export", "t.csv"}), folder_);
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(occurrences(run.out, "Wrote 16 rows"), 1u) << run.out;
}

using NoMpi = SweepToolTest;

TEST_F(NoMpi, TheToolNeedsNoMpiLibrary) {
  const Outcome run = run_program({"ldd", LODESTEIN_TOOL_PATH}, folder_);
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("libsqlite3"));
  EXPECT_THAT(run.out, Not(HasSubstr("libmpi")));
}

TEST_F(NoMpi, ABuildWithoutTheModuleSaysWhatToDo) {
  write_study(1);
  fs::copy_file(LODESTEIN_TOOL_PATH, folder_ / "lodestein");  // without the module beside it
  for (const char* rank : {"0", "1"}) {
    const Outcome run =
        run_program({"env", "OMPI_COMM_WORLD_SIZE=2", std::string("OMPI_COMM_WORLD_RANK=") + rank,
                     "./lodestein", "sweep", "study.toml", "--out", "x.db"},
                    folder_);
    EXPECT_EQ(run.code, 3);
    EXPECT_THAT(run.err, HasSubstr("this build has no MPI"));
    EXPECT_THAT(run.err, HasSubstr("libopenmpi-dev"));
    EXPECT_THAT(run.err, HasSubstr("--shard"));
    EXPECT_FALSE(fs::exists(folder_ / "x.db"));
  }
}

}  // namespace
}  // namespace lodestein::testing
