#include <algorithm>
#include <utility>

#include "data_files.hpp"
#include "lodestein/data/preprocess.hpp"
#include "lodestein/data/read.hpp"
#include "lodestein/evaluate/metrics.hpp"
#include "lodestein/unmix/contrastive_unmix.hpp"

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

// The graph and the actuators of the benchmark's structural model, from nine sensors.
TEST_F(RealData, ContrastiveLearningFindsTheActuatorsOfTheLightTunnel) {
  const auto path = find("causal_chamber_lt/light_tunnel_synth.csv");
  if (path.empty()) GTEST_SKIP() << "causal_chamber_lt isn't in ../shared/data";
  const std::vector<std::string> actuators{"red", "green", "blue", "pol_1", "pol_2"};
  ReadOptions options;
  options.environment_column = "env";
  options.observational = {"0"};
  const Dataset all = read_dataset(path, options);
  options.ignore = actuators;
  const Dataset data =
      preprocess(read_dataset(path, options), parse_preprocess_steps("standardise"));
  ContrastiveUnmixOptions linear;
  linear.encoder = EncoderFamily::linear;
  const ContrastiveUnmixing result = contrastive_unmix(Backend::cpu(), data, linear, Seed{7});
  ASSERT_FALSE(result.failed());
  EXPECT_TRUE(result.diagnosis.findings.empty());

  const Matrix& table = all.observational().samples;
  Matrix truth(table.rows(), actuators.size());
  for (std::size_t a = 0; a < actuators.size(); ++a) {
    const auto column = static_cast<std::size_t>(std::ranges::find(all.features, actuators[a]) -
                                                 all.features.begin());
    for (std::size_t k = 0; k < table.rows(); ++k) truth(k, a) = table(k, column);
  }
  const Matrix latents = result.encoder(data.observational().samples);
  const Matrix correlation = absolute_correlations(truth, latents, Correlation::pearson);
  Digraph expected(5);
  for (const auto& [from, to] :
       {std::pair<std::size_t, std::size_t>{1, 0}, {1, 4}, {2, 1}, {2, 4}, {3, 0}})
    expected.set_edge(from, to);
  for (std::size_t a = 0; a < actuators.size(); ++a) EXPECT_GT(correlation(a, a), 0.99);
  EXPECT_EQ(result.graph, expected);
}

}  // namespace
}  // namespace lodestein
