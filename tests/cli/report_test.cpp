#include <gmock/gmock.h>

#include <regex>

#include "browser.hpp"
#include "lodestein/unmix/result_file.hpp"

namespace lodestein::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class Report : public ToolTest {
 protected:
  void write_report() {
    const Outcome simulated = lodestein(
        "simulate --latents 4 --observed 60 --samples 5000 --density 0.8 --seed 3 --out study");
    ASSERT_EQ(simulated.code, 0) << simulated.err;
    const Outcome run = lodestein("fit study --seed 3 --bootstrap 20 --out fit --report r.html");
    ASSERT_EQ(run.code, 0) << run.err;
    html_ = read_text(folder_ / "r.html");
  }
  Outcome browse(const std::vector<std::string>& options) const {
    return testing::browse(folder_ / "r.html", options);
  }

  std::string html_;
};

TEST_F(Report, IsSelfContained) {
  write_report();
  const std::string page = std::regex_replace(html_, std::regex("xmlns(:xlink)?=\"[^\"]*\""), "");
  for (const char* outside : {"http://", "https://", "<script", "@import", "url(", "src="})
    EXPECT_THAT(page, Not(HasSubstr(outside)));
}

TEST_F(Report, HasEverySection) {
  write_report();
  for (const char* heading :
       {"<h2>Graph</h2>", "<h2>What is identified</h2>", "<h2>Environments</h2>",
        "<h2>Diagnosis</h2>", "<h2>Score differences</h2>", "<h2>Encoder</h2>",
        "<h2>Bootstrap support</h2>", "<h2>Spectrum</h2>", "<h2>Settings</h2>"})
    EXPECT_THAT(html_, HasSubstr(heading));
  EXPECT_THAT(html_, HasSubstr("lodestein fit study --seed 3 --bootstrap 20"));
  EXPECT_THAT(html_, HasSubstr("40 of 60 features"));
}

TEST_F(Report, RendersInABrowserWithoutErrorOrNetwork) {
  if (!has_chromium()) GTEST_SKIP() << "no chromium here; install it to test the page in a browser";
  write_report();
  const Outcome page = browse({"--dump-dom"});
  ASSERT_EQ(page.code, 0) << page.err;
  EXPECT_EQ(count(page.out, "class=\"node\""), 4u);
  EXPECT_GE(count(page.out, "class=\"edge "), 1u);
  EXPECT_GE(count(page.out, "class=\"chart\""), 4u);
  EXPECT_THAT(page.err, Not(HasSubstr("CONSOLE")));
  EXPECT_THAT(page.err, Not(HasSubstr("ERR_NAME_NOT_RESOLVED")));

  const auto picture = folder_ / "page.png";
  ASSERT_EQ(browse({"--screenshot=" + picture.string()}).code, 0);
  EXPECT_GT(std::filesystem::file_size(picture), 50000u) << "an empty page is a few kilobytes";
}

TEST_F(Report, EscapesWhatComesFromTheUser) {
  const std::string attack = "<script>alert(1)</script>\"'&";
  FitRecord record;
  LearnedModel& fit = record.result;
  record.command = attack;
  record.input = FitInput{attack, {}, ""};
  fit.features = {attack, "b"};
  fit.latent_names = {attack, "]; \\N <b"};
  fit.encoder = {{1.0, -2.0}, {0.5, 0.0}};
  fit.graph = Digraph(2, {{0, 1}});
  fit.edges = {{.from = 0, .to = 1, .weight = 1.0}};
  fit.order = {0, 1};
  fit.targets = {{attack, {0}, 1.0}, {"plain", {1}, 1.0}};
  fit.score_differences = {{1.0, 0.5}, {0.0, 2.0}};
  fit.identified = attack;
  fit.assumptions = {attack};
  fit.diagnosis.findings = {{Severity::warning, attack, attack, attack}};
  fit.diagnosis.environments = {{.name = attack, .samples = 10, .singular_values = {1.0}}};
  fit.preprocessing = {{attack, attack}};
  write_result(folder_ / "fit", record);

  const Outcome run = lodestein("report fit --html r.html");
  ASSERT_EQ(run.code, 0) << run.err;
  html_ = read_text(folder_ / "r.html");
  EXPECT_THAT(html_, Not(HasSubstr("<script")));
  EXPECT_THAT(html_, HasSubstr("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;"));
  if (!has_chromium()) return;
  const Outcome page = browse({"--dump-dom"});
  EXPECT_EQ(count(page.out, "class=\"node\""), 2u);
  EXPECT_THAT(page.out, Not(HasSubstr("<script")));
}

