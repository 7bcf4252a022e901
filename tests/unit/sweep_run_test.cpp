#include <gmock/gmock.h>
#include <omp.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <random>

#include "lodestein/core/error.hpp"
#include "sweep_support.hpp"

namespace lodestein {
namespace {

using ::testing::HasSubstr;
using testing::run_all;
using testing::same_result;

double metric(const SweepRow& row, const std::string& name) {
  for (std::size_t m = 0; m < sweep_metrics().size(); ++m) {
    if (sweep_metrics()[m].name == name) return row.metrics.at(m);
  }
  throw InvalidArgument(name);
}

/// Every method once, on data it can use, small.
const char* every_method = R"(
models = 1
latents = 2
observed = 4
samples = 600
method = ["likelihood", "lscale", "lcd", "finite-sample", "additive", "umni", "umni-published"]
[[group]]
name = "samples"
[[group]]
name = "classifier"
method = "contrastive"
samples = 2000
observed = 2
[[group]]
name = "scores"
method = "lscale"
differences = ["log-ratio", "exact"]
[[group]]
name = "kernel scores"
method = "finite-sample"
differences = "plug-in-kernel"
points = "observational"
finite_eigenvalue_threshold = 0.1
finite_orthogonality_threshold = 0.3
[[group]]
name = "full rank"
method = "lscale-full-rank"
differences = "exact"
scm = "quadratic"
intervention = "soft"
[[group]]
name = "exact pairs"
method = "gscale"
design = "pairs"
mixing = "tanh"
link = "tanh"
pair_differences = "exact"
variance_scale = 4.0
second_variance_scale = 0.25
[[group]]
name = "estimated link"
method = "gscale"
design = "pairs"
mixing = "tanh"
observed = 4
link = "estimated"
pair_differences = "log-ratio"
variance_scale = 4.0
second_variance_scale = 0.25
)";

TEST(SweepRun, EveryMethodGivesMetrics) {
  const SweepPlan plan = parse_sweep_plan(every_method, "study.toml");
  for (const SweepRow& row : run_all(plan, sweep_tasks(plan, {}))) {
    const SweepSetting& setting = plan.settings[plan.cells[row.cell].setting];
    ASSERT_FALSE(row.failed) << setting.method << ": " << row.diagnosis;
    ASSERT_EQ(row.metrics.size(), sweep_metrics().size());
    EXPECT_GT(metric(row, "mcc"), 0.5) << setting.method << " in " << setting.group;
    EXPECT_LE(metric(row, "shd"), 1.0) << setting.method;
    EXPECT_GT(row.fit_seconds, 0.0);
    EXPECT_GT(row.measure_seconds, 0.0);
    EXPECT_FALSE(row.identified.empty());
  }
}

TEST(SweepRun, ExactDifferencesGiveExactAnswers) {
  const SweepPlan plan = parse_sweep_plan(every_method, "study.toml");
  SweepSelection selection;
  selection.only = {"group=exact pairs"};
  const auto tasks = sweep_tasks(plan, selection);
  ASSERT_EQ(tasks.size(), 1u);
  const SweepRow row = run_sweep_task(Backend::cpu(1), plan, tasks.front()).at(0);
  ASSERT_FALSE(row.failed) << row.diagnosis;
  EXPECT_GT(metric(row, "mcc"), 0.999999);
  EXPECT_LT(metric(row, "normalised_error"), 1e-4);
  EXPECT_EQ(metric(row, "shd"), 0.0);
  EXPECT_EQ(metric(row, "wrong_targets"), 0.0);
}

TEST(SweepRun, PairingsShareTheChartAndTheExactDifferences) {
  const SweepPlan plan = parse_sweep_plan(R"(
models = 2
latents = 2
observed = 4
samples = 600
method = "gscale"
design = "pairs"
mixing = "tanh"
link = "tanh"
pair_differences = "exact"
pairing = ["coupled", "families", "unlabelled"]
variance_scale = 4.0
second_variance_scale = 0.25
)",
                                          "study.toml");
  const auto tasks = sweep_tasks(plan, {});
  ASSERT_EQ(tasks.size(), 2u);
  for (const SweepTask& task : tasks) {
    const auto rows = run_sweep_task(Backend::cpu(1), plan, task);
    ASSERT_EQ(rows.size(), 3u);
    for (const SweepRow& row : rows) {
      EXPECT_GT(metric(row, "mcc"), 0.999999);
      const auto alone = run_sweep_task(Backend::cpu(1), plan, {task.batch, {row.cell}});
      EXPECT_TRUE(same_result(alone.at(0), row));
    }
  }
}

