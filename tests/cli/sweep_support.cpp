#include "sweep_support.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <random>
#include <sstream>
#include <thread>

namespace lodestein::testing {
namespace {

/// A CSV table without its last two columns, which are seconds.
std::string without_seconds(const std::string& csv) {
  std::istringstream lines(csv);
  std::string result;
  for (std::string line; std::getline(lines, line);) {
    for (int i = 0; i < 2; ++i) line.erase(line.rfind(','));
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
  write_study(models);
  ASSERT_EQ(run_program(sweep_command("undisturbed.db"), folder_).code, 0);
  const std::string undisturbed = table("undisturbed.db");
  std::mt19937 random(1);
  std::uniform_real_distribution<double> moment(0.0, 0.25);
  std::size_t killed = 0, rows = 0;
  for (std::size_t i = 0; i < kills; ++i) {
    Child child(sweep_command("results.db"), folder_);
    std::this_thread::sleep_for(std::chrono::duration<double>(moment(random)));
    killed += child.running();
    child.signal(SIGKILL);
    child.wait();
    const Outcome info = lodestein("sweep results.db --export table.jsonl --json");
    if (info.code != 0) continue;  // killed before there was a store
    const std::string lines = read_text(folder_ / "table.jsonl");
    const auto now = static_cast<std::size_t>(std::count(lines.begin(), lines.end(), '\n'));
    EXPECT_GE(now, rows) << "a committed row is lost";
    rows = now;
  }
  EXPECT_GT(killed, kills / 2) << "give more models";
  ASSERT_EQ(run_program(sweep_command("results.db"), folder_).code, 0);
  EXPECT_EQ(table("results.db"), undisturbed);
}

}  // namespace lodestein::testing
