#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

namespace lodestein::testing {

/// How one run of a program ended.
struct Outcome {
  int code = -1;  ///< exit code; 128 + signal if a signal ended it
  std::string out, err;
};

/// Runs a program in `folder` with stdout and stderr caught. If `interrupt_after` is not negative,
/// SIGINT is sent after that many seconds.
Outcome run_program(const std::vector<std::string>& command, const std::filesystem::path& folder,
                    double interrupt_after = -1.0);

std::string read_text(const std::filesystem::path& file);
void write_text_file(const std::filesystem::path& file, const std::string& text);

/// A test that runs the tool in an empty folder of its own.
class ToolTest : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  /// lodestein with the words of `arguments`, split at spaces.
  Outcome lodestein(const std::string& arguments) const;
  Outcome lodestein(const std::vector<std::string>& arguments, double interrupt_after = -1.0) const;
  /// Names in the folder, hidden ones too, sorted.
  std::vector<std::string> entries() const;

  std::filesystem::path folder_;
};

}  // namespace lodestein::testing