TEST(SweepRun, MomentsGiveTheMetricsOfInfinitelyManyLatents) {
  const SweepPlan plan = parse_sweep_plan(
      "models = 2\nmethod = \"likelihood\"\ndata = \"moments\"\nsamples = 1000000\nobserved = 8\n",
      "study.toml");
  for (const SweepRow& row : run_all(plan, sweep_tasks(plan, {}))) {
    ASSERT_FALSE(row.failed) << row.diagnosis;
    EXPECT_GT(metric(row, "mcc"), 0.9999);
    EXPECT_LT(metric(row, "mixing_error"), 0.01);
    EXPECT_TRUE(std::isnan(metric(row, "mcc_spearman"))) << "there are no samples to rank";
    EXPECT_EQ(metric(row, "wrong_targets"), 0.0);
  }
}

TEST(SweepRun, NoiseIsTakenOutUnlessToldOtherwise) {
  for (const char* method : {"likelihood", "umni"}) {
    const SweepPlan plan =
        parse_sweep_plan(std::string("models = 1\nlatents = 3\nobserved = 12\nsamples = 20000\n") +
                             (method == std::string("umni") ? "design = \"multi\"\n" : "") +
                             "observation_noise = 0.3\nmethod = \"" + method +
                             "\"\nnoise_removal = [\"auto\", \"none\"]\n"
                             "subspace = [\"variance\", \"differences\"]\n",
                         "noise.toml", Seed{3});
    const std::vector<SweepRow> rows = run_all(plan, sweep_tasks(plan, {}));
    ASSERT_EQ(rows.size(), 4u);
    std::map<std::string, std::vector<double>> errors;
    for (const SweepRow& row : rows) {
      const SweepSetting& setting = plan.settings.at(plan.cells.at(row.cell).setting);
      errors[std::get<std::string>(value_of(setting, "noise_removal"))].push_back(
          metric(row, "mixing_error"));
    }
    for (const double removed : errors.at("auto"))
      for (const double left : errors.at("none")) EXPECT_LT(1.5 * removed, left) << method;
    EXPECT_NE(errors.at("none")[0], errors.at("none")[1]) << "two subspaces";
  }
}

TEST(SweepRun, MethodsFitAsManyLatentsAsTheyAreTold) {
  const SweepPlan plan = parse_sweep_plan(R"(
models = 3
latents = 4
observed = 6
density = 1
data = "moments"
samples = 100000
method = "likelihood"
[[group]]
name = "fewer"
fitted_latents = 3
[[group]]
name = "more"
design = "pairs"
observation_noise = 0.05
fitted_latents = 5
[[group]]
name = "unhit"
unhit = 1
)",
                                          "study.toml");
  for (const SweepRow& row : run_all(plan, sweep_tasks(plan, {}))) {
    const std::string& group = plan.settings[plan.cells[row.cell].setting].group;
    ASSERT_FALSE(row.failed) << group << ": " << row.diagnosis;
    EXPECT_GT(metric(row, "mcc"), 0.4) << group;
    if (group == "more") {
      EXPECT_TRUE(std::isfinite(metric(row, "mixing_error")));
    } else {
      EXPECT_LE(metric(row, "mcc"), 0.75) << "a latent without an estimate counts 0";
      EXPECT_GE(metric(row, "shd"), 3.0) << "and its edges are missing";
      EXPECT_TRUE(std::isnan(metric(row, "mixing_error")));
    }
    EXPECT_LE(metric(row, "edges"), group == "more" ? 10.0 : 3.0);
    // Three environments of "fewer" are right at best, and whatever hits the fourth is wrong.
    if (group == "fewer") {
      EXPECT_GE(metric(row, "wrong_targets"), 1.0);
    }
  }
}

