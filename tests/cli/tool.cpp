#include "tool.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <fstream>
#include <sstream>
#include <thread>

namespace lodestein::testing {
namespace {

namespace fs = std::filesystem;

void redirect(const fs::path& file, int descriptor) {
  const int opened = open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (opened < 0 || dup2(opened, descriptor) < 0) _exit(126);
}

[[noreturn]] void become(std::vector<char*> arguments, const fs::path& folder, const fs::path& out,
                         const fs::path& err) {
  if (chdir(folder.c_str()) != 0) _exit(126);
  redirect(out, STDOUT_FILENO);
  redirect(err, STDERR_FILENO);
  execvp(arguments[0], arguments.data());
  _exit(127);
}

}  // namespace

Outcome run_program(const std::vector<std::string>& command, const fs::path& folder,
                    double interrupt_after) {
  const fs::path out = folder.string() + ".stdout", err = folder.string() + ".stderr";
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) become(arguments, folder, out, err);
  if (interrupt_after >= 0.0) {
    std::this_thread::sleep_for(std::chrono::duration<double>(interrupt_after));
    kill(child, SIGINT);
  }
  int status = 0;
  waitpid(child, &status, 0);
  Outcome outcome{WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), read_text(out),
                  read_text(err)};
  fs::remove(out);
  fs::remove(err);
  return outcome;
}

std::string read_text(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

void write_text_file(const fs::path& file, const std::string& text) {
  std::ofstream(file, std::ios::binary) << text;
}

void ToolTest::SetUp() {
  const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
  folder_ = fs::temp_directory_path() /
            ("lodestein_cli_" + std::string(test->name()) + "_" + std::to_string(getpid()));
  fs::remove_all(folder_);
  fs::create_directories(folder_);
}

void ToolTest::TearDown() { fs::remove_all(folder_); }

Outcome ToolTest::lodestein(const std::string& arguments) const {
  std::istringstream stream(arguments);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return lodestein(words);
}

Outcome ToolTest::lodestein(const std::vector<std::string>& arguments,
                            double interrupt_after) const {
  std::vector<std::string> command{LODESTEIN_TOOL_PATH};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return run_program(command, folder_, interrupt_after);
}

std::vector<std::string> ToolTest::entries() const {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder_))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace lodestein::testing
