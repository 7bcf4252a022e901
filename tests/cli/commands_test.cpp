#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "tool.hpp"

namespace lodestein::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Json = nlohmann::json;
namespace fs = std::filesystem;

class Commands : public ToolTest {
 protected:
  void simulate(const std::string& more = "") {
    const Outcome run = lodestein(
        "simulate --latents 3 --observed 12 --samples 4000 --density 0.7 --seed 7 --out study " +
        more);
    ASSERT_EQ(run.code, 0) << run.err;
  }
  void fit(const std::string& more = "") {
    const Outcome run = lodestein("fit study --latents 3 --seed 7 --out fit " + more);
    ASSERT_EQ(run.code, 0) << run.err;
  }
  Json result() const { return Json::parse(read_text(folder_ / "fit/result.json")); }
};

TEST_F(Commands, HelpNamesEveryCommandAndEveryCommandShowsAnExample) {
  const Outcome top = lodestein("--help");
  EXPECT_EQ(top.code, 0);
  for (const char* name :
       {"simulate", "score", "fit", "evaluate", "report", "devices", "convert"}) {
    EXPECT_THAT(top.out, HasSubstr(name));
    const Outcome help = lodestein(std::string(name) + " --help");
    EXPECT_EQ(help.code, 0);
    EXPECT_THAT(help.out, HasSubstr("Example"));
    EXPECT_THAT(help.out, HasSubstr(std::string("lodestein ") + name));
  }
  EXPECT_THAT(lodestein("--version").out, HasSubstr("lodestein "));
}

TEST_F(Commands, FromStudyToReport) {
  simulate();
  const Outcome fitted = lodestein("fit study --latents 3 --seed 7 --out fit --report r.html");
  ASSERT_EQ(fitted.code, 0) << fitted.err;
  EXPECT_THAT(fitted.out, HasSubstr("Graph: 3 latents"));
  EXPECT_THAT(fitted.out, HasSubstr("hit Z"));
  EXPECT_THAT(fitted.out, HasSubstr("r.html"));
  for (const char* file : {"result.json", "arrays.npz", "graph.csv", "graph.dot", "graph.graphml"})
    EXPECT_TRUE(fs::exists(folder_ / "fit" / file)) << file;

  const Outcome evaluated = lodestein("evaluate fit --truth study");
  ASSERT_EQ(evaluated.code, 0) << evaluated.err;
  EXPECT_THAT(evaluated.out, HasSubstr("MCC"));
  EXPECT_THAT(evaluated.out, HasSubstr("baseline pca"));

  ASSERT_EQ(lodestein("report fit --html again.html").code, 0);
  EXPECT_EQ(read_text(folder_ / "again.html"), read_text(folder_ / "r.html"));
  EXPECT_THAT(entries(), ElementsAre("again.html", "fit", "r.html", "study"));
}

TEST_F(Commands, EvaluateHasTheDocumentedKeysAndFindsTheTruth) {
  simulate();
  fit();
  const Outcome run = lodestein("evaluate fit --truth study --json");
  ASSERT_EQ(run.code, 0) << run.err;
  const Json json = Json::parse(run.out);
  for (const char* key :
       {"mcc", "shd", "shd_reversal_counts_two", "edge_precision", "edge_recall", "edge_f1",
        "mixing_error", "normalised_error", "order_errors", "mcc_spearman", "r_squared",
        "mixing_error_soft", "closure_exact", "target_accuracy"})
    EXPECT_FALSE(json.at(key).is_null()) << key;
  EXPECT_GT(json.at("mcc"), 0.99);
  EXPECT_GT(json.at("mcc"), json.at("baselines").at("pca").at("mcc"));
  EXPECT_TRUE(json.at("baselines").contains("mean_shift"));
  EXPECT_TRUE(json.at("baselines").contains("fast_ica"));
  EXPECT_EQ(json.at("target_accuracy"), 1.0);
  EXPECT_EQ(json.at("match").size(), 3u);
}

TEST_F(Commands, TheSameSeedGivesTheSameBitsForAnyThreadCount) {
  simulate("--threads 1");
  ASSERT_EQ(lodestein("simulate --latents 3 --observed 12 --samples 4000 --density 0.7 --seed 7 "
                      "--out again --threads 3")
                .code,
            0);
  std::size_t compared = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder_ / "study")) {
    if (!entry.is_regular_file()) continue;
    const auto twin = folder_ / "again" / fs::relative(entry.path(), folder_ / "study");
    EXPECT_EQ(read_text(entry.path()), read_text(twin)) << entry.path();
    ++compared;
  }
  EXPECT_GT(compared, 5u);
  fit("--threads 1");
  ASSERT_EQ(lodestein("fit study --latents 3 --seed 7 --threads 3 --out fit3").code, 0);
  EXPECT_EQ(read_text(folder_ / "fit/arrays.npz"), read_text(folder_ / "fit3/arrays.npz"));
  EXPECT_EQ(read_text(folder_ / "fit/graph.csv"), read_text(folder_ / "fit3/graph.csv"));
}

