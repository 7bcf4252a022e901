#include <gmock/gmock.h>

#include <fstream>
#include <set>
#include <sstream>

#include "lodestein/core/error.hpp"
#include "lodestein/simulate/study.hpp"
#include "sweep_support.hpp"

namespace lodestein {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string mistakes(const std::string& text) {
  try {
    parse_sweep_plan(text, "study.toml");
  } catch (const InvalidArgument& error) {
    return error.what();
  }
  return "";
}

TEST(SweepPlan, ListsMakeAProductOfModelsSettingsAndMethods) {
  const SweepPlan plan = parse_sweep_plan(testing::small_study, "study.toml");
  EXPECT_EQ(plan.name, "study");
  EXPECT_EQ(plan.settings.size(), 8u);
  EXPECT_EQ(plan.cells.size(), 24u);
  EXPECT_EQ(plan.batches(), 12u);
  for (std::size_t b = 0; b < plan.batches(); ++b) {
    EXPECT_EQ(plan.batch_begin[b + 1] - plan.batch_begin[b], 2u);
    for (std::size_t c = plan.batch_begin[b]; c < plan.batch_begin[b + 1]; ++c) {
      EXPECT_EQ(plan.cells[c].batch, b);
      EXPECT_EQ(plan.cells[c].model, b / 4) << "model 0 of all settings comes first";
    }
  }
}

TEST(SweepPlan, FieldsHaveTheDefaultsOfTheLibrary) {
  const SweepPlan plan = parse_sweep_plan("method = \"likelihood\"", "study.toml");
  const StudyOptions usual;
  const SweepSetting& setting = plan.settings.at(0);
  EXPECT_EQ(std::get<std::int64_t>(value_of(setting, "latents")),
            static_cast<std::int64_t>(usual.latent.latents));
  EXPECT_EQ(std::get<double>(value_of(setting, "variance_scale")), usual.variance_scale);
  EXPECT_EQ(std::get<std::string>(value_of(setting, "scm")), "linear");
  EXPECT_EQ(std::get<std::string>(value_of(setting, "shrinkage")), "auto");
  EXPECT_THROW(value_of(setting, "edge_threshold"), InvalidArgument);
  EXPECT_EQ(plan.cells.size(), 100u);
}

TEST(SweepPlan, KeysAndSeedsAreThoseOfTheContent) {
  const SweepPlan plan = parse_sweep_plan(testing::small_study, "study.toml");
  const SweepPlan other = parse_sweep_plan(R"(
name = "another order, other values beside"
data = "moments"
method = ["lcd", "lscale", "likelihood"]
latents = [5, 3]
observed = 6
samples = [2000, 77]
models = 2
variance_scale = 0.25
)",
                                           "other.toml");
  std::set<std::uint64_t> keys;
  for (const SweepCell& cell : plan.cells) keys.insert(cell.key);
  EXPECT_EQ(keys.size(), plan.cells.size());
  std::size_t common = 0;
  for (const SweepCell& cell : other.cells) {
    for (const SweepCell& same : plan.cells) {
      if (same.key != cell.key) continue;
      ++common;
      EXPECT_EQ(data_seed(plan, same), data_seed(other, cell));
      EXPECT_EQ(method_seed(plan, same), method_seed(other, cell));
    }
  }
  EXPECT_EQ(common, 4u) << "3 latents, 2000 samples, 2 methods, 2 models";
}

TEST(SweepPlan, KeysStayWhatTheyAre) {
  // Stored tables are found again by them: this test fails where old stores would be lost.
  const SweepPlan plan = parse_sweep_plan(testing::small_study, "study.toml", Seed{7});
  EXPECT_EQ(key_text(plan.cells[0].key), "401d2ad516e8959b");
  EXPECT_EQ(data_seed(plan, plan.cells[0]).value, 8455141736927305303u);
  EXPECT_EQ(method_seed(plan, plan.cells[0]).value, 14906098345507501979u);
}

TEST(SweepPlan, MethodsShareTheSeedOfTheDataAndModelsDont) {
  const SweepPlan plan = parse_sweep_plan(testing::small_study, "study.toml");
  EXPECT_EQ(data_seed(plan, plan.cells[0]), data_seed(plan, plan.cells[1]));
  EXPECT_NE(method_seed(plan, plan.cells[0]), method_seed(plan, plan.cells[1]));
  std::set<std::uint64_t> seeds;
  for (const SweepCell& cell : plan.cells) seeds.insert(data_seed(plan, cell).value);
  EXPECT_EQ(seeds.size(), plan.batches());
  const SweepPlan reseeded = parse_sweep_plan(testing::small_study, "study.toml", Seed{1});
  EXPECT_NE(data_seed(plan, plan.cells[0]), data_seed(reseeded, reseeded.cells[0]));
}

