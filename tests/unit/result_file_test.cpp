#include "lodestein/unmix/result_file.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "lodestein/core/error.hpp"
#include "lodestein/core/version.hpp"

namespace lodestein {
namespace {

namespace fs = std::filesystem;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

class ResultFile : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("lodestein_result_" + std::to_string(getpid()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::size_t entries() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }

  fs::path folder_;
};

FitRecord full_record() {
  FitRecord record;
  record.command = "lodestein fit 'a b' --out \"x\"";
  record.input = FitInput{"/data/a b.csv",
                          {.environment_column = "env",
                           .observational = {"1", "2"},
                           .environments = {"3"},
                           .features = {"x", "y", "z"},
                           .ignore = {"id"},
                           .cells = "/data/cells.csv",
                           .genes = std::nullopt,
                           .layer = "counts"},
                          "log1p,standardise"};
  FitOptions options;
  options.latents = 2;
  options.method = UnmixMethod::lcd;
  options.lcd_edge_threshold = 1.0 / 3.0;
  options.bootstrap = 7;
  record.options = option_list(options);
  LearnedModel& fit = record.result;
  fit.seed = Seed{18446744073709551615u};
  fit.backend = "cpu";
  fit.features = {"x", "<y>", "z \"quoted\""};
  fit.latent_names = {"Z1", "Z2"};
  fit.preprocessing = {{"log1p", ""}, {"standardise", "3 columns"}};
  fit.centre = {0.1, -1e-300, 1.0 / 3.0};
  fit.encoder = {{1.0 / 7.0, 2.0, -3.0}, {0.0, 5e-324, 1e308}};
  fit.decoder = transpose(fit.encoder);
  fit.graph = Digraph(2, {{1, 0}});
  fit.edges = {{.from = 1,
                .to = 0,
                .weight = -0.7,
                .likelihood_ratio = infinity,
                .p_value = 0.1 + 0.2,
                .support = nan}};
  fit.order = {1, 0};
  fit.edge_support = {{0.0, 0.25}, {1.0, 0.0}};
  fit.targets = {{"a", {1}, 12.5}, {"b", {}, nan}, {"c", {0, 1}, nan}};
  fit.score_differences = {{0.5, 0.25}, {1e-17, 2.0}};
  fit.objective = -infinity;
  fit.identified = "the graph";
  fit.assumptions = {"linear mixing", "hard interventions"};
  fit.diagnosis.findings = {{Severity::warning, "weak", "weak 'b'", "more samples"}};
  fit.diagnosis.environments = {{.name = "a",
                                 .samples = 99,
                                 .condition = 3.5,
                                 .singular_values = {2.0, 0.1},
                                 .rank = 1,
                                 .eigen_gap = 0.05,
                                 .rank_one_ratio = 0.9,
                                 .null_rank_one_ratio = nan,
                                 .effect = 2.0,
                                 .null_effect = 0.1,
                                 .p_value = 0.015,
                                 .deviance_per_dof = 1.25}};
  fit.diagnosis.pooled_eigenvalues = {3.0, 1e-12};
  fit.diagnosis.differing = {0.5, 1e-3};
  fit.diagnosis.subspace = SubspaceChoice::differences;
  fit.diagnosis.explained_variance = 0.99;
  fit.diagnosis.encoder_condition = 12.0;
  fit.timings = {{"moments", 0.125}};
  return record;
}

TEST_F(ResultFile, ReadsBackBitForBit) {
  const FitRecord written = full_record();
  write_result(folder_ / "fit", written);
  const FitRecord read = read_result(folder_ / "fit");

  EXPECT_EQ(result_json(read), result_json(written));
  EXPECT_EQ(read.version, version);
  const LearnedModel &a = read.result, &b = written.result;
  EXPECT_EQ(a.seed, b.seed);
  EXPECT_EQ(a.centre, b.centre);
  EXPECT_EQ(a.encoder, b.encoder);
  EXPECT_EQ(a.decoder, b.decoder);
  EXPECT_EQ(a.edge_support, b.edge_support);
  EXPECT_EQ(a.score_differences, b.score_differences);
  EXPECT_EQ(a.graph, b.graph);
  EXPECT_EQ(a.order, b.order);
  ASSERT_EQ(a.edges.size(), 1u);
  EXPECT_EQ(a.edges[0].weight, b.edges[0].weight);
  EXPECT_EQ(a.edges[0].p_value, b.edges[0].p_value);
  EXPECT_EQ(a.edges[0].likelihood_ratio, infinity);
  EXPECT_TRUE(std::isnan(a.edges[0].support));
  ASSERT_EQ(a.targets.size(), 3u);
  for (std::size_t k = 0; k < 3; ++k) EXPECT_EQ(a.targets[k].latents, b.targets[k].latents);
  ASSERT_EQ(read.options.size(), written.options.size());
  for (std::size_t k = 0; k < read.options.size(); ++k) {
    EXPECT_EQ(read.options[k].name, written.options[k].name);
    EXPECT_EQ(read.options[k].value, written.options[k].value) << read.options[k].name;
  }
  EXPECT_EQ(a.diagnosis.environments[0].singular_values,
            b.diagnosis.environments[0].singular_values);
  EXPECT_EQ(read.input->read.cells, written.input->read.cells);
  EXPECT_EQ(read.input->read.observational, written.input->read.observational);
}

TEST_F(ResultFile, WritesNaNAsNull) {
  const auto json = nlohmann::json::parse(result_json(full_record()));
  EXPECT_TRUE(json.at("graph").at("edges").at(0).at("support").is_null());
  EXPECT_EQ(json.at("graph").at("edges").at(0).at("from"), "Z2");
}

TEST_F(ResultFile, KeepsAFailedFitWithoutArrays) {
  FitRecord record;
  record.result.diagnosis.findings = {{Severity::failure, "rank-too-low", "rank 1", "fewer"}};
  write_result(folder_ / "fit", record);
  const FitRecord read = read_result(folder_ / "fit");
  EXPECT_TRUE(read.result.failed());
  EXPECT_TRUE(read.result.encoder.empty());
  EXPECT_FALSE(read.input.has_value());
}

TEST_F(ResultFile, ReplacesAnOlderResultAndNothingElse) {
  write_result(folder_ / "fit", full_record());
  FitRecord second = full_record();
  second.result.seed = Seed{2};
  write_result(folder_ / "fit", second);
  EXPECT_EQ(read_result(folder_ / "fit").result.seed, Seed{2});
  EXPECT_EQ(entries(), 1u) << "no temporary folder stays";

  fs::create_directories(folder_ / "thesis");
  std::ofstream(folder_ / "thesis" / "chapter.txt") << "years of work";
  EXPECT_THROW(write_result(folder_ / "thesis", second), IoError);
  EXPECT_TRUE(fs::exists(folder_ / "thesis" / "chapter.txt"));
  EXPECT_EQ(entries(), 2u);
}

TEST_F(ResultFile, SaysWhatIsWrongWithAFolderThatIsNoResult) {
  try {
    read_result(folder_ / "nothing");
    FAIL() << "a missing folder was read";
  } catch (const IoError& problem) {
    EXPECT_NE(std::string(problem.what()).find("nothing/result.json"), std::string::npos);
  }
  fs::create_directories(folder_ / "broken");
  std::ofstream(folder_ / "broken" / "result.json") << "{\"version\": ";
  EXPECT_THROW(read_result(folder_ / "broken"), IoError);
  std::ofstream(folder_ / "broken" / "result.json") << "{}";
  EXPECT_THROW(read_result(folder_ / "broken"), IoError);
}

TEST_F(ResultFile, KeepsWhatOtherMethodsLearn) {
  FitRecord written = full_record();
  written.options = option_list(UmniOptions{});
  LearnedModel& model = written.result;
  model.combinations = {{1.0, -1.0}, {0.0, 0.5}, {0.25, 0.0}};
  model.leakage = {{1.0, 0.01}, {1e-9, 1.0}};
  model.head_weights = {{0.0, 0.1}, {-1.0 / 3.0, 0.0}};
  model.variance_ratios = {{1e-4, 0.7}, {0.0, nan}};
  model.box = {{-1.5, 1.75, 0.9, 1.34}, {0.0, 1.0, nan, 1.0 / 3.0}};
  model.diagnosis.deviance_per_dof = 1.25;
  write_result(folder_ / "fit", written);
  const LearnedModel read = read_result(folder_ / "fit").result;
  EXPECT_EQ(read.combinations, model.combinations);
  EXPECT_EQ(read.leakage, model.leakage);
  EXPECT_EQ(read.head_weights, model.head_weights);
  EXPECT_EQ(read.variance_ratios(0, 1), 0.7);
  EXPECT_TRUE(std::isnan(read.variance_ratios(1, 1)));
  EXPECT_EQ(read.box(1, 3), 1.0 / 3.0);
  EXPECT_EQ(read.diagnosis.deviance_per_dof, 1.25);
}

TEST_F(ResultFile, WithoutAGraphWritesNoFilesOfOne) {
  FitRecord written = full_record();
  written.result.graph = Digraph();
  written.result.edges.clear();
  written.result.order.clear();
  write_result(folder_ / "fit", written);
  EXPECT_FALSE(fs::exists(folder_ / "fit" / "graph.csv"));
  EXPECT_EQ(read_result(folder_ / "fit").result.graph, Digraph());
}

/// Two latents behind a network of one hidden layer of three.
NetworkEncoder small_network() {
  NetworkEncoder network{{{1.0, 0.5}, {0.0, 2.0}}, {3}, {}, {0.1, -0.2}, {2.0, 0.5}};
  for (int k = 0; k < 3 * 2 + 3 + 2 * 3 + 2 + 2 * 2; ++k)
    network.parameters.push_back(0.1f * static_cast<float>(k % 7) - 0.3f);
  return network;
}

TEST_F(ResultFile, EncodesTheSameBitsAfterReadingANetworkBehindALink) {
  FitRecord written = full_record();
  LearnedModel& model = written.result;
  model.link = Link::tanh;
  model.centre = {0.1, -0.2, 0.3};
  model.encoder = {{1.0 / 7.0, 2.0, -3.0}, {0.0, 1.0, 0.5}};
  model.network = small_network();
  write_result(folder_ / "fit", written);
  const LearnedModel read = read_result(folder_ / "fit").result;
  EXPECT_EQ(read.link, Link::tanh);
  ASSERT_TRUE(read.network.has_value());
  EXPECT_EQ(read.network->hidden, model.network->hidden);
  EXPECT_EQ(read.network->parameters, model.network->parameters);
  const Matrix x{{0.5, -0.5, 0.25}, {0.0, 0.1, -0.9}};
  EXPECT_EQ(encode(read, x), encode(model, x));
  const Matrix outside = encode(read, Matrix{{0.5, 1.0, 0.25}});
  EXPECT_TRUE(std::isnan(outside(0, 0)) && std::isnan(outside(0, 1)));
}

/// One latent of three variables.
NetworkEncoder silu_network() {
  NetworkEncoder network{Matrix::identity(3), {2, 2}, {}, {0.1}, {1.0}};
  for (int k = 0; k < 2 * 3 + 2 + 2 * 2 + 2 + 2 + 1 + 3; ++k)
    network.parameters.push_back(0.1f * static_cast<float>(k % 5) - 0.2f);
  network.activation = NetworkEncoder::Activation::silu;
  return network;
}

TEST_F(ResultFile, EncodesTheSameBitsAfterReadingASiluNetworkOfFewerLatentsThanInputs) {
  FitRecord written = full_record();
  LearnedModel& model = written.result;
  model.centre = {0.1, -0.2, 0.3};
  model.encoder = {{1.0 / 7.0, 2.0, -3.0}, {0.0, 1.0, 0.5}, {1.0, 0.0, 1.0 / 3.0}};
  model.network = silu_network();
  write_result(folder_ / "fit", written);
  const LearnedModel read = read_result(folder_ / "fit").result;
  ASSERT_TRUE(read.network.has_value());
  EXPECT_EQ(read.network->activation, NetworkEncoder::Activation::silu);
  EXPECT_EQ(read.network->parameters, model.network->parameters);
  const Matrix x{{0.5, -0.5, 0.25}, {0.0, 0.1, -0.9}};
  EXPECT_EQ(encode(read, x).cols(), 1u);
  EXPECT_EQ(encode(read, x), encode(model, x));
}

TEST_F(ResultFile, ReadsNetworksOfOlderVersionsAsTanh) {
  FitRecord written = full_record();
  written.result.network = small_network();
  write_result(folder_ / "fit", written);
  const fs::path file = folder_ / "fit" / "result.json";
  auto json = nlohmann::ordered_json::parse(std::ifstream(file));
  ASSERT_EQ(json.at("encoder").at("activation"), "tanh");
  json.at("encoder").erase("activation");
  std::ofstream(file) << json.dump();
  const LearnedModel read = read_result(folder_ / "fit").result;
  EXPECT_EQ(read.network->activation, NetworkEncoder::Activation::tanh);
  const Matrix x{{0.5, -0.5, 0.25}};
  EXPECT_EQ(encode(read, x), encode(written.result, x));
}

/// Three features, of which the second has its knots elsewhere.
std::vector<MonotoneCurve> three_curves() {
  const MonotoneCurve line{{-1, -1, -1, -1, 1, 1, 1, 1}, {-1.0, -1.0 / 3.0, 1.0 / 3.0, 1.0}};
  return {line, {{0, 0, 0, 0, 0.5, 2, 2, 2, 2}, {-1.0, 0.0, 1.0 / 7.0, 2.0, 9.0}}, line};
}

TEST_F(ResultFile, EncodesTheSameBitsAfterReadingAnEstimatedLink) {
  FitRecord written = full_record();
  LearnedModel& model = written.result;
  model.link = Link::tanh;
  model.curves = three_curves();
  model.link_candidates = {{"identity", 0.25}, {"exp", std::nan("")}, {"tanh, curves", 1e-7}};
  model.centre = {0.1, -0.2, 0.3};
  model.encoder = {{1.0 / 7.0, 2.0, -3.0}, {0.0, 1.0, 0.5}};
  write_result(folder_ / "fit", written);
  const LearnedModel read = read_result(folder_ / "fit").result;
  ASSERT_EQ(read.curves.size(), 3u);
  EXPECT_EQ(read.curves[1].knots, model.curves[1].knots);
  EXPECT_EQ(read.curves[1].coefficients, model.curves[1].coefficients);
  ASSERT_EQ(read.link_candidates.size(), 3u);
  EXPECT_EQ(read.link_candidates[2].name, "tanh, curves");
  EXPECT_EQ(read.link_candidates[0].off_rank, 0.25);
  EXPECT_TRUE(std::isnan(read.link_candidates[1].off_rank));
  const Matrix x{{0.5, -0.5, 0.25}, {0.0, 0.9, -0.99}};
  EXPECT_EQ(encode(read, x), encode(model, x));
  model.curves.clear();
  EXPECT_NE(encode(read, x), encode(model, x));
}

TEST_F(ResultFile, RefusesCurvesOfOtherFeatures) {
  FitRecord written = full_record();
  written.result.curves = three_curves();
  written.result.curves.pop_back();
  write_result(folder_ / "fit", written);
  try {
    read_result(folder_ / "fit");
    FAIL() << "was read";
  } catch (const IoError& problem) {
    EXPECT_THAT(problem.what(), ::testing::HasSubstr("curves don't belong to its features"));
  }
}

TEST_F(ResultFile, RefusesUnknownChoicesInTheFile) {
  write_result(folder_ / "fit", full_record());
  const fs::path file = folder_ / "fit" / "result.json";
  auto json = nlohmann::ordered_json::parse(std::ifstream(file));
  ASSERT_EQ(json.at("encoder").at("link"), "identity");
  json.at("encoder")["link"] = "sine";
  std::ofstream(file) << json.dump();
  try {
    read_result(folder_ / "fit");
    FAIL() << "was read";
  } catch (const IoError& problem) {
    EXPECT_THAT(problem.what(), ::testing::HasSubstr("result.json: is not a result"));
    EXPECT_THAT(problem.what(), ::testing::HasSubstr("'sine' is not known"));
  }
}

TEST(OptionList, HoldsWhatIsInForce) {
  const auto names = [](const std::vector<OptionValue>& options) {
    std::vector<std::string> result;
    for (const OptionValue& option : options) result.push_back(option.name);
    return result;
  };
  const auto has = [&](const std::vector<OptionValue>& options, const std::string& name) {
    const auto all = names(options);
    return std::find(all.begin(), all.end(), name) != all.end();
  };
  EXPECT_FALSE(has(option_list(FitOptions{}), "lscale_edge_threshold"));
  FitOptions plain;
  plain.method = UnmixMethod::lscale;
  FitOptions finite = plain;
  finite.method = UnmixMethod::finite_sample;
  EXPECT_TRUE(has(option_list(finite), "finite_eigenvalue_threshold"));
  EXPECT_TRUE(has(option_list(finite), "finite_orthogonality_threshold"));
  EXPECT_FALSE(has(option_list(finite), "intervention"));
  EXPECT_FALSE(has(option_list(finite), "lscale_edge_threshold"));
  finite.method = UnmixMethod::likelihood;
  EXPECT_TRUE(has(option_list(finite), "intervention"));
  EXPECT_TRUE(has(option_list(UmniOptions{}), "bootstrap"));
  EXPECT_TRUE(has(option_list(plain), "lscale_edge_threshold"));
  EXPECT_FALSE(has(option_list(plain), "lcd_edge_threshold"));
  UmniOptions published;
  EXPECT_FALSE(has(option_list(published), "edge_level"));
  published.procedure = UmniProcedure::published;
  EXPECT_TRUE(has(option_list(published), "edge_level"));
  GscaleFitOptions gscale;
  EXPECT_TRUE(has(option_list(gscale), "bootstrap"));
  EXPECT_FALSE(has(option_list(gscale), "hidden"));
  for (const EncoderFamily family : {EncoderFamily::network, EncoderFamily::invertible}) {
    gscale.unmix.encoder = family;
    EXPECT_TRUE(has(option_list(gscale), "hidden"));
  }
  ContrastiveUnmixOptions contrastive;
  EXPECT_TRUE(has(option_list(contrastive), "epochs"));
  EXPECT_FALSE(has(option_list(contrastive), "sparsity"));
  contrastive.encoder = EncoderFamily::linear;
  EXPECT_TRUE(has(option_list(contrastive), "sparsity"));
  EXPECT_FALSE(has(option_list(contrastive), "epochs"));
  for (const auto& options : {option_list(plain), option_list(published), option_list(gscale),
                              option_list(contrastive), option_list(DoInterventionOptions{})})
    EXPECT_EQ(options.front().name, "method");
}

}  // namespace
}  // namespace lodestein
