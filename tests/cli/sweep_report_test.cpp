#include <gmock/gmock.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "browser.hpp"
#include "lodestein/evaluate/summary.hpp"
#include "lodestein/sweep/store.hpp"

namespace lodestein::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

constexpr const char* study = R"(
name = "small"
models = 4
latents = 3
observed = 3
samples = [100, 1000, 10000]
data = "moments"
method = ["likelihood", "lscale"]

[[published]]
source = "Nobody 1999, table 1"
method = "lscale"
samples = [100, 1000]
shd = [2.5, 1.25]
)";

class SweepReport : public ToolTest {
 protected:
  /// What a made-up cell gives: metrics by name, or a failure.
  using Maker = std::function<void(const SweepPlan&, const SweepCell&, SweepRow&)>;

  void store(const std::string& text, const Maker& make, std::size_t most = 1000000) {
    const SweepPlan plan = parse_sweep_plan(text, "study.toml", Seed{3});
    std::vector<SweepRow> rows;
    for (std::size_t c = 0; c < std::min(most, plan.cells.size()); ++c) {
      SweepRow row;
      row.cell = c;
      row.fit_seconds = 0.25;
      row.metrics.assign(sweep_metrics().size(), std::numeric_limits<double>::quiet_NaN());
      make(plan, plan.cells[c], row);
      if (row.failed) row.metrics.clear();
      rows.push_back(std::move(row));
    }
    SweepStore(folder_ / "results.db", plan, "cpu").write(rows);
  }
  static double& metric(SweepRow& row, const std::string& name) {
    for (std::size_t m = 0; m < sweep_metrics().size(); ++m)
      if (sweep_metrics()[m].name == name) return row.metrics[m];
    throw std::runtime_error(name);
  }
  static double samples(const SweepPlan& plan, const SweepCell& cell) {
    return static_cast<double>(
        std::get<std::int64_t>(value_of(plan.settings[cell.setting], "samples")));
  }
  static const std::string& method(const SweepPlan& plan, const SweepCell& cell) {
    return plan.settings[cell.setting].method;
  }
  /// SHD = model number, mcc falls with samples; lscale's fourth model fails.
  static void make_small(const SweepPlan& plan, const SweepCell& cell, SweepRow& row) {
    metric(row, "shd") = static_cast<double>(cell.model);
    metric(row, "closure_exact") = cell.model == 0 ? 1.0 : 0.0;
    metric(row, "mcc") = 1.0 - 1.0 / samples(plan, cell);
    metric(row, "mixing_error") = 10.0 / samples(plan, cell);
    row.failed = method(plan, cell) == "lscale" && cell.model == 3;
    if (row.failed) {
      row.cause = "rank-too-low";
      row.diagnosis = "rank 2 of 3 latents; fit with --latents 2";
    } else if (cell.model == 2) {
      row.warnings = "model-misfit,weak-effect";
    }
  }
  Json report_json() {
    const Outcome run = lodestein("report results.db --json");
    EXPECT_EQ(run.code, 0) << run.err;
    return Json::parse(run.out);
  }
  std::string report_html() {
    const Outcome run = lodestein("report results.db --html r.html");
    EXPECT_EQ(run.code, 0) << run.err;
    return read_text(folder_ / "r.html");
  }
  static Json entry(const Json& report, const std::string& method, double samples) {
    for (const Json& entry : report.at("groups").at(0).at("entries"))
      if (entry.at("method") == method && entry.at("settings").at("samples") == samples)
        return entry;
    return {};
  }
};

TEST_F(SweepReport, GivesMeansWithTheirErrorsAndIntervals) {
  store(study, make_small);
  const Json ours = entry(report_json(), "likelihood", 1000);
  const Summary expected = summarise({0.0, 1.0, 2.0, 3.0});
  const Json shd = ours.at("metrics").at("shd");
  EXPECT_EQ(shd.at("count"), 4);
  EXPECT_EQ(shd.at("mean"), 1.5);
  EXPECT_EQ(shd.at("standard_error"), expected.standard_error);
  EXPECT_EQ(shd.at("low"), expected.low);
  EXPECT_EQ(shd.at("high"), expected.high);
  const Json rate = ours.at("metrics").at("closure_exact");
  EXPECT_EQ(rate.at("low"), summarise_rate(1, 4).low);
  EXPECT_EQ(rate.at("high"), summarise_rate(1, 4).high);
  EXPECT_EQ(ours.at("seconds").at("mean"), 0.25);
}