TEST(SweepPlan, GroupsReplaceFieldsAndShareData) {
  const SweepPlan plan = parse_sweep_plan(R"(
models = 2
method = "likelihood"
samples = [100, 1000]
[[group]]
name = "small"
latents = 2
models = 3
[[group]]
name = "again"
latents = 2
method = "lscale"
samples = 1000
)",
                                          "study.toml");
  EXPECT_EQ(plan.settings.size(), 3u);
  EXPECT_EQ(plan.cells.size(), 2u * 3 + 2);
  EXPECT_EQ(plan.batches(), 6u) << "'again' has data that 'small' has too";
  EXPECT_EQ(plan.settings[2].group, "again");
}

TEST(SweepPlan, ExcludesDropWhatMatchesAllTheirFields) {
  const SweepPlan plan = parse_sweep_plan(std::string(testing::small_study) + R"(
[[exclude]]
latents = 3
method = "lscale"
[[exclude]]
samples = 200
latents = [2, 3]
method = "likelihood"
)",
                                          "study.toml");
  EXPECT_EQ(plan.settings.size(), 8u - 2 - 2);
}

TEST(SweepPlan, OptionsBelongToTheirMethodsAndChangeNothingElse) {
  const SweepPlan plan = parse_sweep_plan(R"(
models = 1
method = ["likelihood", "lscale"]
edge_threshold = [0.01, 0.1]
intervention = ["hard", "soft"]
soft_factor = [0.3, 0.5]
)",
                                          "study.toml");
  // hard: 1 kind of data, soft: 2; likelihood once, lscale at two thresholds.
  EXPECT_EQ(plan.settings.size(), 3u * 3);
  EXPECT_EQ(plan.batches(), 3u);
}

TEST(SweepPlan, PublishedValuesGoAlongWithTheFieldThatIsAList) {
  const SweepPlan plan = parse_sweep_plan(std::string(testing::small_study) + R"(
[[published]]
source = "a figure"
latents = 3
samples = [200, 2000]
shd = [1.5, 0]
closure_exact = [0.1, 0.9]
)",
                                          "study.toml");
  ASSERT_EQ(plan.published.size(), 4u);
  EXPECT_EQ(plan.published[3].metric, "shd");
  EXPECT_EQ(plan.published[3].value, 0.0);
  EXPECT_EQ(plan.published[3].source, "a figure");
  EXPECT_EQ(plan.published[3].where, (std::vector<SweepField>{{"latents", std::int64_t{3}},
                                                              {"samples", std::int64_t{2000}}}));
}

TEST(SweepPlan, EveryMistakeIsToldWithItsLineAndWhatWouldBeRight) {
  const std::string text = mistakes(R"(latens = 5
method = ["likelyhood", "lscale"]
samples = [100, -3, 100]
density = 1.5
fixed_order = "no"
models = 0
scm = []
[[exclude]]
latents = "five"
)");
  EXPECT_THAT(text, HasSubstr("study.toml:1: unknown key 'latens'; did you mean 'latents'?"));
  EXPECT_THAT(text, HasSubstr("study.toml:2: 'method' takes 'likelihood', 'lscale'"));
  EXPECT_THAT(text, HasSubstr("not 'likelyhood'; did you mean 'likelihood'?"));
  EXPECT_THAT(text, HasSubstr("study.toml:3: 'samples' takes whole numbers from 1 to 1e+09"));
  EXPECT_THAT(text, HasSubstr("study.toml:3: 'samples' lists 100 twice"));
  EXPECT_THAT(text, HasSubstr("study.toml:4: 'density' takes numbers from 0 to 1"));
  EXPECT_THAT(text, HasSubstr("study.toml:5: 'fixed_order' takes true or false"));
  EXPECT_THAT(text, HasSubstr("study.toml:6: 'models' takes one whole number from 1"));
  EXPECT_THAT(text, HasSubstr("study.toml:7: 'scm' is an empty list"));
  EXPECT_THAT(text, HasSubstr("study.toml:9: 'latents' takes whole numbers"));
}