TEST_F(Commands, ConvertKeepsTheData) {
  simulate("--storage float64");
  ASSERT_EQ(lodestein("convert study table.csv").code, 0);
  const Outcome back =
      lodestein("convert table.csv folder --environment-column environment --json");
  ASSERT_EQ(back.code, 0) << back.err;
  EXPECT_EQ(Json::parse(back.out).at("samples"), 16000);
  ASSERT_EQ(lodestein("convert folder again.csv").code, 0);
  EXPECT_EQ(read_text(folder_ / "again.csv"), read_text(folder_ / "table.csv"));
  ASSERT_EQ(lodestein("convert folder all.npz").code, 0);
  ASSERT_EQ(lodestein("convert all.npz from_npz").code, 0);
}

TEST_F(Commands, TruthMayBeColumnsOfATable) {
  simulate();
  ASSERT_EQ(lodestein("convert study table.csv").code, 0);
  const Outcome fitted =
      lodestein("fit table.csv --environment-column environment --latents 3 --out fit");
  ASSERT_EQ(fitted.code, 0) << fitted.err;
  const std::string table = read_text(folder_ / "table.csv");
  std::istringstream header(table.substr(0, table.find('\n')));
  std::vector<std::string> names;
  for (std::string name; std::getline(header, name, ',');) names.push_back(name);
  const Outcome run = lodestein("evaluate fit --truth-latents table.csv --latent-columns " +
                                names[1] + "," + names[2] + "," + names[3] + " --json");
  ASSERT_EQ(run.code, 0) << run.err;
  const Json json = Json::parse(run.out);
  EXPECT_TRUE(json.at("shd").is_null()) << "a table of latents has no graph";
  EXPECT_NEAR(json.at("r_squared"), 1.0, 1e-6) << "three features span the three latents";

  write_text_file(folder_ / "graph.csv", ",a,b,c\na,0,1,0\nb,0,0,0\nc,0,0,0\n");
  const std::string with_graph =
      "evaluate fit --truth-latents table.csv --truth-graph graph.csv "
      "--json --latent-columns ";
  const Outcome unknown = lodestein(with_graph + names[1] + "," + names[2] + "," + names[3]);
  EXPECT_EQ(unknown.code, 1);
  EXPECT_THAT(unknown.err, HasSubstr(names[1])) << "the graph is over a, b, c";
  write_text_file(folder_ / "graph.csv", "," + names[1] + "," + names[2] + "," + names[3] +
                                             "\n1,0,1,0\n2,0,0,0\n3,0,0,0\n");
  const Outcome known = lodestein(with_graph + names[1] + "," + names[2] + "," + names[3]);
  ASSERT_EQ(known.code, 0) << known.err;
  EXPECT_TRUE(Json::parse(known.out).at("shd").is_number());
}

TEST_F(Commands, JsonIsTheOnlyThingOnStdout) {
  const Outcome simulated =
      lodestein("simulate --latents 3 --observed 5 --samples 2000 --seed 1 --out study --json");
  EXPECT_EQ(Json::parse(simulated.out).at("latents"), 3);
  const Outcome fitted = lodestein("fit study --out fit --seed 18446744073709551615 --json");
  const Json printed = Json::parse(fitted.out);
  EXPECT_EQ(printed.at("seed"), 18446744073709551615u);
  EXPECT_EQ(printed, result());
  EXPECT_TRUE(Json::parse(lodestein("devices --json").out).at("devices").is_array());
  const Outcome failed = lodestein("fit nowhere --out fit2 --json");
  EXPECT_EQ(Json::parse(failed.out).at("exit_code"), 1);
}

TEST_F(Commands, SimulateBreaksAssumptionsWhenAskedTo) {
  const Outcome run = lodestein(
      "simulate --latents 4 --observed 6 --samples 3000 --seed 2 --noise student "
      "--student-degrees 6 --intervention soft --soft-factor 0.2 --intervened-share 0.8 "
      "--unhit 1 --out study --json");
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(Json::parse(run.out).at("environments"), 4);
  const Json options = Json::parse(read_text(folder_ / "study/truth/truth.json")).at("options");
  EXPECT_EQ(options.at("noise"), "student");
  EXPECT_EQ(options.at("student_degrees"), 6.0);
  EXPECT_EQ(options.at("soft_factor"), 0.2);
  EXPECT_EQ(options.at("intervened_share"), 0.8);
  EXPECT_EQ(options.at("unhit"), 1);
  EXPECT_LE(lodestein("fit study --out fit").code, 2);
  const Outcome rated = lodestein("evaluate fit --truth study --json");
  ASSERT_EQ(rated.code, 0) << rated.err;
  EXPECT_LE(Json::parse(rated.out).at("mcc"), 0.75) << "one of four latents has no estimate";
}