TEST_F(SweepReport, CountsFailuresAndKeepsThemOutOfMeans) {
  store(study, make_small);
  const Json report = report_json();
  const Json theirs = entry(report, "lscale", 100);
  EXPECT_EQ(theirs.at("done"), 3);
  EXPECT_EQ(theirs.at("failed"), 1);
  EXPECT_EQ(theirs.at("metrics").at("shd").at("mean"), 1.0);
  ASSERT_EQ(report.at("failures").size(), 1u);
  EXPECT_EQ(report.at("failures").at(0).at("code"), "rank-too-low");
  EXPECT_EQ(report.at("failures").at(0).at("fits"), 3);
  EXPECT_EQ(report.at("warnings").size(), 2u);
  const std::string text = lodestein("report results.db").out;
  EXPECT_THAT(text, HasSubstr("(1 of 4 failed)"));
  EXPECT_THAT(text, HasSubstr("rank 2 of 3 latents"));
}

TEST_F(SweepReport, TellsHowOftenTheDiagnosisSpoke) {
  store(study, make_small);
  const Json report = report_json();
  const Json ours = entry(report, "likelihood", 100), theirs = entry(report, "lscale", 100);
  EXPECT_EQ(ours.at("findings"), (Json{{"model-misfit", 1}, {"weak-effect", 1}}));
  EXPECT_EQ(ours.at("silent_and_wrong"), 2) << "models 1 and 3, of 4";
  EXPECT_EQ(theirs.at("findings"),
            (Json{{"model-misfit", 1}, {"rank-too-low", 1}, {"weak-effect", 1}}));
  EXPECT_EQ(theirs.at("silent_and_wrong"), 1) << "a failure isn't silent";
  EXPECT_EQ(theirs.at("warned_and_right"), 0);
  const std::string text = lodestein("report results.db --metrics shd").out;
  EXPECT_THAT(text, HasSubstr("Findings, share of the fits:"));
  EXPECT_TRUE(std::regex_search(
      text, std::regex("\\| samples \\| method +\\| model-misfit +\\| weak-effect +"
                       "\\| rank-too-low +\\| no finding, SHD > 0 \\| warned, SHD = 0 +\\|")))
      << text;
  const auto rate = [](std::size_t count) {
    const Summary s = summarise_rate(count, 4);
    char expected[64];
    std::snprintf(expected, sizeof expected, "%.2f [%.2f, %.2f]", s.mean, s.low, s.high);
    return std::string(expected);
  };
  EXPECT_THAT(text, HasSubstr("| 100     | likelihood | " + rate(1) + " | " + rate(1) + " | " +
                              rate(0) + " | " + rate(2) + "   | " + rate(0)));
  EXPECT_THAT(report_html(), HasSubstr("<h3>Findings"));
}

TEST_F(SweepReport, SaysThatAWarningWasWrong) {
  store(study, [](const SweepPlan&, const SweepCell& cell, SweepRow& row) {
    metric(row, "shd") = 0.0;
    if (cell.model < 3) row.warnings = "model-misfit,model-misfit";
  });
  const Json ours = entry(report_json(), "likelihood", 100);
  EXPECT_EQ(ours.at("findings"), (Json{{"model-misfit", 3}})) << "once a fit";
  EXPECT_EQ(ours.at("warned_and_right"), 3);
  EXPECT_EQ(ours.at("silent_and_wrong"), 0);
}

TEST_F(SweepReport, TicksOfCloseValuesReadDifferently) {
  store(study, [](const SweepPlan& plan, const SweepCell& cell, SweepRow& row) {
    metric(row, "mcc") = 0.9999 + 1e-5 * std::log10(samples(plan, cell));
  });
  const std::string html = report_html();
  EXPECT_THAT(html, HasSubstr(">0.99992</text>"));
  EXPECT_THAT(html, HasSubstr(">0.99994</text>"));
}

TEST_F(SweepReport, LeavesOutFindingsThatWereNeverMade) {
  store(study, [](const SweepPlan&, const SweepCell&, SweepRow& row) { metric(row, "shd") = 1.0; });
  EXPECT_THAT(lodestein("report results.db").out, Not(HasSubstr("Findings")));
  EXPECT_THAT(report_html(), Not(HasSubstr("Findings <")));
}

TEST_F(SweepReport, PrintsTablesWithThePublishedValuesBeside) {
  store(study, make_small);
  const std::string text = lodestein("report results.db --metrics shd").out;
  EXPECT_THAT(text, HasSubstr("# small"));
  EXPECT_THAT(text, HasSubstr("| samples | likelihood | lscale, published | lscale "));
  EXPECT_TRUE(
      std::regex_search(text, std::regex("\\| 100 +\\| 1.5 ± 0.6 +\\| 2.5 +\\| 1.0 ± 0.6 ")))
      << text;
  EXPECT_TRUE(std::regex_search(text, std::regex("\\| 10000 +\\| 1.5 ± 0.6 +\\|  +\\| 1.0 ")))
      << text;
  EXPECT_THAT(text, HasSubstr("Nobody 1999, table 1"));
  EXPECT_THAT(text, Not(HasSubstr("MCC")));
}

