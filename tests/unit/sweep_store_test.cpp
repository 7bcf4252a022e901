#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "lodestein/core/error.hpp"
#include "lodestein/core/version.hpp"
#include "lodestein/data/read.hpp"
#include "sweep/sqlite.hpp"
#include "sweep_support.hpp"

namespace lodestein {
namespace {

using sweep::Database;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::same_result;
namespace fs = std::filesystem;

class SweepStoreTest : public testing::SweepTest {
 protected:
  std::vector<SweepStore> stores(std::initializer_list<const char*> names) const {
    std::vector<SweepStore> opened;
    for (const char* name : names) opened.emplace_back(folder_ / name);
    return opened;
  }
};

SweepPlan small_plan(const std::string& more = "") {
  return parse_sweep_plan(testing::small_study + more, "study.toml");
}

std::string message_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::string text_of(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

void expect_same_table(const SweepTable& a, const SweepTable& b) {
  ASSERT_EQ(a.rows.size(), b.rows.size());
  for (std::size_t c = 0; c < a.rows.size(); ++c) {
    EXPECT_EQ(a.rows[c].cell.key, b.rows[c].cell.key);
    EXPECT_EQ(a.rows[c].status, b.rows[c].status) << c;
    EXPECT_TRUE(same_result(a.rows[c].result, b.rows[c].result)) << c;
  }
}

SweepRow failed_row(std::size_t cell, const std::string& cause, const std::string& diagnosis) {
  SweepRow row;
  row.cell = cell;
  row.failed = true;
  row.cause = cause;
  row.diagnosis = diagnosis;
  return row;
}

TEST_F(SweepStoreTest, StoresOfOlderVersionsHaveNewFieldsAtTheirDefaults) {
  const SweepPlan plan = small_plan();
  SweepStore(store_file(), plan, "cpu").write(testing::run_all(plan, sweep_tasks(plan, {})));
  Database(store_file(), Database::Mode::write)
      .run(
          "update settings set fields = json_remove(fields, '$.noise', '$.unhit', "
          "'$.fitted_latents')");
  const SweepTable table = SweepStore(store_file()).read();
  for (const SweepSetting& setting : table.settings) {
    EXPECT_EQ(to_text(value_of(setting, "noise")), "gaussian");
    EXPECT_EQ(to_text(value_of(setting, "unhit")), "0");
    EXPECT_EQ(to_text(value_of(setting, "fitted_latents")), "0");
    EXPECT_EQ(find_value(setting, "edge_threshold").has_value(), setting.method == "lscale");
  }
}

TEST_F(SweepStoreTest, KeepsThePlanAndEveryRow) {
  const SweepPlan plan = small_plan();
  {
    SweepStore store(store_file(), plan, "cpu");
    const SweepSummary summary = run_sweep(Backend::cpu(2), plan, store);
    EXPECT_EQ(summary.cells, plan.cells.size());
    EXPECT_EQ(summary.failed, 0u);
  }
  EXPECT_FALSE(fs::exists(store_file().string() + ".lock"));
  const SweepTable table = SweepStore(store_file()).read();
  EXPECT_EQ(table.info.name, "study");
  EXPECT_EQ(table.info.study, testing::small_study);
  EXPECT_EQ(table.info.done, plan.cells.size());
  EXPECT_EQ(table.info.backend, "cpu");
  ASSERT_EQ(table.settings.size(), plan.settings.size());
  for (std::size_t s = 0; s < plan.settings.size(); ++s) {
    EXPECT_EQ(table.settings[s].data, plan.settings[s].data);
    EXPECT_EQ(table.settings[s].options, plan.settings[s].options);
    EXPECT_EQ(table.settings[s].method, plan.settings[s].method);
  }
  const auto rows = testing::run_all(plan, sweep_tasks(plan, {}));
  for (std::size_t c = 0; c < rows.size(); ++c) {
    EXPECT_EQ(table.rows[c].status, SweepStatus::done);
    EXPECT_EQ(table.rows[c].cell.setting, plan.cells[c].setting);
    EXPECT_TRUE(same_result(table.rows[c].result, rows[c])) << c;
  }
}

TEST_F(SweepStoreTest, GoesOnWithWhatIsMissing) {
  const SweepPlan plan = small_plan();
  SweepSelection part;
  part.only = {"method=lscale", "model=1"};
  {
    SweepStore store(store_file(), plan, "cpu");
    EXPECT_EQ(run_sweep(Backend::cpu(1), plan, store, part).cells, 4u);
  }
  SweepStore store(store_file(), plan, "cpu");
  EXPECT_EQ(run_sweep(Backend::cpu(2), plan, store).cells, plan.cells.size() - 4);
  EXPECT_EQ(run_sweep(Backend::cpu(2), plan, store).cells, 0u);

  SweepStore at_once(folder_ / "other.db", plan, "cpu");
  run_sweep(Backend::cpu(1), plan, at_once);
  expect_same_table(store.read(), at_once.read());
}

TEST_F(SweepStoreTest, FailuresStayUntilTheyAreRetried) {
  const SweepPlan plan = small_plan();
  SweepStore store(store_file(), plan, "cpu");
  const SweepRow failure = failed_row(2, "rank-too-low", "2 of 3 directions; more samples");
  store.write({failure});
  EXPECT_EQ(run_sweep(Backend::cpu(2), plan, store).cells, plan.cells.size() - 1);
  SweepTable table = store.read();
  EXPECT_EQ(table.info.failed, 1u);
  EXPECT_EQ(table.rows[2].status, SweepStatus::failed);
  EXPECT_TRUE(same_result(table.rows[2].result, failure));

  SweepSelection retry;
  retry.retry_failed = true;
  EXPECT_EQ(run_sweep(Backend::cpu(2), plan, store, retry).cells, 1u);
  EXPECT_EQ(store.info().failed, 0u);
  EXPECT_EQ(store.info().done, plan.cells.size());
}

TEST_F(SweepStoreTest, AChangedStudyIsRefusedUnlessAccepted) {
  const SweepPlan plan = small_plan();
  {
    SweepStore store(store_file(), plan, "cpu");
    run_sweep(Backend::cpu(2), plan, store);
  }
  const SweepTable before = SweepStore(store_file()).read();
  const SweepPlan changed = parse_sweep_plan(R"(
models = 2
data = "moments"
latents = [3, 4]
observed = 6
samples = [200, 2000]
method = ["likelihood", "lscale"]
)",
                                             "study.toml");
  EXPECT_THAT(message_of([&] { SweepStore(store_file(), changed, "cpu"); }),
              HasSubstr("the study has changed; of 24 results 8 would stay"));
  EXPECT_THAT(message_of([&] { SweepStore(store_file(), plan, "cuda"); }),
              HasSubstr("the backend is cuda, not cpu"));
  const SweepPlan reseeded = parse_sweep_plan(testing::small_study, "study.toml", Seed{5});
  EXPECT_THAT(message_of([&] { SweepStore(store_file(), reseeded, "cpu"); }),
              HasSubstr("the seed is 5, not 0; of 24 results 0 would stay"));
  expect_same_table(SweepStore(store_file()).read(), before);

  SweepStore store(store_file(), changed, "cpu", ChangedStudy::accept);
  EXPECT_EQ(store.info().done, 8u);
  run_sweep(Backend::cpu(2), changed, store);
  SweepStore fresh(folder_ / "fresh.db", changed, "cpu");
  run_sweep(Backend::cpu(2), changed, fresh);
  expect_same_table(store.read(), fresh.read());
}

TEST_F(SweepStoreTest, CommentsAndPublishedValuesMayChange) {
  { SweepStore store(store_file(), small_plan(), "cpu"); }
  const std::string more = "[[published]] # new\nsource = \"a table\"\nlatents = 2\nshd = 0.5\n";
  { SweepStore store(store_file(), small_plan(more), "cpu"); }
  const SweepTable table = SweepStore(store_file()).read();
  EXPECT_THAT(table.info.study, HasSubstr("# new"));
  ASSERT_EQ(table.published.size(), 1u);
  EXPECT_EQ(table.published[0].metric, "shd");
  EXPECT_EQ(table.published[0].where, (std::vector<SweepField>{{"latents", std::int64_t{2}}}));
}

TEST_F(SweepStoreTest, TheSecondWriterIsToldWhoHoldsIt) {
  const SweepPlan plan = small_plan();
  const SweepStore store(store_file(), plan, "cpu");
  const std::string message = message_of([&] { SweepStore(store_file(), plan, "cpu"); });
  EXPECT_THAT(message, HasSubstr("is being written by process " + std::to_string(getpid())));
  EXPECT_THAT(message, HasSubstr("since "));
  EXPECT_EQ(SweepStore(store_file()).info().cells, plan.cells.size()) << "readers are welcome";
}

TEST_F(SweepStoreTest, ShardsMerge) {
  const SweepPlan plan = small_plan();
  for (std::size_t shard = 1; shard <= 3; ++shard) {
    SweepSelection selection;
    selection.shard = shard;
    selection.shards = 3;
    SweepStore part(folder_ / (std::to_string(shard) + ".db"), plan, "cpu");
    run_sweep(Backend::cpu(1), plan, part, selection);
  }
  EXPECT_EQ(merge_sweeps(store_file(), plan, stores({"1.db", "2.db"})), 16u);
  EXPECT_EQ(merge_sweeps(store_file(), plan, stores({"2.db", "3.db", "1.db"})), 8u);
  const SweepStore store(store_file());
  SweepStore at_once(folder_ / "at_once.db", plan, "cpu");
  run_sweep(Backend::cpu(2), plan, at_once);
  expect_same_table(store.read(), at_once.read());
}

TEST_F(SweepStoreTest, ASuccessReplacesAFailureAndNothingElseDoes) {
  const SweepPlan plan = small_plan();
  auto rows = testing::run_all(plan, sweep_tasks(plan, {}));
  SweepStore(store_file(), plan, "cpu").write({failed_row(0, "error", "first"), rows[1]});
  SweepStore(folder_ / "1.db", plan, "cpu")
      .write({failed_row(0, "error", "again"), failed_row(1, "error", "late")});
  EXPECT_EQ(merge_sweeps(store_file(), plan, stores({"1.db"})), 0u);
  EXPECT_EQ(SweepStore(store_file()).read().rows[0].result.diagnosis, "first");
  SweepStore(folder_ / "2.db", plan, "cpu").write({rows[0]});
  EXPECT_EQ(merge_sweeps(store_file(), plan, stores({"1.db", "2.db"})), 1u);
  const SweepTable table = SweepStore(store_file()).read();
  EXPECT_TRUE(same_result(table.rows[0].result, rows[0]));
  EXPECT_TRUE(same_result(table.rows[1].result, rows[1]));
}

TEST_F(SweepStoreTest, AMergeThatFailsChangesNothing) {
  const SweepPlan plan = small_plan();
  const auto rows = testing::run_all(plan, sweep_tasks(plan, {}));
  SweepStore(folder_ / "good.db", plan, "cpu").write(rows);
  const auto refused = [&](const char* part) {
    const std::string message = message_of([&] {
      merge_sweeps(store_file(), plan, stores({"good.db", part}), ChangedStudy::accept);
    });
    EXPECT_THAT(message, HasSubstr(part));
    return message;
  };
  {
    const SweepPlan reseeded = parse_sweep_plan(testing::small_study, "study.toml", Seed{1});
    SweepStore(folder_ / "seed.db", reseeded, "cpu");
    SweepStore(folder_ / "study.db", small_plan("density = 1\n"), "cpu");
    SweepStore(folder_ / "backend.db", plan, "reference");
    SweepStore(folder_ / "version.db", plan, "cpu");
    SweepStore(folder_ / "damaged.db", plan, "cpu");
    Database(folder_ / "version.db", Database::Mode::write)
        .run("update meta set value = '0.0.1' where key = 'version'");
    Database(folder_ / "damaged.db", Database::Mode::write).run("update settings set fields = 'x'");
  }
  EXPECT_THAT(refused("seed.db"), HasSubstr("has seed 1, not 0"));
  EXPECT_FALSE(fs::exists(store_file()));
  SweepStore(store_file(), small_plan("density = 0.25\n"), "cpu").write({rows[2]});
  const SweepTable before = SweepStore(store_file()).read();
  EXPECT_THAT(refused("study.db"), HasSubstr("another study"));
  EXPECT_THAT(refused("backend.db"), HasSubstr("is of backend reference, not cpu"));
  EXPECT_THAT(refused("version.db"), HasSubstr("was made by lodestein 0.0.1"));
  EXPECT_THAT(refused("damaged.db"), HasSubstr("is damaged"));
  expect_same_table(SweepStore(store_file()).read(), before);
}

TEST_F(SweepStoreTest, WhatIsNoStoreIsRefused) {
  EXPECT_THAT(message_of([&] { SweepStore store(store_file()); }),
              HasSubstr("there is no such store"));
  std::ofstream(store_file()) << std::string(2000, 'x');
  EXPECT_THAT(message_of([&] { SweepStore store(store_file()); }), HasSubstr("it is no store"));
  EXPECT_THAT(message_of([&] { SweepStore(store_file(), small_plan(), "cpu"); }),
              HasSubstr("it is no store"));
  EXPECT_EQ(text_of(store_file()), std::string(2000, 'x'));
  EXPECT_THAT(message_of([&] { SweepStore(folder_ / "no" / "x.db", small_plan(), "cpu"); }),
              HasSubstr("is there such a folder"));
}

TEST_F(SweepStoreTest, SaysWhoCanReadAnotherSchema) {
  { SweepStore store(store_file(), small_plan(), "cpu"); }
  Database(store_file(), Database::Mode::write)
      .run("update meta set value = '1' where key = 'schema'");
  EXPECT_THAT(message_of([&] { SweepStore store(store_file()); }),
              AllOf(HasSubstr("is a store of schema 1, this lodestein reads 2"),
                    HasSubstr(std::string("read it with lodestein ") + version)));
}

TEST_F(SweepStoreTest, LeavesAForeignDatabaseAsItIs) {
  { Database(store_file(), Database::Mode::write).run("create table letters (text); "); }
  const std::string before = text_of(store_file());
  EXPECT_THAT(message_of([&] { SweepStore(store_file(), small_plan(), "cpu"); }),
              HasSubstr("is a database, but no store of a sweep; give another --out"));
  EXPECT_EQ(text_of(store_file()), before);
}

TEST_F(SweepStoreTest, ResultsOfAnotherVersionArentMixedIn) {
  const SweepPlan plan = small_plan();
  { SweepStore store(store_file(), plan, "cpu"); }
  {
    Database(store_file(), Database::Mode::write)
        .run("update meta set value = '0.0.1' where key = 'version'");
  }
  EXPECT_THAT(message_of([&] { SweepStore(store_file(), plan, "cpu"); }),
              HasSubstr("not 0.0.1; of 0 results 0 would stay"));
  SweepStore(store_file(), plan, "cpu", ChangedStudy::accept);
  EXPECT_EQ(SweepStore(store_file()).info().version, version);
}

TEST_F(SweepStoreTest, CountsTheCausesOfFailures) {
  SweepStore store(store_file(), small_plan(), "cpu");
  EXPECT_TRUE(store.causes().empty());
  store.write({failed_row(0, "error", ""), failed_row(3, "error", ""),
               failed_row(7, "rank-too-low", ""), testing::run_all(small_plan(), {{0, {1}}})[1]});
  EXPECT_EQ(store.causes(),
            (std::map<std::string, std::size_t>{{"error", 2}, {"rank-too-low", 1}}));
}

TEST_F(SweepStoreTest, KeepsOneBackend) {
  const SweepPlan plan = small_plan();
  SweepStore store(store_file(), plan, "cpu");
  EXPECT_THAT(message_of([&] { run_sweep(Backend::reference(), plan, store); }),
              HasSubstr("is of backend cpu, not reference"));
  EXPECT_EQ(store.info().done, 0u);
}

TEST_F(SweepStoreTest, SaysThatItIsDamaged) {
  { SweepStore store(store_file(), small_plan(), "cpu"); }
  for (const char* damage : {"update settings set fields = 'x'",
                             "update cells set key = 'x' where cell = 0", "delete from settings"}) {
    const auto copy = folder_ / "copy.db";
    std::filesystem::copy_file(store_file(), copy,
                               std::filesystem::copy_options::overwrite_existing);
    { Database(copy, Database::Mode::write).run(damage); }
    EXPECT_THAT(message_of([&] { SweepStore(copy).read(); }), HasSubstr("copy.db: is damaged"))
        << damage;
  }
}

TEST_F(SweepStoreTest, ExportsAgree) {
  const SweepPlan plan = small_plan();
  SweepStore store(store_file(), plan, "cpu");
  store.write({failed_row(0, "error", "quotes \" and, commas")});
  SweepSelection some;
  some.only = {"model=0"};
  run_sweep(Backend::cpu(2), plan, store, some);
  for (const char* file : {"t.csv", "t.jsonl", "t.npz"}) export_sweep(store, folder_ / file);
  EXPECT_THROW(export_sweep(store, folder_ / "t.xls"), InvalidArgument);

  std::istringstream csv(text_of(folder_ / "t.csv")), lines(text_of(folder_ / "t.jsonl"));
  std::string header, row;
  std::getline(csv, header);
  EXPECT_THAT(header, HasSubstr("key,group,method,model,"));
  EXPECT_THAT(header, HasSubstr(",samples,"));
  std::size_t count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    const auto json = nlohmann::json::parse(line);
    ASSERT_TRUE(std::getline(csv, row));
    EXPECT_THAT(row, HasSubstr(json.at("key").get<std::string>()));
    const std::size_t cell = json.at("status") == "failed" ? 0 : count;
    EXPECT_EQ(json.at("key"), key_text(plan.cells[cell].key));
    EXPECT_EQ(json.at("mcc").is_null(), cell == 0);
    EXPECT_EQ(json.at("samples"),
              std::get<std::int64_t>(value_of(plan.settings[plan.cells[cell].setting], "samples")));
  }
  EXPECT_EQ(count, 8u);
  EXPECT_THAT(text_of(folder_ / "t.csv"), HasSubstr("\"quotes \"\" and, commas\""));
  EXPECT_THAT(text_of(folder_ / "t.npz"), HasSubstr("<U16"));  // keys
}

}  // namespace
}  // namespace lodestein
