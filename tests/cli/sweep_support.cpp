#include "sweep_support.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <random>
#include <sstream>
#include <thread>

namespace lodestein::testing {
namespace {

constexpr std::chrono::milliseconds pause{5};

/// Gone, or a zombie that its parent hasn't buried yet.
bool all_ended(const std::vector<pid_t>& processes) {
  return std::all_of(processes.begin(), processes.end(), [](pid_t process) {
    const std::string stat = read_text("/proc/" + std::to_string(process) + "/stat");
    const std::size_t name_end = stat.rfind(')');
    return name_end == std::string::npos || stat.compare(name_end, 3, ") Z") == 0;
  });
}

/// A CSV table without its last three columns, which are seconds.
std::string without_seconds(const std::string& csv) {
  std::istringstream lines(csv);
  std::string result;
  for (std::string line; std::getline(lines, line);) {
    for (int i = 0; i < 3; ++i) line.erase(line.rfind(','));
    result += line + "\n";
  }
  return result;
}

}  // namespace

Child::Child(const std::vector<std::string>& command, const std::filesystem::path& folder) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  process_ = fork();
  if (process_ != 0) return;
  const int nothing = open("/dev/null", O_RDWR);
  if (chdir(folder.c_str()) != 0 || dup2(nothing, 1) < 0 || dup2(nothing, 2) < 0) _exit(126);
  execvp(arguments[0], arguments.data());
  _exit(127);
}

Child::~Child() {
  signal(SIGKILL);
  wait();
}

void Child::signal(int number) const {
  if (code_ < 0) kill(process_, number);
}

std::vector<pid_t> Child::children() const {
  const std::string self = std::to_string(process_);
  std::istringstream list(read_text("/proc/" + self + "/task/" + self + "/children"));
  std::vector<pid_t> processes;
  for (pid_t process = 0; list >> process;) processes.push_back(process);
  return processes;
}

bool Child::running() {
  int status = 0;
  if (code_ < 0 && waitpid(process_, &status, WNOHANG) == process_)
    code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return code_ < 0;
}

int Child::wait() {
  int status = 0;
  if (code_ < 0 && waitpid(process_, &status, 0) == process_)
    code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return code_;
}

void SweepToolTest::write_study(std::size_t models) const {
  write_text_file(folder_ / "study.toml", "models = " + std::to_string(models) + R"(
data = "moments"
latents = [3, 5]
observed = 10
samples = [300, 3000]
method = ["likelihood", "lscale"]
)");
}

std::vector<std::string> SweepToolTest::sweep_command(const std::string& store) const {
  return {LODESTEIN_TOOL_PATH, "sweep", "study.toml", "--out", store,
          "--backend",         "cpu",   "--threads",  "2"};
}

std::string SweepToolTest::table(const std::string& store) const {
  if (!std::filesystem::exists(folder_ / store)) return "";
  const Outcome run = lodestein("sweep " + store + " --export table.csv");
  EXPECT_EQ(run.code, 0) << run.err;
  return without_seconds(read_text(folder_ / "table.csv"));
}

void SweepToolTest::survives_kills(std::size_t kills, std::size_t models) {
  std::mt19937 random(1);
  std::uniform_real_distribution<double> moment(0.0, 0.25);
  survives(kills, models, sweep_command("results.db"), [&](double stretch) {
    Child child(sweep_command("results.db"), folder_);
    std::this_thread::sleep_for(std::chrono::duration<double>(stretch * moment(random)));
    const bool running = child.running();
    child.signal(SIGKILL);
    child.wait();
    return running;
  });
}

void SweepToolTest::survives(std::size_t kills, std::size_t models,
                             const std::vector<std::string>& command,
                             const std::function<bool(double)>& kill_one) {
  write_study(models);
  ASSERT_EQ(run_program(sweep_command("undisturbed.db"), folder_).code, 0);
  const std::string undisturbed = table("undisturbed.db");
  std::size_t killed = 0, rows = 0;
  double stretch = 1.0;
  for (std::size_t i = 0; i < kills; ++i) {
    killed += kill_one(stretch);
    const Outcome info = lodestein("sweep results.db --export table.jsonl --json");
    // Without a store there is no table: killed too early.
    const std::string lines = info.code == 0 ? read_text(folder_ / "table.jsonl") : "";
    const auto now = static_cast<std::size_t>(std::count(lines.begin(), lines.end(), '\n'));
    EXPECT_GE(now, rows) << "a committed row is lost";
    rows = now;
    if (rows == 0) stretch *= 2.0;
  }
  EXPECT_GT(killed, kills / 2) << "give more models";
  EXPECT_GT(rows, 0u) << "killed too early";
  const Outcome last = run_program(command, folder_);
  ASSERT_EQ(last.code, 0) << last.err;
  EXPECT_EQ(table("results.db"), undisturbed);
}

void MpirunTest::SetUp() {
  SweepToolTest::SetUp();
  const auto module = std::filesystem::path(LODESTEIN_TOOL_PATH).parent_path();
  if (!std::filesystem::exists(module / "liblodestein-mpi.so"))
    GTEST_SKIP() << "built without MPI; install libopenmpi-dev and openmpi-bin";
  setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
  setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
  setenv("LSAN_OPTIONS", "detect_leaks=0", 1);  // Open MPI keeps much until the end
  if (run_program({"mpirun", "--version"}, folder_).code != 0) GTEST_SKIP() << "no mpirun";
}

std::vector<std::string> MpirunTest::mpirun(int ranks,
                                            const std::vector<std::string>& command) const {
  std::vector<std::string> words{"mpirun", "--oversubscribe", "-n", std::to_string(ranks)};
  words.insert(words.end(), command.begin(), command.end());
  return words;
}

void MpirunTest::survives_kills_of_ranks(std::size_t kills, std::size_t models, int ranks) {
  const std::vector<std::string> command = mpirun(
      ranks, {LODESTEIN_TOOL_PATH, "sweep", "study.toml", "--out", "results.db", "--threads", "1"});
  std::mt19937 random(1);
  std::uniform_real_distribution<double> moment(0.0, 0.8);
  std::uniform_int_distribution<std::size_t> any(0, static_cast<std::size_t>(ranks) - 1);
  const std::filesystem::path lock = folder_ / "results.db.lock";
  bool while_it_begins = false;
  survives(kills, models, command, [&](double stretch) {
    std::filesystem::remove(lock);
    Child child(command, folder_);
    const auto wait_for = [&](const std::function<bool()>& event) {
      while (child.running() && !event()) std::this_thread::sleep_for(pause);
    };
    wait_for([&] { return child.children().size() == static_cast<std::size_t>(ranks); });
    // Every second time when rows are being written, else from the first moment on.
    while_it_begins = !while_it_begins;
    if (!while_it_begins) wait_for([&] { return std::filesystem::exists(lock); });
    std::this_thread::sleep_for(std::chrono::duration<double>(stretch * moment(random)));
    const auto processes = child.children();
    const std::size_t victim = any(random);
    const bool running = victim < processes.size() && kill(processes[victim], SIGKILL) == 0;
    // mpirun ends the others. Sometimes it then waits for itself for ever (Open MPI 4.1.4).
    int alone = 0;
    while (child.running() && alone < 500) {
      alone = all_ended(child.children()) ? alone + 1 : 0;
      std::this_thread::sleep_for(pause);
    }
    child.signal(SIGKILL);
    child.wait();
    return running;
  });
}

}  // namespace lodestein::testing