TEST_F(SweepReport, SaysThatAMetricHasNoNumber) {
  store(study, make_small);
  const std::string text = lodestein("report results.db --metrics eta,shd").out;
  EXPECT_THAT(text, HasSubstr("\neta: no number\n"));
  EXPECT_THAT(text, HasSubstr("\nSHD:\n"));
}

TEST_F(SweepReport, GivesTheMetricsThatWereAskedForAsJson) {
  store(study, make_small);
  const Outcome run = lodestein("report results.db --metrics shd,eta --json");
  ASSERT_EQ(run.code, 0) << run.err;
  const Json metrics = entry(Json::parse(run.out), "likelihood", 100).at("metrics");
  ASSERT_EQ(metrics.size(), 2u);
  EXPECT_EQ(metrics.at("shd").at("mean"), 1.5);
  EXPECT_EQ(metrics.at("eta").at("count"), 0);
  EXPECT_TRUE(metrics.at("eta").at("mean").is_null());
  EXPECT_GT(entry(report_json(), "likelihood", 100).at("metrics").size(), 3u);
}

TEST_F(SweepReport, SaysWhatHasNotRun) {
  store(study, make_small, 0);
  EXPECT_THAT(lodestein("report results.db").out, HasSubstr("| 2.5               | not run |"));
  std::filesystem::remove(folder_ / "results.db");
  store(study, make_small, 1);
  const std::string text = lodestein("report results.db").out;
  EXPECT_THAT(text, HasSubstr("1 done, 0 failed, 23 not run"));
  EXPECT_THAT(text, HasSubstr("not run |"));
  EXPECT_THAT(report_html(), HasSubstr(">not run<"));
}

TEST_F(SweepReport, DrawsEveryMetricAgainstTheFieldThatVaries) {
  store(study, make_small);
  const std::string html = report_html();
  for (const char* label : {"SHD against samples", "MCC against samples",
                            "exact closure against samples", "SHD against seconds per fit"})
    EXPECT_THAT(html, HasSubstr(label));
  EXPECT_THAT(html, Not(HasSubstr("against latents")));
  EXPECT_THAT(html, HasSubstr("Nobody 1999, table 1"));
  EXPECT_THAT(html, HasSubstr("lodestein sweep STUDY --only key="));
}

TEST_F(SweepReport, DrawsAPanelForEachCombinationOfTheOtherFields) {
  store(R"(
models = 2
latents = [3, 4]
observed = [4, 8]
samples = [100, 1000, 10000]
data = "moments"
method = "likelihood"
)",
        make_small);
  const std::string html = report_html();
  for (const char* panel : {"SHD against samples: latents = 3, observed = 4",
                            "SHD against samples: latents = 4, "
                            "observed = 8",
                            "SHD against latents: observed = 4, samples = 100",
                            "SHD against observed: latents = 3, samples = 10000"})
    EXPECT_THAT(html, HasSubstr(panel));
}

TEST_F(SweepReport, DrawsValuesThatDifferByRoundingOnly) {
  store(study, [](const SweepPlan& plan, const SweepCell& cell, SweepRow& row) {
    metric(row, "shd") = 0.0;
    metric(row, "mcc") = 1.0 - 1e-16 * samples(plan, cell) / 100.0;
    metric(row, "mixing_error") = 1e-9;
  });
  const std::string html = report_html();
  EXPECT_THAT(html, HasSubstr("MCC against samples"));
  EXPECT_THAT(html, Not(HasSubstr("e-13</text>"))) << "an axis around 0 has ticks of size 1";
}

TEST_F(SweepReport, ShowsAcrossGroupsWhatVariesBetweenThemOnly) {
  store(R"(
models = 2
samples = [100, 1000]
data = "moments"
observed = 5
method = "likelihood"
[[group]]
name = "small"
latents = 3
[[group]]
name = "large"
latents = 5
)",
        make_small);
  const std::string html = report_html();
  EXPECT_THAT(html, HasSubstr("<h2>Across groups</h2>"));
  EXPECT_EQ(count(html, "SHD against latents"), 2u) << "one panel for each number of samples";
  EXPECT_EQ(count(html, "SHD against samples"), 2u) << "one panel for each group";
}

TEST_F(SweepReport, CountsCellsThatGroupsShareOnce) {
  store(R"(
samples = 1000
data = "moments"
observed = 5
method = "likelihood"
[[group]]
name = "two"
models = 2
latents = 3
[[group]]
name = "the same and one more"
models = 3
latents = 3
[[group]]
name = "large"
models = 4
latents = 5
)",
        make_small);
  const std::string html = report_html();
  const std::size_t begin = html.find("<h2>Across groups</h2>");
  ASSERT_NE(begin, std::string::npos);
  const std::string across = html.substr(begin, html.find("</section>", begin) - begin);
  EXPECT_THAT(across, HasSubstr("\n3 models"));
  EXPECT_THAT(across, HasSubstr("\n4 models"));
  EXPECT_THAT(across, Not(HasSubstr("5 models")));
}

