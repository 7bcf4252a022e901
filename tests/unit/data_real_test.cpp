#include "data_files.hpp"
#include "lodestein/data/preprocess.hpp"
#include "lodestein/data/read.hpp"

namespace lodestein {
namespace {

/// Public data sets that lie beside a checkout on some machines, outside the repository.
class RealData : public testing::Test {
 protected:
  std::filesystem::path find(const std::string& name) {
    const auto path = std::filesystem::path(LODESTEIN_SOURCE_DIR) / ".." / "shared/data" / name;
    return std::filesystem::exists(path) ? path : std::filesystem::path();
  }
};

TEST_F(RealData, Sachs) {
  const auto path = find("sachs2005/sachs_all.csv");
  if (path.empty()) GTEST_SKIP() << "sachs2005 isn't in ../shared/data";
  ReadOptions options;
  options.environment_column = "env";
  options.observational = {"1", "2"};
  const Dataset data = preprocess(read_dataset(path, options), parse_preprocess_steps("log"));
  EXPECT_EQ(data.feature_count(), 11u);
  EXPECT_EQ(data.interventions(), 7u);
  EXPECT_EQ(data.observational().name, "1+2");
  EXPECT_EQ(data.observational().samples.rows(), 853u + 902u);
  EXPECT_EQ(data.sample_count(), 7466u);
  validate(data, 11);
}

TEST_F(RealData, SachsFolder) {
  const auto path = find("sachs2005");
  if (path.empty()) GTEST_SKIP() << "sachs2005 isn't in ../shared/data";
  ReadOptions options;
  options.observational = {"env1_cd3cd28", "env2_cd3cd28icam2"};
  options.environments = {"env9_b2camp"};
  const Dataset data = read_dataset(path, options);
  EXPECT_EQ(data.observational().samples.rows(), 853u + 902u);
  EXPECT_EQ(data.environments.at(1).samples.rows(), 707u);
}

TEST_F(RealData, Papalexi) {
  const auto folder = find("papalexi2021_eccite");
  if (folder.empty()) GTEST_SKIP() << "papalexi2021_eccite isn't in ../shared/data";
  ReadOptions options;
  options.environment_column = "target";
  options.cells = folder / "cells.csv.gz";
  options.genes = folder / "genes.txt";
  const Dataset raw = read_dataset(folder / "counts_cells_by_genes.mtx.gz", options);
  EXPECT_EQ(raw.feature_count(), 299u);
  EXPECT_EQ(raw.interventions(), 25u);
  EXPECT_EQ(raw.observational().name, "non-targeting");
  EXPECT_EQ(raw.observational().samples.rows(), 2386u);
  EXPECT_EQ(raw.sample_count(), 20729u);
  const Dataset data =
      preprocess(raw, parse_preprocess_steps(
                          "log1p,highly-variable=60,minimum-samples=100,standardise,pca=parallel"));
  EXPECT_EQ(data.interventions(), 24u);
  EXPECT_GT(data.feature_count(), 1u);
  EXPECT_LT(data.feature_count(), 60u);
  validate(data, data.feature_count());
}

TEST_F(RealData, LightTunnel) {
  const auto path = find("causal_chamber_lt/light_tunnel_synth.csv");
  if (path.empty()) GTEST_SKIP() << "causal_chamber_lt isn't in ../shared/data";
  ReadOptions options;
  options.environment_column = "env";
  options.ignore = {"red", "green", "blue", "pol_1", "pol_2"};
  const Dataset data = read_dataset(path, options);
  EXPECT_EQ(data.feature_count(), 9u);
  EXPECT_EQ(data.interventions(), 5u);
  EXPECT_EQ(data.observational().samples.rows(), 1000u);
  validate(data, 9);
}

}  // namespace
}  // namespace lodestein