TEST(SweepRun, TheDiagnosisOfResampledControlsIsThereIfAskedFor) {
  const SweepPlan plan = parse_sweep_plan(R"(
models = 2
latents = 3
observed = 4
samples = 2000
variance_scale = 1
density = 0
method = ["likelihood", "lscale"]
null_splits = [0, 40]
)",
                                          "study.toml");
  for (const SweepRow& row : run_all(plan, sweep_tasks(plan, {}))) {
    // Roots whose variance doesn't change: the interventions do nothing at all.
    const auto splits = std::get<std::int64_t>(
        value_of(plan.settings[plan.cells[row.cell].setting], "null_splits"));
    const bool said =
        row.warnings.find("weak-environment") != std::string::npos || row.cause == "rank-too-low";
    EXPECT_EQ(said, splits > 0) << row.warnings << row.cause;
  }
}

TEST(SweepRun, SoftInterventionsCanBeTakenForHardOnes) {
  const SweepPlan plan = parse_sweep_plan(R"(
models = 3
latents = 3
observed = 4
density = 1
samples = 100000
data = "moments"
intervention = "soft"
soft_factor = 0.7
method = "likelihood"
assumed_intervention = ["as-simulated", "hard", "soft"]
)",
                                          "study.toml");
  std::map<std::string, std::vector<double>> shd;
  for (const SweepRow& row : run_all(plan, sweep_tasks(plan, {}))) {
    const auto assumed =
        to_text(value_of(plan.settings[plan.cells[row.cell].setting], "assumed_intervention"));
    ASSERT_FALSE(row.failed) << row.diagnosis;
    shd[assumed].push_back(metric(row, "shd"));
    // Second moments are those of hard interventions on other latents, so nothing shows it.
    EXPECT_EQ(row.warnings, "");
    EXPECT_EQ(metric(row, "closure_exact"), 1.0);
  }
  EXPECT_EQ(shd["soft"], shd["as-simulated"]);
  EXPECT_NE(shd["hard"], shd["soft"]);
}

TEST(SweepRun, SameBitsInAnyOrderOnAnyThreadsAloneOrTogether) {
  const SweepPlan plan = parse_sweep_plan(testing::small_study, "study.toml");
  const auto tasks = sweep_tasks(plan, {});
  const auto rows = run_all(plan, tasks, 1);

  auto shuffled = tasks;
  std::shuffle(shuffled.begin(), shuffled.end(), std::mt19937(1));
  const auto others = run_all(plan, shuffled, 3);
  for (std::size_t c = 0; c < rows.size(); ++c) EXPECT_TRUE(same_result(rows[c], others[c])) << c;

  for (std::size_t c = 0; c < rows.size(); c += 5) {
    SweepSelection alone;
    alone.only = {"key=" + key_text(plan.cells[c].key)};
    const auto one = sweep_tasks(plan, alone);
    ASSERT_EQ(one.size(), 1u);
    ASSERT_EQ(one.front().cells, std::vector<std::size_t>{c});
    EXPECT_TRUE(same_result(run_sweep_task(Backend::cpu(1), plan, one.front()).at(0), rows[c]));
  }
}

TEST(SweepRun, ShardsPartitionTheCells) {
  const SweepPlan plan = parse_sweep_plan(testing::small_study, "study.toml");
  std::vector<int> seen(plan.cells.size(), 0);
  for (std::size_t shard = 1; shard <= 5; ++shard) {
    SweepSelection selection;
    selection.shard = shard;
    selection.shards = 5;
    for (const SweepTask& task : sweep_tasks(plan, selection)) {
      for (const std::size_t cell : task.cells) ++seen[cell];
    }
  }
  EXPECT_THAT(seen, ::testing::Each(1));
  SweepSelection none;
  none.shard = 6;
  none.shards = 5;
  EXPECT_THROW(sweep_tasks(plan, none), InvalidArgument);
}

