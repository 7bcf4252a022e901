#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "lodestein/core/version.hpp"
#include "lodestein/data/read.hpp"
#include "lodestein/simulate/study.hpp"
#include "tests/unit/simulate_support.hpp"

namespace lodestein {
namespace {

namespace fs = std::filesystem;
using test::message_of;
using testing::ElementsAre;
using testing::HasSubstr;

StudyOptions small() {
  StudyOptions options;
  options.latent.latents = 3;
  options.mixing.observed = 5;
  options.samples = 20;
  return options;
}

std::string content(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

void overwrite(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }

class StudyFiles : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) /
              (std::string("lodestein_study_") +
               testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  /// Names in the test's folder: a leftover would show.
  std::vector<std::string> entries() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_)) {
      names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  fs::path folder_;
};

TEST_F(StudyFiles, RoundTripOfTruthAndDataset) {
  for (const LatentFamily family : test::all_families) {
    StudyOptions options = small();
    options.latent.family = family;
    options.design = InterventionDesign::multi;
    const Study study = simulate_study(options, Seed{5});
    write_study(folder_ / "study", study, StorageType::float64);
    const StoredTruth truth = read_truth(folder_ / "study");
    EXPECT_EQ(truth.graph, study.truth.model.graph());
    EXPECT_EQ(truth.mixing, study.truth.mixing.layers()[0]);
    EXPECT_EQ(truth.latents, study.truth.latents);
    EXPECT_THAT(truth.environments, ElementsAre("obs", "do1", "do2", "do3"));
    ASSERT_EQ(truth.targets.size(), 4u);
    for (std::size_t m = 0; m < 4; ++m) {
      EXPECT_EQ(truth.targets[m], study.truth.interventions[m].targets);
    }
    const Dataset dataset = read_dataset(folder_ / "study");
    EXPECT_EQ(dataset.features, study.dataset.features);
    ASSERT_EQ(dataset.environments.size(), 4u);
    for (std::size_t m = 0; m < 4; ++m) {
      EXPECT_EQ(dataset.environments[m].name, study.dataset.environments[m].name);
      EXPECT_EQ(dataset.environments[m].samples, study.dataset.environments[m].samples);
      EXPECT_TRUE(dataset.environments[m].targets.empty());
    }
    EXPECT_EQ(fs::exists(folder_ / "study/truth/weights.csv"), family == LatentFamily::linear);
  }
  EXPECT_THAT(entries(), ElementsAre("study"));
}

TEST_F(StudyFiles, TruthSaysHowToRepeatTheStudy) {
  StudyOptions options = small();
  options.mixing.family = MixingFamily::mlp;
  options.intervention = Intervention::soft;
  options.weak_edge_filter = 0.05;
  const Study study = simulate_study(options, Seed{18446744073709551615u});
  write_study(folder_ / "study", study);
  const auto json = nlohmann::json::parse(content(folder_ / "study/truth/truth.json"));
  EXPECT_EQ(json.at("seed"), 18446744073709551615u);
  EXPECT_EQ(json.at("version"), version);
  EXPECT_EQ(json.at("redraws"), study.truth.redraws);
  EXPECT_EQ(json.at("options").at("weak_edge_filter"), 0.05);
  EXPECT_EQ(json.at("options").at("mixing_family"), "mlp");
  EXPECT_EQ(json.at("options").at("intervention"), "soft");
  EXPECT_EQ(json.at("environments").at(1).at("soft_factor"), 0.5);
  EXPECT_EQ(json.at("environments").at(0).at("targets").size(), 0u);
  EXPECT_EQ(json.at("mixing").at("files").size(), 3u);
  for (std::size_t l = 0; l < 3; ++l) {
    EXPECT_EQ(read_npy(folder_ / ("study/truth/mixing_" + std::to_string(l + 1) + ".npy")),
              study.truth.mixing.layers()[l]);
  }
  EXPECT_TRUE(read_truth(folder_ / "study").mixing.empty());
}

TEST_F(StudyFiles, StoresFloatsUnlessAskedOtherwise) {
  const Study study = simulate_study(small(), Seed{1});
  write_study(folder_ / "study", study);
  const Matrix stored = read_truth(folder_ / "study").latents[2];
  for (std::size_t k = 0; k < stored.rows(); ++k) {
    for (std::size_t j = 0; j < stored.cols(); ++j) {
      EXPECT_EQ(stored(k, j), static_cast<float>(study.truth.latents[2](k, j)));
    }
  }
}

TEST_F(StudyFiles, ReplacesAnOlderStudyWhole) {
  StudyOptions options = small();
  options.design = InterventionDesign::pairs;
  write_study(folder_ / "study", simulate_study(options, Seed{1}));
  write_study(folder_ / "study/", simulate_study(small(), Seed{2}));
  EXPECT_EQ(read_truth(folder_ / "study").environments.size(), 4u);
  EXPECT_FALSE(fs::exists(folder_ / "study/truth/latents/do4.npy"));
  EXPECT_THAT(entries(), ElementsAre("study"));
}

TEST_F(StudyFiles, FillsAnEmptyFolderAndMakesMissingParents) {
  const Study study = simulate_study(small(), Seed{1});
  fs::create_directory(folder_ / "empty");
  write_study(folder_ / "empty", study);
  write_study(folder_ / "a/b", study);
  EXPECT_EQ(read_truth(folder_ / "empty").graph, read_truth(folder_ / "a/b").graph);
}

TEST_F(StudyFiles, NeverDestroysWhatIsNoStudy) {
  const Study study = simulate_study(small(), Seed{1});
  const auto refuse = [&](const fs::path& path) {
    return message_of<IoError>([&] { write_study(path, study); });
  };
  overwrite(folder_ / "file", "precious");
  EXPECT_THAT(refuse(folder_ / "file"), HasSubstr("is no folder; choose another"));
  fs::create_directory(folder_ / "home");
  overwrite(folder_ / "home/letter", "precious");
  EXPECT_THAT(refuse(folder_ / "home"), HasSubstr("is no simulated study; choose another"));
  write_study(folder_ / "study", study);
  overwrite(folder_ / "study/notes.txt", "precious");
  EXPECT_THAT(refuse(folder_ / "study"), HasSubstr("'notes.txt' in it is no part of one"));
  EXPECT_THAT(refuse(folder_ / "file/study"), HasSubstr("file"));
  EXPECT_EQ(content(folder_ / "file"), "precious");
  EXPECT_EQ(content(folder_ / "home/letter"), "precious");
  EXPECT_EQ(content(folder_ / "study/notes.txt"), "precious");
  EXPECT_THAT(entries(), ElementsAre("file", "home", "study"));
}

TEST_F(StudyFiles, AFailedWriteLeavesNothing) {
  Study study = simulate_study(small(), Seed{1});
  study.dataset.features.pop_back();  // write_dataset refuses it when the folder is already staged
  EXPECT_THROW(write_study(folder_ / "study", study), InvalidArgument);
  EXPECT_TRUE(entries().empty());
}

TEST_F(StudyFiles, RefusesStudiesThatDoNotFitTogether) {
  Study study = simulate_study(small(), Seed{1});
  study.dataset.environments[1].name = "../up";
  EXPECT_THAT(message_of<InvalidArgument>([&] { write_study(folder_ / "study", study); }),
              HasSubstr("'../up' can't be a file name"));
  study.dataset.environments.pop_back();
  EXPECT_THAT(message_of<DimensionMismatch>([&] { write_study(folder_ / "study", study); }),
              HasSubstr("3 environments, 4 interventions and latents of 4"));
  EXPECT_TRUE(entries().empty());
}

TEST_F(StudyFiles, AStoredStudyIsDrawnAgain) {
  StudyOptions options;  // nothing at its default
  options.latent = {.latents = 3,
                    .family = LatentFamily::quadratic,
                    .density = 0.8,
                    .random_order = false,
                    .weight_low = 0.4,
                    .weight_high = 1.0,
                    .noise_variance_low = 0.7,
                    .noise_variance_high = 0.9};
  options.mixing = {.observed = 4,
                    .family = MixingFamily::tanh,
                    .normalise_columns = false,
                    .minimum_conditioning = 0.2};
  options.samples = 15;
  options.design = InterventionDesign::multi;
  options.intervention = Intervention::soft;
  options.variance_scale = 0.5;
  options.variance_increase = 0.1;
  options.soft_factor = 0.3;
  options.second_variance_scale = 3.0;
  options.second_variance_increase = 0.2;
  options.random_intervention_order = false;
  options.weak_edge_filter = 0.001;
  options.observation_noise = 0.05;
  const Study study = simulate_study(options, Seed{12345678901234567890u});
  write_study(folder_ / "study", study, StorageType::float32);
  const Study again = simulate_again(folder_ / "study");
  EXPECT_EQ(again.seed.value, study.seed.value);
  for (std::size_t e = 0; e < study.dataset.environments.size(); ++e)
    EXPECT_EQ(again.dataset.environments[e].samples, study.dataset.environments[e].samples) << e;
  const Matrix& z = study.truth.latents[1];
  EXPECT_EQ(again.truth.model.score(z, again.truth.interventions[1]),
            study.truth.model.score(z, study.truth.interventions[1]));
}

TEST_F(StudyFiles, NoiseSharesAndLatentsWithoutAnEnvironmentAreDrawnAgainToo) {
  StudyOptions options = small();
  options.latent.noise = NoiseFamily::student;
  options.latent.student_degrees = 7.0;
  options.intervened_share = 0.5;
  options.unhit = 1;
  const Study study = simulate_study(options, Seed{3});
  write_study(folder_ / "study", study);
  const Study again = simulate_again(folder_ / "study");
  ASSERT_EQ(again.dataset.environments.size(), 3u);
  EXPECT_EQ(again.dataset.environments[2].samples, study.dataset.environments[2].samples);
  const Matrix& z = study.truth.latents[1];
  EXPECT_EQ(again.truth.model.score(z, again.truth.interventions[1]),
            study.truth.model.score(z, study.truth.interventions[1]));
  const auto json = nlohmann::json::parse(content(folder_ / "study/truth/truth.json"));
  EXPECT_EQ(json.at("options").at("noise"), "student");
  EXPECT_EQ(json.at("environments").at(1).at("share"), 0.5);
  EXPECT_FALSE(json.at("environments").at(0).contains("share"));
}

TEST_F(StudyFiles, OlderStudiesSayNothingOfNoiseAndShares) {
  const Study study = simulate_study(small(), Seed{3});
  write_study(folder_ / "study", study);
  const fs::path file = folder_ / "study/truth/truth.json";
  auto json = nlohmann::json::parse(content(file));
  for (const char* option : {"noise", "student_degrees", "intervened_share", "unhit"})
    ASSERT_EQ(json["options"].erase(option), 1u) << option;
  overwrite(file, json.dump());
  EXPECT_EQ(simulate_again(folder_ / "study").dataset.environments[1].samples,
            study.dataset.environments[1].samples);
}

TEST_F(StudyFiles, AStudyOfOtherDrawsIsNotDrawnAgain) {
  const auto refuse = [&] {
    return message_of<IoError>([&] { simulate_again(folder_ / "study"); });
  };
  EXPECT_THAT(refuse(), HasSubstr("has no truth/truth.json"));
  write_study(folder_ / "study", simulate_study(small(), Seed{1}));
  const fs::path file = folder_ / "study/truth/truth.json";
  const auto whole = nlohmann::json::parse(content(file));
  const auto damage = [&](const char* option, const nlohmann::json& value) {
    auto json = whole;
    json["options"][option] = value;
    overwrite(file, json.dump());
    return refuse();
  };
  EXPECT_THAT(damage("density", 2.0), HasSubstr("is damaged"));
  EXPECT_THAT(damage("latent_family", "cubic"), HasSubstr("'cubic' is not known"));
  EXPECT_THAT(damage("samples", nullptr), HasSubstr("is damaged"));
  EXPECT_THAT(damage("samples", 21), HasSubstr("are not those that its options and seed give"));
  EXPECT_THAT(damage("variance_scale", 0.26), HasSubstr("simulate the study again"));
}

TEST_F(StudyFiles, SaysWhatIsWrongWithAStoredTruth) {
  const auto refuse = [&] { return message_of<IoError>([&] { read_truth(folder_ / "study"); }); };
  EXPECT_THAT(refuse(), HasSubstr("has no truth/truth.json"));
  write_study(folder_ / "study", simulate_study(small(), Seed{1}));
  const fs::path truth = folder_ / "study/truth";
  const std::string whole = content(truth / "truth.json");
  const auto damage = [&](auto change) {
    auto json = nlohmann::json::parse(whole);
    change(json);
    overwrite(truth / "truth.json", json.dump());
    return refuse();
  };
  EXPECT_THAT(damage([](auto& j) { j["kind"] = "letter"; }), HasSubstr("is not the truth"));
  EXPECT_THAT(damage([](auto& j) { j.erase("latents"); }), HasSubstr("truth.json: is damaged"));
  EXPECT_THAT(damage([](auto& j) { j["latents"] = 3; }), HasSubstr("truth.json: is damaged"));
  EXPECT_THAT(damage([](auto& j) { j["environments"][1]["targets"][0] = "Z9"; }),
              HasSubstr("target 'Z9' is not one of its latents"));
  EXPECT_THAT(damage([](auto& j) { j["environments"][0]["latents"] = "../0-obs.npy"; }),
              HasSubstr("0-obs.npy has 5 columns"));
  overwrite(truth / "truth.json", whole.substr(0, whole.size() / 2));
  EXPECT_THAT(refuse(), HasSubstr("truth.json: is damaged"));
  overwrite(truth / "truth.json", "");
  EXPECT_THAT(refuse(), HasSubstr("truth.json"));
  overwrite(truth / "truth.json", whole);
  EXPECT_NO_THROW(read_truth(folder_ / "study"));
  overwrite(truth / "graph.csv", ",Z1,Z2,Z3\nZ1,0,0.5,0\nZ2,0,0,0\nZ3,0,0,0\n");
  EXPECT_THAT(refuse(), HasSubstr("row Z1, column Z2: an adjacency matrix has 0 and 1 only"));
  overwrite(truth / "graph.csv", ",Z1,Z2,Z3\nZ1,0,1,0\nZ2,0,0,0\n");
  EXPECT_THAT(refuse(), HasSubstr("has 2 rows for 3 latents"));
  overwrite(truth / "graph.csv", ",Z1,Z2,Q\nZ1,0,1,0\nZ2,0,0,0\nZ3,0,0,0\n");
  EXPECT_THAT(refuse(), HasSubstr("graph.csv: there is no column 'Z3'"));
  fs::remove(truth / "latents/do1.npy");
  EXPECT_THROW(read_truth(folder_ / "study"), IoError);
}

}  // namespace
}  // namespace lodestein
