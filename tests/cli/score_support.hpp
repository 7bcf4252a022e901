#pragma once

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tool.hpp"

namespace lodestein::testing {

class ScoreToolTest : public ToolTest {
 protected:
  /// Two latents seen as two features, some tens of samples: every estimator is quick.
  void simulate_small() {
    const Outcome run =
        lodestein("simulate --latents 2 --observed 2 --samples 60 --seed 7 --out study");
    ASSERT_EQ(run.code, 0) << run.err;
  }
  void expect_refused(const std::string& arguments, const std::vector<std::string>& expected) {
    const auto before = entries();
    const Outcome run = lodestein(arguments);
    EXPECT_EQ(run.code, 1) << arguments << "\n" << run.out;
    for (const std::string& text : expected)
      EXPECT_THAT(run.err, ::testing::HasSubstr(text)) << arguments;
    EXPECT_EQ(entries(), before) << "output was left by: " << arguments;
  }
  nlohmann::json json_of(const std::string& arguments) {
    const Outcome run = lodestein(arguments + " --json");
    EXPECT_EQ(run.code, 0) << arguments << "\n" << run.err;
    return nlohmann::json::parse(run.out);
  }
};

}  // namespace lodestein::testing