TEST(SweepRun, ShardsHaveAsMuchOfEverySettingAsOthers) {
  // As many settings as shards, which their order repeats with; one group has more models.
  const SweepPlan plan = parse_sweep_plan(R"(
models = 7
data = "moments"
observed = 6
method = ["likelihood", "lscale"]
[[group]]
name = "a"
latents = [2, 3, 4, 5]
[[group]]
name = "b"
latents = 3
models = 11
)",
                                          "study.toml");
  for (const std::size_t shards : {2u, 4u, 5u, 13u}) {
    std::vector<std::map<std::size_t, std::size_t>> counts(shards);
    std::vector<std::size_t> batches;
    std::vector<int> seen(plan.cells.size(), 0);
    for (std::size_t shard = 1; shard <= shards; ++shard) {
      SweepSelection selection;
      selection.shard = shard;
      selection.shards = shards;
      const auto tasks = sweep_tasks(plan, selection);
      batches.push_back(tasks.size());
      for (const SweepTask& task : tasks) {
        for (const std::size_t cell : task.cells) {
          ++counts[shard - 1][plan.cells[cell].setting];
          ++seen[cell];
        }
      }
    }
    EXPECT_THAT(seen, ::testing::Each(1));
    const auto [fewest, most] = std::minmax_element(batches.begin(), batches.end());
    EXPECT_LE(*most - *fewest, 1u) << shards;
    for (std::size_t s = 0; s < plan.settings.size(); ++s) {
      std::size_t low = plan.cells.size(), high = 0;
      for (auto& count : counts) {
        low = std::min(low, count[s]);
        high = std::max(high, count[s]);
      }
      EXPECT_LE(high - low, 1u) << "setting " << s << " of " << shards << " shards";
    }
  }
}

TEST(SweepRun, OnlyTakesCellsThatMatchAllFields) {
  const SweepPlan plan = parse_sweep_plan(testing::small_study, "study.toml");
  const auto count = [&](std::vector<std::string> only) {
    SweepSelection selection;
    selection.only = std::move(only);
    std::size_t cells = 0;
    for (const SweepTask& task : sweep_tasks(plan, selection)) cells += task.cells.size();
    return cells;
  };
  EXPECT_EQ(count({"latents=2"}), 12u);
  EXPECT_EQ(count({"latents=2", "samples=2e3"}), 6u);
  EXPECT_EQ(count({"latents=2", "latents=3", "method=lscale", "model=1"}), 4u);
  const auto refused = [&](const std::string& only) -> std::string {
    try {
      count({only});
    } catch (const InvalidArgument& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(refused("latens=2"), HasSubstr("did you mean 'latents'?"));
  EXPECT_THAT(refused("latents=4"), HasSubstr("no cell of the study has latents=4"));
  EXPECT_THAT(refused("latents=2.5"), HasSubstr("no cell of the study has latents=2.5"));
  EXPECT_THAT(refused("samples=1e300"), HasSubstr("no cell of the study has samples=1e300"));
  EXPECT_THAT(refused("latents"), HasSubstr("FIELD=VALUE"));
}

TEST(SweepRun, RowsSurviveTheWayBetweenProcesses) {
  const double nan = std::nan("");
  const std::vector<SweepRow> rows{{3,
                                    false,
                                    "",
                                    "",
                                    "weak,other",
                                    "latents; \"DAG\"\n",
                                    {0.1, nan, 1e-300, 1.0 / 3},
                                    0.5,
                                    2,
                                    0.25},
                                   {4, true, "error", "\xff no UTF-8, ü", "", "", {}, 0, 0, 0}};
  const auto back = decode_rows(encode_rows(rows));
  ASSERT_EQ(back.size(), 2u);
  EXPECT_TRUE(same_result(back[0], rows[0]));
  EXPECT_EQ(back[0].data_seconds, 0.5);
  EXPECT_EQ(back[0].fit_seconds, 2.0);
  EXPECT_EQ(back[0].measure_seconds, 0.25);
  EXPECT_TRUE(back[1].failed);
  EXPECT_THAT(back[1].diagnosis, HasSubstr("ü"));
  EXPECT_THROW(decode_rows("[[1,2]]"), InvalidArgument);
  EXPECT_THROW(decode_rows("x"), InvalidArgument);
}

TEST(SweepRun, FailuresAreRowsWithACauseAndNoMetrics) {
  // 3 samples are too few for 5 latents; no model has edges this strong.
  const SweepPlan plan = parse_sweep_plan(R"(
models = 1
observed = 6
method = ["likelihood", "lscale"]
[[group]]
name = "few"
samples = 3
[[group]]
name = "none"
density = 1
weak_edge_filter = 1e8
)",
                                          "study.toml");
  for (const SweepRow& row : run_all(plan, sweep_tasks(plan, {}))) {
    const SweepSetting& setting = plan.settings[plan.cells[row.cell].setting];
    EXPECT_TRUE(row.failed);
    EXPECT_TRUE(row.metrics.empty());
    EXPECT_EQ(row.cause, setting.group == "few" ? "error" : "simulation");
    EXPECT_THAT(row.diagnosis, HasSubstr(setting.group == "few" ? "samples" : "weak_edge_filter"));
  }
}

// Noise makes plain moments of estimated differences full in rank, and so is said; cross-fitted
// ones show how large it is. A mean of 3 of the 9 possible edges would be chance.
TEST(SweepRun, FullRankBranchNeedsCrossFittedMoments) {
  const SweepPlan plan = parse_sweep_plan(R"(
models = 4
scm = "quadratic"
intervention = "soft"
latents = 3
observed = 4
samples = 10000
density = 1
method = "lscale-full-rank"
differences = "log-ratio-3"
splits = [0, 3]
)",
                                          "study.toml");
  double shd = 0.0;
  for (const SweepRow& row : run_all(plan, sweep_tasks(plan, {}))) {
    const SweepSetting& setting = plan.settings[plan.cells[row.cell].setting];
    const auto splits = std::ranges::find(setting.options, "splits", &SweepField::name);
    const bool plain = splits->value == SweepValue(std::int64_t{0});
    EXPECT_EQ(row.failed, plain) << row.diagnosis;
    EXPECT_EQ(row.cause, plain ? "full-rank" : "");
    if (!plain) shd += metric(row, "shd") / 4.0;
  }
  EXPECT_LE(shd, 1.0);
}

