#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "lodestein/sweep/plan.hpp"
#include "lodestein/sweep/sweep.hpp"

namespace lodestein {
namespace {

namespace fs = std::filesystem;

/// bench/studies/estimators.toml is a study of `lodestein score`, cost*.toml are of the sweep
/// itself.
bool is_of_paper(const fs::path& file) {
  const std::string name = file.stem().string();
  return name != "estimators" && name.rfind("cost", 0) != 0;
}

std::vector<fs::path> sweep_studies() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(fs::path(LODESTEIN_SOURCE_DIR) / "bench/studies"))
    if (entry.path().extension() == ".toml" && is_of_paper(entry.path()))
      files.push_back(entry.path());
  return files;
}

TEST(PublishedStudies, OfEveryTableArePlannedAsTheyStand) {
  std::set<std::string> tables;
  for (const fs::path& file : sweep_studies()) {
    const SweepPlan plan = read_sweep_plan(file);
    tables.insert(plan.name.substr(0, 2));
    EXPECT_GE(plan.cells.size(), 50u) << file;
    std::size_t cells = 0;
    for (const SweepTask& task : sweep_tasks(plan, {})) cells += task.cells.size();
    EXPECT_EQ(cells, plan.cells.size()) << file;
  }
  EXPECT_EQ(tables, (std::set<std::string>{"B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B9"}));
}

TEST(PublishedStudies, HaveTheSizesOfThePublishedOnes) {
  const fs::path folder = fs::path(LODESTEIN_SOURCE_DIR) / "bench/studies";
  const auto settings = [&](const char* file) {
    return read_sweep_plan(folder / file).settings.size();
  };
  EXPECT_EQ(settings("finite_sample.toml"), 36u * 3u) << "36 settings of three methods";
  EXPECT_EQ(settings("umni.toml"), 10u + 6u) << "the published search stops at n = 6";
  EXPECT_EQ(settings("gscale_exact.toml"), 8u * 3u) << "three ways of pairing";
}

TEST(CostStudies, ArePlannedAsTheyStand) {
  const fs::path folder = fs::path(LODESTEIN_SOURCE_DIR) / "bench/studies";
  EXPECT_EQ(read_sweep_plan(folder / "cost.toml").cells.size(), 10000u);
  EXPECT_EQ(read_sweep_plan(folder / "cost_linear.toml").cells.size(), 3000u);
}

}  // namespace
}  // namespace lodestein