TEST(SweepPlan, TheSameMistakeOnTwoLinesIsToldTwice) {
  const std::string text = mistakes(
      "method = \"lcd\"\n[[group]]\nname = \"a\"\ndensity = 1.5\n"
      "[[group]]\nname = \"b\"\ndensity = 1.5\n");
  EXPECT_THAT(text, HasSubstr("study.toml:4: 'density' takes numbers from 0 to 1"));
  EXPECT_THAT(text, HasSubstr("study.toml:7: 'density' takes numbers from 0 to 1"));
}

TEST(SweepPlan, WhatFieldsMakeTogetherIsCheckedToo) {
  EXPECT_THAT(
      mistakes("method = \"likelihood\"\nlatents = [5, 10]\nobserved = [7, 20]\n"),
      HasSubstr("study.toml:3: observed = 7: must be at least latents = 10 (where latents = "
                "10, observed = 7)"));
  EXPECT_THAT(mistakes("method = \"additive\"\ndata = \"moments\"\n"),
              HasSubstr("study.toml:1: method 'additive' needs data = \"samples\""));
  const std::string pairs = "method = \"gscale\"\ndesign = \"pairs\"\nlink = \"estimated\"\n";
  EXPECT_THAT(mistakes(pairs + "latents = 4\nobserved = 4\n"),
              HasSubstr("needs observed > latents"));
  EXPECT_THAT(mistakes(pairs + "pair_differences = \"exact\"\nmixing = \"tanh\"\n"),
              HasSubstr("or both \"tanh\", for pair_differences = \"exact\""));
  EXPECT_THAT(mistakes("method = [\"gscale\"]\ndesign = [\"single\", \"pairs\"]\n"),
              HasSubstr("method 'gscale' needs design = \"pairs\"; change that, or drop such "
                        "combinations by [[exclude]]"));
  EXPECT_THAT(mistakes("method = \"contrastive\"\nencoder = \"invertible\"\n"),
              HasSubstr("method 'contrastive' needs encoder = \"linear\" or \"network\""));
  EXPECT_EQ(mistakes("method = \"gscale\"\ndesign = \"pairs\"\nencoder = \"invertible\"\n"), "");
  EXPECT_THAT(mistakes("method = \"likelihood\"\nscm = \"mlp\"\ndata = \"moments\"\n"),
              HasSubstr("study.toml:3: data = \"moments\" needs scm = \"linear\""));
  EXPECT_THAT(mistakes("method = \"likelihood\"\nsamples = [3, 100]\ndata = \"moments\"\n"),
              HasSubstr("study.toml:2: samples = 3: must be greater than latents"));
  EXPECT_THAT(mistakes("models = 3\n"), HasSubstr("names no method"));
  for (const char* field : {"noise = \"laplace\"", "intervened_share = 0.5"}) {
    EXPECT_THAT(mistakes(std::string("method = \"lcd\"\n") + field + "\ndata = \"moments\"\n"),
                HasSubstr("study.toml:3: data = \"moments\" needs noise = \"gaussian\" and "
                          "intervened_share = 1"));
  }
  EXPECT_THAT(mistakes("method = \"lcd\"\nnoise = \"student\"\nstudent_degrees = 2\n"),
              HasSubstr("study.toml:3: student_degrees = 2: must be greater than 2"));
  EXPECT_THAT(mistakes("method = \"umni\"\ndesign = \"multi\"\nunhit = 1\n"),
              HasSubstr("study.toml:3: unhit = 1: must be 0 for design = multi"));
  EXPECT_THAT(mistakes("method = \"lcd\"\nlatents = 3\nunhit = [1, 3]\n"),
              HasSubstr("study.toml:3: unhit = 3: must be less than latents = 3"));
  EXPECT_THAT(mistakes("method = \"lcd\"\nfitted_latents = [3, 6]\n"),
              HasSubstr("method 'lcd' needs fitted_latents of at most 5, the number of "
                        "interventional environments"));
  EXPECT_THAT(mistakes("method = \"umni\"\nunhit = 2\nfitted_latents = 4\n"),
              HasSubstr("needs fitted_latents of at most 3"));
  for (const char* field : {"noise = \"uniform\"", "unhit = 1"}) {
    EXPECT_THAT(mistakes(std::string("method = \"lscale\"\ndifferences = \"exact\"\n") + field),
                HasSubstr("needs unhit = 0 and noise = \"gaussian\", \"laplace\" or \"student\" "
                          "for differences = \"exact\""));
  }
}