TEST(SweepRun, TooLittleMemoryFailsCellsAndABrokenDeviceTheSweep) {
  const SweepPlan plan = parse_sweep_plan(
      "models = 2\nlatents = 2\nobserved = 4\nsamples = 50\nmethod = [\"likelihood\", "
      "\"lscale\"]\n",
      "study.toml");
  const auto run = [&](const SimtOptions& options) {
    std::vector<SweepRow> rows;
    run_sweep(Backend::simt(options), plan, sweep_tasks(plan, {}),
              [&](const SweepRow& row) { rows.push_back(row); });
    return rows;
  };
  try {
    Backend::simt();
  } catch (const NotCompiled& error) {
    GTEST_SKIP() << error.what();
  }
  const auto rows = run({.memory_bytes = 1000});
  EXPECT_EQ(rows.size(), plan.cells.size());
  for (const SweepRow& row : rows) {
    EXPECT_EQ(row.cause, "out-of-memory");
    EXPECT_THAT(row.diagnosis, HasSubstr("bytes"));
  }
  EXPECT_THROW(run({.shared_bytes = 256}), DeviceError);
}

// Rows of a sweep on the CUDA kernels, by so many threads at once.
std::vector<SweepRow> simt_rows(const SweepPlan& plan, const SimtOptions& options, int threads) {
  const int before = omp_get_max_threads();
  omp_set_num_threads(threads);
  std::vector<SweepRow> rows(plan.cells.size());
  run_sweep(Backend::simt(options), plan, sweep_tasks(plan, {}),
            [&](const SweepRow& row) { rows[row.cell] = row; });
  omp_set_num_threads(before);
  return rows;
}