TEST_F(Commands, QuietPrintsNothing) {
  const Outcome run = lodestein(
      "simulate --latents 2 --observed 3 --samples 100 --out study --quiet --progress bar");
  EXPECT_EQ(run.code, 0);
  EXPECT_THAT(run.out, IsEmpty());
  EXPECT_THAT(run.err, IsEmpty());
}

TEST_F(Commands, NoBarWithoutATerminal) {
  const Outcome run =
      lodestein("simulate --latents 5 --observed 40 --samples 20000 --out study --progress auto");
  EXPECT_EQ(run.code, 0);
  EXPECT_THAT(run.err, IsEmpty());
}

TEST_F(Commands, StderrStaysEmptyWithoutProgress) {
  simulate();
  for (const char* mode : {"none", "auto"}) {
    const Outcome run = lodestein(std::string("fit study --out fit --progress ") + mode);
    EXPECT_EQ(run.code, 0);
    EXPECT_THAT(run.err, IsEmpty()) << mode;
  }
}

TEST_F(Commands, TheSummaryDoubtsPValuesAndClaimWhereTheModelMisfits) {
  simulate("--mixing tanh");
  const Outcome run = lodestein("fit study --latents 3 --seed 7 --out fit");
  ASSERT_EQ(run.code, 0) << run.err;
  ASSERT_THAT(read_text(folder_ / "fit/result.json"), HasSubstr("model-misfit"));
  EXPECT_THAT(run.out, HasSubstr("p-values if the model held, which the diagnosis doubts:"));
  EXPECT_THAT(run.out, HasSubstr("Identified, if the model held, which the diagnosis doubts: "));
}

TEST_F(Commands, TheSummaryCallsTargetsWithNegativeGainUncertain) {
  std::size_t uncertain = 0;
  for (int seed = 1; seed <= 6; ++seed) {  // few samples and weak interventions
    ASSERT_EQ(lodestein("simulate --latents 4 --observed 6 --samples 60 --variance-scale 0.7 --out "
                        "study --seed " +
                        std::to_string(seed))
                  .code,
              0);
    const Outcome run = lodestein("fit study --out fit");
    const Json fitted = result();
    for (const Json& target : fitted.at("targets")) {
      const std::string line = target.at("environment").get<std::string>() + " probably hit ";
      const bool negative = target.at("gain").is_number() && target.at("gain") < 0.0;
      EXPECT_EQ(run.out.find(line) != std::string::npos, negative) << seed << "\n" << run.out;
      uncertain += negative;
    }
  }
  EXPECT_GT(uncertain, 0u);
}

TEST_F(Commands, ParityMeansThePublishedThreshold) {
  simulate();
  fit("--method lscale --parity");
  const Json json = result();
  EXPECT_EQ(json.at("options").at("method"), "lscale");
  EXPECT_EQ(json.at("options").at("differences"), "gaussian");
  EXPECT_EQ(json.at("options").at("shrinkage"), "none");
  EXPECT_EQ(json.at("options").at("lscale_edge_threshold"), 1e-3);
  for (const Json& edge : json.at("graph").at("edges")) EXPECT_TRUE(edge.at("p_value").is_null());
}

TEST_F(Commands, AnEdgeThresholdAboveEveryEffectLeavesNoEdge) {
  simulate();
  fit("--method lscale --edge-threshold 1e9");
  EXPECT_TRUE(result().at("graph").at("edges").empty());
}

TEST_F(Commands, TheThresholdsOfLcdCount) {
  simulate();
  fit("--method lcd --lcd-edge-threshold 1e9 --lcd-rank-one 0.5");
  const Json json = result();
  EXPECT_EQ(json.at("options").at("lcd_rank_one_acceptance"), 0.5);
  EXPECT_EQ(json.at("options").at("lcd_edge_threshold"), 1e9);
  EXPECT_TRUE(json.at("graph").at("edges").empty());
}

TEST_F(Commands, BootstrapGivesEveryEdgeItsSupport) {
  simulate();
  fit("--bootstrap 10");
  const Json edges = result().at("graph").at("edges");
  ASSERT_FALSE(edges.empty());
  for (const Json& edge : edges) {
    EXPECT_GE(edge.at("support"), 0.0);
    EXPECT_LE(edge.at("support"), 1.0);
  }
}

}  // namespace
}  // namespace lodestein::testing