TEST(SweepPlan, FieldsOfViolationsLeaveOtherKeysAlone) {
  const auto first_key = [](const std::string& more) {
    const SweepPlan plan = parse_sweep_plan(testing::small_study + more, "study.toml", Seed{7});
    return key_text(plan.cells[0].key);
  };
  const std::string usual = first_key("");
  EXPECT_EQ(usual, "401d2ad516e8959b");
  EXPECT_EQ(first_key("noise = \"gaussian\"\nintervened_share = 1\nunhit = 0\n"
                      "fitted_latents = 0\nnull_splits = 0\n"
                      "assumed_intervention = \"as-simulated\"\n"),
            usual);
  for (const char* other : {"unhit = 1\n", "fitted_latents = 2\n", "null_splits = 8\n",
                            "assumed_intervention = \"soft\"\n"})
    EXPECT_NE(first_key(other), usual) << other;
  const SweepPlan student = parse_sweep_plan(
      "method = \"lcd\"\nnoise = [\"laplace\", \"student\"]\nstudent_degrees = [3, 10]\n",
      "study.toml");
  EXPECT_EQ(student.settings.size(), 3u) << "degrees of freedom say nothing of other noise";
}

TEST(SweepPlan, WhatChangesNothingIsAMistake) {
  EXPECT_THAT(mistakes("method = \"lcd\"\nstudent_degrees = 3\n"),
              HasSubstr("'student_degrees' changes nothing"));
  EXPECT_THAT(mistakes("method = \"lscale\"\ndifferences = \"classifier\"\n"
                       "data = \"samples\"\nfitted_latents = 3\n"),
              HasSubstr("'fitted_latents' changes nothing"));

  EXPECT_THAT(mistakes("method = \"lcd\"\nedge_threshold = 0.1\n"),
              HasSubstr("study.toml:2: 'edge_threshold' changes nothing in this study; it is an "
                        "option of lscale"));
  EXPECT_THAT(mistakes("method = \"lcd\"\nsoft_factor = 0.1\n"),
              HasSubstr("study.toml:2: 'soft_factor' changes nothing"));
  EXPECT_THAT(mistakes("method = \"lcd\"\n[[exclude]]\nlatents = 7\n"),
              HasSubstr("study.toml:2: this [[exclude]] drops nothing"));
  EXPECT_THAT(mistakes("method = \"lcd\"\n[[exclude]]\nlatents = 5\n"),
              HasSubstr("nothing is left to run"));
  EXPECT_THAT(mistakes("method = \"lcd\"\nlatents = 3\n[[group]]\nname = \"a\"\nlatents = 5\n"),
              HasSubstr("study.toml:2: 'latents' changes nothing"));
}

TEST(SweepPlan, ValuesThatDropNothingAndModelsThatAllGroupsReplaceAreMistakes) {
  EXPECT_THAT(mistakes("method = \"lcd\"\nlatents = [3, 4]\nobserved = [5, 6]\n[[exclude]]\n"
                       "latents = 3\nobserved = [5, 7]\n"),
              HasSubstr("study.toml:6: this [[exclude]] drops nothing with observed = 7"));
  EXPECT_EQ(mistakes("method = \"lcd\"\nlatents = [3, 4]\nobserved = [5, 6]\n[[exclude]]\n"
                     "latents = 3\nobserved = [5, 6]\n[[exclude]]\nobserved = [5]\n"),
            "");
  const std::string groups = "[[group]]\nname = \"a\"\nmodels = 2\n[[group]]\nname = \"b\"\n";
  EXPECT_EQ(mistakes("method = \"lcd\"\nmodels = 5\n" + groups), "");
  EXPECT_THAT(mistakes("method = \"lcd\"\nmodels = 5\n" + groups + "models = 3\n"),
              HasSubstr("study.toml:2: 'models' changes nothing in this study; every [[group]] has "
                        "its own"));
}