TEST_F(SweepReport, NamesMethodsByTheOptionsInWhichTheyDiffer) {
  store(R"(
models = 2
latents = 3
observed = 3
samples = 1000
data = "moments"
method = "lscale"
edge_threshold = [0.001, 0.05]
[[published]]
source = "Nobody"
method = "lscale"
edge_threshold = 0.05
shd = 7
)",
        make_small);
  const std::string text = lodestein("report results.db --metrics shd").out;
  EXPECT_THAT(text, HasSubstr("| lscale, edge_threshold = 0.001 | lscale, edge_threshold = 0.05, "
                              "published | lscale, edge_threshold = 0.05 |"));
}

TEST_F(SweepReport, DrawsNoTwoMethodsAlike) {
  store(R"(
models = 1
latents = 3
observed = 3
samples = [100, 1000]
data = "moments"
method = "lscale"
edge_threshold = [0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.007, 0.008, 0.009, 0.01, 0.02, 0.03,
                  0.04, 0.05, 0.06, 0.07, 0.08, 0.09, 0.1, 0.2]
)",
        make_small);
  const std::string html = report_html();
  const std::regex key("<svg class=\"key-mark\".*?class=\"series s[0-9]+ (.*?)</svg>");
  std::set<std::string> marks;
  for (std::sregex_iterator it(html.begin(), html.end(), key), end; it != end; ++it)
    marks.insert((*it)[1]);
  EXPECT_EQ(marks.size(), 20u);
}

TEST_F(SweepReport, IsSelfContainedAndSafe) {
  store(R"(
name = "<script>alert(1)</script>\"'&"
models = 2
latents = 3
observed = 3
samples = [100, 1000]
data = "moments"
method = "likelihood"
[[group]]
name = "<script>2</script>"
[[published]]
source = "<script>3</script>"
samples = 100
shd = 7
)",
        [](const SweepPlan& plan, const SweepCell& cell, SweepRow& row) {
          make_small(plan, cell, row);
          row.failed = cell.model == 1;
          if (row.failed) row.cause = row.diagnosis = "<script>4</script>|\n";
        });
  const std::string html = report_html();
  for (const char* outside : {"http://", "https://", "<script", "@import", "url(", "src="})
    EXPECT_THAT(html, Not(HasSubstr(outside)));
  EXPECT_THAT(html, HasSubstr("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;"));
}

TEST_F(SweepReport, RendersInABrowserAndHidesAMethodWithoutAScript) {
  if (!has_chromium()) GTEST_SKIP() << "no chromium here; install it to test the page in a browser";
  store(study, make_small);
  std::string html = report_html();
  const Outcome page = browse(folder_ / "r.html", {"--dump-dom"});
  ASSERT_EQ(page.code, 0) << page.err;
  EXPECT_GE(count(page.out, "class=\"chart panel\""), 6u);
  EXPECT_THAT(page.err, Not(HasSubstr("CONSOLE")));
  EXPECT_THAT(page.err, Not(HasSubstr("ERR_NAME_NOT_RESOLVED")));
  const auto picture = folder_ / "page.png";
  ASSERT_EQ(browse(folder_ / "r.html", {"--screenshot=" + picture.string()}).code, 0);
  EXPECT_GT(std::filesystem::file_size(picture), 50000u) << "an empty page is a few kilobytes";

  const std::size_t box = html.find("id=\"show1\" checked");
  ASSERT_NE(box, std::string::npos);
  html.erase(box + std::string("id=\"show1\"").size(), std::string(" checked").size());
  html +=
      "<script>document.title = [0, 1].map(i => getComputedStyle(document.querySelector("
      "'section .s' + i)).display).join();</script>";
  write_text_file(folder_ / "r.html", html);
  EXPECT_THAT(browse(folder_ / "r.html", {"--dump-dom"}).out,
              HasSubstr("<title>inline,none</title>"));
}

TEST_F(SweepReport, TellsWhatIsWrongWithARequest) {
  store(study, make_small);
  const Outcome metric = lodestein("report results.db --metrics sdh");
  EXPECT_EQ(metric.code, 1);
  EXPECT_THAT(metric.err, HasSubstr("nearest is 'shd'"));
  EXPECT_EQ(lodestein("report nowhere.db").code, 1);
  const Outcome fit = lodestein("report nowhere");
  EXPECT_EQ(fit.code, 1);
  EXPECT_THAT(fit.err, HasSubstr("--html"));
  write_text_file(folder_ / "other.db", "not a database");
  EXPECT_EQ(lodestein("report other.db").code, 1);
}

}  // namespace
}  // namespace lodestein::testing