TEST(SweepRun, ModelsThatShareTheCallsOfADeviceHaveTheSameBits) {
  const SweepPlan plan = parse_sweep_plan(
      "models = 3\nlatents = 2\nobserved = 3\nsamples = 100\nmethod = [\"likelihood\", "
      "\"lscale\"]\ndifferences = [\"gaussian\", \"log-ratio\"]\n",
      "study.toml");
  try {
    Backend::simt();
  } catch (const NotCompiled& error) {
    GTEST_SKIP() << error.what();
  }
  const auto alone = simt_rows(plan, {}, 1), together = simt_rows(plan, {}, 4);
  for (std::size_t c = 0; c < alone.size(); ++c) {
    EXPECT_FALSE(alone[c].failed) << alone[c].diagnosis;
    EXPECT_TRUE(same_result(alone[c], together[c])) << c;
  }
}

TEST(SweepRun, CellsThatFitIntoMemoryAloneDontFailTogether) {
  const SweepPlan plan = parse_sweep_plan(
      "models = 12\nlatents = 2\nobserved = 4\nsamples = 2000\nmethod = \"lscale\"\n",
      "study.toml");
  try {
    Backend::simt();
  } catch (const NotCompiled& error) {
    GTEST_SKIP() << error.what();
  }
  const auto failures = [&](std::size_t bytes, int threads) {
    const auto rows = simt_rows(plan, {.memory_bytes = bytes}, threads);
    return std::count_if(rows.begin(), rows.end(), std::mem_fn(&SweepRow::failed));
  };
  std::size_t bytes = 10000;
  while (failures(bytes, 1) > 0) bytes += bytes / 4;
  EXPECT_GT(bytes, 10000u);
  EXPECT_EQ(failures(bytes, 4), 0);
}

class Stopping final : public Observer {
 public:
  void progress(std::string_view, std::size_t done, std::size_t) override { done_ = done; }
  bool cancelled() const override { return done_ > 0; }

 private:
  std::size_t done_ = 0;
};

TEST(SweepRun, StopsWhenAskedAndHandsOverWhatIsReady) {
  const SweepPlan plan = parse_sweep_plan(
      "models = 10000\nmethod = \"likelihood\"\nobserved = 10\nsamples = 1000\n", "study.toml");
  Stopping observer;
  std::size_t rows = 0;
  EXPECT_THROW(
      run_sweep(
          Backend::cpu(2), plan, sweep_tasks(plan, {}), [&](const SweepRow&) { ++rows; }, observer),
      Cancelled);
  EXPECT_GT(rows, 0u);
  EXPECT_LT(rows, 1000u);
}

TEST(SweepRun, WhatTheCallbackThrowsEndsTheSweep) {
  const SweepPlan plan = parse_sweep_plan(testing::small_study, "study.toml");
  EXPECT_THROW(run_sweep(Backend::cpu(2), plan, sweep_tasks(plan, {}),
                         [](const SweepRow&) { throw IoError("enough"); }),
               IoError);
}

TEST(SweepRun, EstimatesCountEveryCellAndMeasureSome) {
  const SweepPlan plan = parse_sweep_plan(testing::small_study, "study.toml");
  const SweepEstimate estimate = estimate_sweep(Backend::cpu(2), plan, sweep_tasks(plan, {}), 0.0);
  EXPECT_EQ(estimate.cells, plan.cells.size());
  EXPECT_EQ(estimate.batches, plan.batches());
  EXPECT_GE(estimate.measured, 2u);
  EXPECT_GT(estimate.seconds, 0.0);
  EXPECT_EQ(estimate.bytes, 2.0 * 8 * 4 * 36) << "two batches of 4 environments of 6 x 6 moments";
}

TEST(SweepRun, EstimatesRepeatSettingsWithinTheirBudget) {
  const SweepPlan plan = parse_sweep_plan(testing::small_study, "study.toml");
  const auto tasks = sweep_tasks(plan, {});
  EXPECT_EQ(estimate_sweep(Backend::cpu(1), plan, tasks, 1e6).measured, plan.cells.size());
  const SweepPlan many = parse_sweep_plan(
      "models = 50\ndata = \"moments\"\nlatents = [2, 3]\nobserved = 4\n"
      "samples = 1000\nmethod = \"lcd\"\n",
      "study.toml");
  EXPECT_EQ(estimate_sweep(Backend::cpu(1), many, sweep_tasks(many, {}), 1e6).measured, 10u)
      << "five of each setting";
}

}  // namespace
}  // namespace lodestein