TEST(SweepPlan, GroupsAndPublishedValuesAreChecked) {
  EXPECT_THAT(mistakes("method = \"lcd\"\n[[group]]\nlatents = 5\n"),
              HasSubstr("study.toml:2: a [[group]] needs a name"));
  EXPECT_THAT(mistakes("method = \"lcd\"\n[[group]]\nname = \"a\"\n[[group]]\nname = \"a\"\n"),
              HasSubstr("study.toml:4: two groups are called 'a'"));
  EXPECT_THAT(mistakes("method = \"lcd\"\ngroup = 3\n"), HasSubstr("write [[group]]"));
  EXPECT_THAT(mistakes("method = \"lcd\"\n[[published]]\nshd = 1\nlatents = 4\n"),
              HasSubstr("study.toml:2: [[published]] values need a source"));
  EXPECT_THAT(mistakes("method = \"lcd\"\n[[published]]\nsource = \"x\"\nshd = 1\nlatents = 4\n"),
              HasSubstr("belong to no cell"));
  EXPECT_THAT(
      mistakes("method = \"lcd\"\n[[published]]\nsource = \"x\"\nshd = [1, 2]\nlatents = 5\n"),
      HasSubstr("'shd' has 2 values for 1 of the field"));
  EXPECT_THAT(mistakes("method = \"lcd\"\n[[exclude]]\ngroup = \"a\"\n"),
              HasSubstr("the study has no [[group]]"));
}

TEST(SweepPlan, MistakesThatLookRightAreExplained) {
  EXPECT_THAT(mistakes("method = \"lcd\"\nsamples = [1e4, 20_000.0]\n"),
              AllOf(HasSubstr("write 10000, since"), HasSubstr("write 20000, since")));
  EXPECT_THAT(mistakes("method = \"lcd\"\nsamples = 1.5\n"), Not(HasSubstr("write")));
  EXPECT_THAT(mistakes("method = \"lcd\"\n[[exclude]]\nmodels = 2\n"),
              HasSubstr("study.toml:3: 'models' belongs to the top of the file or a [[group]], not "
                        "here"));
  EXPECT_THAT(mistakes("method = \"lcd\"\nshd = 2\n"), HasSubstr("'shd' belongs to [[published]]"));
  EXPECT_THAT(mistakes("method = \"lcd\"\n[[group]]\nname = \"a\"\nseed = 2\n"),
              HasSubstr("'seed' belongs to the top of the file"));
}

TEST(SweepPlan, ATooLargeProductAndBrokenTextAreRefused) {
  EXPECT_THAT(mistakes("method = \"lcd\"\nmodels = 1000000\nlatents = [2, 3, 4, 5, 6, 7, 8, 9, 10, "
                       "11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23]\n"),
              HasSubstr("the limits are"));
  EXPECT_THAT(mistakes("method = \n"), HasSubstr("study.toml:1: "));
  EXPECT_THAT(mistakes("method = \"lcd\"\nsamples = 1e5\n"), HasSubstr("takes whole numbers"));
  EXPECT_THROW(read_sweep_plan("/no/such/study.toml"), IoError);
}

TEST(SweepPlan, EveryFieldAndMethodHasHelpAndEveryOptionAMethod) {
  std::set<std::string> methods;
  for (const auto& [name, help] : sweep_methods()) {
    methods.insert(name);
    EXPECT_FALSE(help.empty()) << name;
  }
  std::set<std::string> names;
  for (const SweepFieldInfo& field : sweep_fields()) {
    EXPECT_TRUE(names.insert(field.name).second) << field.name;
    EXPECT_FALSE(field.help.empty()) << field.name;
    for (const std::string& method : field.methods) EXPECT_EQ(methods.count(method), 1u) << method;
  }
}

TEST(SweepPlan, ThePageNamesEveryFieldMethodAndMetric) {
  std::ifstream stream(std::string(LODESTEIN_SOURCE_DIR) + "/docs/sweep.md");
  std::ostringstream page;
  page << stream.rdbuf();
  for (const SweepFieldInfo& field : sweep_fields()) {
    const bool is_word = std::holds_alternative<std::string>(field.otherwise);
    const std::string value = is_word ? "\"" + to_text(field.otherwise) + "\"" : "";
    EXPECT_THAT(page.str(), HasSubstr("`" + field.name + "`" + (is_word ? " | " + value : "")));
    if (field.name.find("differences") != std::string::npos) continue;  // listed with the scores
    for (const std::string& choice : field.choices)
      EXPECT_THAT(page.str(), HasSubstr("\"" + choice + "\"")) << field.name;
  }
  for (const auto& [name, help] : sweep_methods())
    EXPECT_THAT(page.str(), HasSubstr("| \"" + name + "\" |"));
  for (const SweepMetric& metric : sweep_metrics())
    EXPECT_THAT(page.str(), HasSubstr("`" + metric.name + "`"));
}

}  // namespace
}  // namespace lodestein