TEST_F(Report, OfAFailedFitLeadsWithTheDiagnosis) {
  FitRecord record;
  record.result.diagnosis.findings = {
      {Severity::failure, "rank-too-low", "rank 3 of 5 latents", "fit with --latents 3"}};
  write_result(folder_ / "fit", record);
  ASSERT_EQ(lodestein("report fit --html r.html").code, 0);
  html_ = read_text(folder_ / "r.html");
  EXPECT_THAT(html_, HasSubstr("The fit failed"));
  EXPECT_LT(html_.find("rank 3 of 5 latents"), html_.find("<h2>Settings</h2>"));
  EXPECT_THAT(html_, Not(HasSubstr("<h2>Graph</h2>")));
}

/// Two latents, one edge with a p-value, and an environment whose latent was left for it.
FitRecord small_record() {
  FitRecord record;
  LearnedModel& fit = record.result;
  fit.features = {"a", "b"};
  fit.latent_names = {"Z1", "Z2"};
  fit.encoder = {{1.0, -2.0}, {0.5, 0.0}};
  fit.graph = Digraph(2, {{0, 1}});
  fit.edges = {{.from = 0, .to = 1, .weight = 1.0, .likelihood_ratio = 9.0, .p_value = 0.0027}};
  fit.order = {0, 1};
  fit.targets = {{"ka", {0}, 5.0}, {"kb", {1}, -32.8}};
  fit.score_differences = {{1.0, 0.5}, {0.0, 2.0}};
  fit.identified = "the DAG";
  fit.diagnosis.environments = {{.name = "ka", .samples = 10, .singular_values = {1.0}},
                                {.name = "kb", .samples = 10, .singular_values = {1.0}}};
  return record;
}

TEST_F(Report, DoubtsWhatRestsOnAModelThatTheDataContradict) {
  const std::string doubt = "if the model held, which the diagnosis doubts";
  FitRecord record = small_record();
  write_result(folder_ / "fit", record);
  ASSERT_EQ(lodestein("report fit --html r.html").code, 0);
  EXPECT_THAT(read_text(folder_ / "r.html"), Not(HasSubstr(doubt)));

  record.result.diagnosis.findings = {{Severity::warning, "model-misfit", "misses", "expect"}};
  write_result(folder_ / "fit", record);
  ASSERT_EQ(lodestein("report fit --html r.html").code, 0);
  html_ = read_text(folder_ / "r.html");
  EXPECT_THAT(html_, HasSubstr("The p-values hold " + doubt));
  EXPECT_THAT(html_, HasSubstr("the DAG – " + doubt));
}

TEST_F(Report, CallsATargetWithNegativeGainUncertain) {
  write_result(folder_ / "fit", small_record());
  ASSERT_EQ(lodestein("report fit --html r.html").code, 0);
  html_ = read_text(folder_ / "r.html");
  EXPECT_THAT(html_, HasSubstr("probably Z2, uncertain"));
  EXPECT_THAT(html_, Not(HasSubstr("probably Z1")));
}

TEST_F(Report, ShowsTheGraphOfAFailedFitBelowTheDiagnosisAsNotToBeTrusted) {
  FitRecord record = small_record();
  record.result.diagnosis.findings = {
      {Severity::failure, "rank-too-low", "rank 1 of 2 latents", "fit with --latents 1"}};
  write_result(folder_ / "fit", record);
  ASSERT_EQ(lodestein("report fit --html r.html").code, 0);
  html_ = read_text(folder_ / "r.html");
  const std::size_t graph = html_.find("<h2>Not to be trusted: the graph</h2>");
  ASSERT_NE(graph, std::string::npos);
  EXPECT_LT(html_.find("rank 1 of 2 latents"), graph);
  EXPECT_THAT(html_, HasSubstr("Z1 → Z2"));
}

}  // namespace
}  // namespace lodestein::testing
