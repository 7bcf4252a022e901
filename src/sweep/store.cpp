#include "lodestein/sweep/store.hpp"

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_map>
#include <utility>

#include "lodestein/core/error.hpp"
#include "lodestein/core/version.hpp"
#include "sweep/fields.hpp"
#include "sweep/lock.hpp"
#include "sweep/plan.hpp"
#include "sweep/sqlite.hpp"

namespace lodestein {
namespace {

using Json = nlohmann::ordered_json;
using sweep::Database;
using sweep::Statement;
using sweep::Transaction;

constexpr std::int64_t schema = 2;
constexpr std::int64_t application = 0x4c445354;  // "LDST"

std::int64_t whole(std::size_t value) { return static_cast<std::int64_t>(value); }

std::string metric_columns() {
  std::string text;
  for (const SweepMetric& metric : sweep_metrics()) text += ", " + metric.name;
  return text;
}

std::string metric_declarations() {
  std::string text;
  for (const SweepMetric& metric : sweep_metrics()) text += ", " + metric.name + " real";
  return text;
}

std::string tables() {
  return "create table meta(key text primary key, value text not null);"
         "create table settings(setting integer primary key, study_group text not null,"
         " method text not null, fields text not null);"
         "create table cells(cell integer primary key, key text not null unique,"
         " setting integer not null, model integer not null, batch integer not null);"
         "create table results(cell integer primary key, status text not null, cause text not null,"
         " diagnosis text not null, warnings text not null, identified text not null" +
         metric_declarations() +
         ");"
         "create table timings(cell integer primary key, data_seconds real, fit_seconds real,"
         " measure_seconds real, finished integer);"
         "create table published(fields text not null, metric text not null, value real not null,"
         " source text not null);"
         "create view sweep as select * from cells join settings using (setting)"
         " left join results using (cell) left join timings using (cell);";
}

Json json_of(const std::vector<SweepField>& fields) {
  Json json = Json::object();
  for (const SweepField& field : fields)
    std::visit([&](const auto& value) { json[field.name] = value; }, field.value);
  return json;
}

SweepValue value_of(const Json& json) {
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number_integer()) return json.get<std::int64_t>();
  if (json.is_number()) return json.get<double>();
  return json.get<std::string>();
}

std::vector<SweepField> fields_of(const std::string& text) {
  std::vector<SweepField> fields;
  const Json json = Json::parse(text);
  for (const auto& [name, value] : json.items()) fields.push_back({name, value_of(value)});
  return fields;
}

SweepSetting setting_of(const Statement& row) {
  SweepSetting setting{row.text(0), {}, row.text(1), {}};
  for (SweepField& field : fields_of(row.text(2))) {
    const SweepFieldInfo* known = sweep::find_field(field.name);
    const bool is_option = known != nullptr && !known->methods.empty();
    (is_option ? setting.options : setting.data).push_back(std::move(field));
  }
  // Fields that the store's version didn't know were what they are by default.
  for (const SweepFieldInfo& field : sweep_fields()) {
    const auto& methods = field.methods;
    const bool is_option = !methods.empty();
    if (is_option && std::find(methods.begin(), methods.end(), setting.method) == methods.end())
      continue;
    if (!find_value(setting, field.name))
      (is_option ? setting.options : setting.data).push_back({field.name, field.otherwise});
  }
  return setting;
}

std::uint64_t key_of(const std::string& text) { return std::stoull(text, nullptr, 16); }

}  // namespace

class SweepStore::Implementation {
 public:
  explicit Implementation(const std::filesystem::path& file)
      : file_(existing(file)), database_(file, Database::Mode::read) {
    check_schema();
  }

  Implementation(const std::filesystem::path& file, const SweepPlan& plan,
                 const std::string& backend, ChangedStudy changed)
      : file_(file), lock_(std::in_place, file), database_(file, Database::Mode::write) {
    if (!database_.has_table("meta") && count("sqlite_master") > 0)
      throw IoError(file_.string() +
                    ": is a database, but no store of a sweep; give another --out");
    database_.use_wal();
    Transaction transaction(database_);
    if (!database_.has_table("meta")) {
      create(plan, backend);
    } else {
      check_schema();
      if (!is_of(plan) || !keeps_results(plan, backend)) change(plan, backend, changed);
      write_study(plan);
    }
    transaction.commit();
  }

  const std::filesystem::path& file() const { return file_; }
  const Database& database() const { return database_; }

  std::string meta(const std::string& key) const {
    Statement statement(database_, "select value from meta where key = ?");
    return (statement << key).step() ? statement.text(0) : "";
  }

  std::int64_t count(const std::string& from) const {
    Statement statement(database_, "select count(*) from " + from);
    statement.step();
    return statement.whole(0);
  }

  bool is_of(const SweepPlan& plan) const {
    return meta("plan") == sweep::plan_hash(plan) &&
           meta("seed") == std::to_string(plan.seed.value);
  }

  void write(const std::vector<SweepRow>& rows) {
    if (rows.empty()) return;
    Transaction transaction(database_);
    Statement result(database_,
                     "insert or replace into results values(?,?,?,?,?,?" + questions() + ")");
    Statement timing(database_, "insert or replace into timings values(?,?,?,?,?)");
    const std::int64_t now = std::time(nullptr);
    for (const SweepRow& row : rows) {
      result << whole(row.cell) << std::string(row.failed ? "failed" : "done") << row.cause
             << row.diagnosis << row.warnings << row.identified;
      for (std::size_t m = 0; m < sweep_metrics().size(); ++m)
        result << (m < row.metrics.size() ? row.metrics[m]
                                          : std::numeric_limits<double>::quiet_NaN());
      result.run();
      (timing << whole(row.cell) << row.data_seconds << row.fit_seconds << row.measure_seconds
              << now)
          .run();
    }
    transaction.commit();
  }

 private:
  static std::filesystem::path existing(const std::filesystem::path& file) {
    if (!std::filesystem::exists(file))
      throw IoError(file.string() + ": there is no such store; `lodestein sweep` makes one");
    return file;
  }

  static std::string questions() {
    std::string text;
    for (std::size_t m = 0; m < sweep_metrics().size(); ++m) text += ",?";
    return text;
  }

  void check_schema() const {
    if (!database_.has_table("meta") || meta("schema").empty())
      throw IoError(file_.string() + ": is no store of a sweep");
    if (meta("schema") != std::to_string(schema)) {
      throw IoError(file_.string() + ": is a store of schema " + meta("schema") +
                    ", this lodestein reads " + std::to_string(schema) +
                    "; read it with lodestein " + meta("version") +
                    ", which wrote it, or sweep into a new file");
    }
  }

  void put(const std::string& key, const std::string& value) const {
    Statement statement(database_, "insert or replace into meta values(?,?)");
    (statement << key << value).run();
  }

  void create(const SweepPlan& plan, const std::string& backend) const {
    database_.run(tables());
    database_.run("pragma application_id = " + std::to_string(application) +
                  "; pragma user_version = " + std::to_string(schema));
    put("schema", std::to_string(schema));
    write_plan(plan, backend);
    write_study(plan);
  }

  bool keeps_results(const SweepPlan& plan, const std::string& backend) const {
    return meta("seed") == std::to_string(plan.seed.value) && meta("backend") == backend &&
           meta("version") == version;
  }

  /// Text and published values may change; they don't touch results.
  void write_study(const SweepPlan& plan) const {
    put("name", plan.name);
    put("study", plan.text);
    database_.run("delete from published");
    Statement statement(database_, "insert into published values(?,?,?,?)");
    for (const PublishedValue& value : plan.published)
      (statement << json_of(value.where).dump() << value.metric << value.value << value.source)
          .run();
  }

  void write_plan(const SweepPlan& plan, const std::string& backend) const {
    put("version", version);
    put("seed", std::to_string(plan.seed.value));
    put("backend", backend);
    put("plan", sweep::plan_hash(plan));
    Statement setting(database_, "insert into settings values(?,?,?,?)");
    for (std::size_t s = 0; s < plan.settings.size(); ++s) {
      Json fields = json_of(plan.settings[s].data);
      fields.update(json_of(plan.settings[s].options));
      (setting << whole(s) << plan.settings[s].group << plan.settings[s].method << fields.dump())
          .run();
    }
    Statement cell(database_, "insert into cells values(?,?,?,?,?)");
    for (std::size_t c = 0; c < plan.cells.size(); ++c) {
      const SweepCell& one = plan.cells[c];
      (cell << whole(c) << key_text(one.key) << whole(one.setting) << whole(one.model)
            << whole(one.batch))
          .run();
    }
  }

  /// Results of cells that stay are kept aside, by key, while the plan is replaced.
  void change(const SweepPlan& plan, const std::string& backend, ChangedStudy changed) const {
    const bool keep = keeps_results(plan, backend);
    if (changed == ChangedStudy::refuse) refuse(plan, backend, keep);
    database_.run(
        "create temp table old_results as select key, results.* from results join cells "
        "using (cell);"
        "create temp table old_timings as select key, timings.* from timings join cells "
        "using (cell);"
        "delete from results; delete from timings; delete from cells; delete from "
        "settings;");
    write_plan(plan, backend);
    if (keep) {
      database_.run(
          "insert into results select cells.cell, status, cause, diagnosis, warnings, "
          "identified" +
          metric_columns() +
          " from old_results join cells using (key);"
          "insert into timings select cells.cell, data_seconds, fit_seconds, measure_seconds, "
          "finished from old_timings join cells using (key);");
    }
    database_.run("drop table old_results; drop table old_timings");
  }

  [[noreturn]] void refuse(const SweepPlan& plan, const std::string& backend, bool keep) const {
    std::string what = keep ? "the study has changed" : "";
    if (meta("seed") != std::to_string(plan.seed.value))
      what = "the seed is " + std::to_string(plan.seed.value) + ", not " + meta("seed");
    else if (meta("backend") != backend)
      what = "the backend is " + backend + ", not " + meta("backend");
    else if (meta("version") != version)
      what = std::string("lodestein is ") + version + ", not " + meta("version");
    const std::size_t kept = keep ? kept_results(plan) : 0;
    throw InvalidArgument(file_.string() + ": " + what + "; of " +
                          std::to_string(count("results")) + " results " + std::to_string(kept) +
                          " would stay. Give another --out, or --changed-study accept to drop the "
                          "others");
  }

  std::size_t kept_results(const SweepPlan& plan) const {
    std::unordered_map<std::string, bool> known;
    for (const SweepCell& cell : plan.cells) known[key_text(cell.key)] = true;
    Statement statement(database_, "select key from results join cells using (cell)");
    std::size_t kept = 0;
    while (statement.step()) kept += known.count(statement.text(0));
    return kept;
  }

  std::filesystem::path file_;
  std::optional<sweep::WriterLock> lock_;  // let go of after the database is closed
  Database database_;
};

SweepStore::SweepStore(const std::filesystem::path& file)
    : implementation_(std::make_unique<Implementation>(file)) {}
SweepStore::SweepStore(const std::filesystem::path& file, const SweepPlan& plan,
                       const std::string& backend, ChangedStudy changed)
    : implementation_(std::make_unique<Implementation>(file, plan, backend, changed)) {}
SweepStore::SweepStore(SweepStore&&) noexcept = default;
SweepStore& SweepStore::operator=(SweepStore&&) noexcept = default;
SweepStore::~SweepStore() = default;

const std::filesystem::path& SweepStore::file() const { return implementation_->file(); }

SweepInfo SweepStore::info() const {
  const Implementation& store = *implementation_;
  SweepInfo info;
  info.name = store.meta("name");
  info.study = store.meta("study");
  info.seed = Seed{std::stoull(store.meta("seed"))};
  info.backend = store.meta("backend");
  info.version = store.meta("version");
  info.cells = static_cast<std::size_t>(store.count("cells"));
  info.done = static_cast<std::size_t>(store.count("results where status = 'done'"));
  info.failed = static_cast<std::size_t>(store.count("results where status = 'failed'"));
  return info;
}

bool SweepStore::is_of(const SweepPlan& plan) const { return implementation_->is_of(plan); }

std::map<std::string, std::size_t> SweepStore::causes() const {
  Statement statement(implementation_->database(),
                      "select cause, count(*) from results where status = 'failed' group by cause");
  std::map<std::string, std::size_t> causes;
  while (statement.step()) causes[statement.text(0)] = static_cast<std::size_t>(statement.whole(1));
  return causes;
}

std::vector<SweepStatus> SweepStore::statuses() const {
  std::vector<SweepStatus> statuses(static_cast<std::size_t>(implementation_->count("cells")),
                                    SweepStatus::pending);
  Statement statement(implementation_->database(), "select cell, status from results");
  while (statement.step()) {
    statuses.at(static_cast<std::size_t>(statement.whole(0))) =
        statement.text(1) == "done" ? SweepStatus::done : SweepStatus::failed;
  }
  return statuses;
}

SweepTable SweepStore::read() const {
  try {
    return read_table();
  } catch (const Error&) {
    throw;
  } catch (const std::exception& problem) {  // text that is no number or JSON
    throw IoError(file().string() + ": is damaged (" + problem.what() +
                  "); take a copy of it, or run the sweep again");
  }
}

SweepTable SweepStore::read_table() const {
  const Database& database = implementation_->database();
  SweepTable table;
  // One state of the store, whatever a writer does meanwhile.
  Transaction transaction(database, Transaction::Kind::read);
  table.info = info();
  Statement settings(database, "select study_group, method, fields from settings order by setting");
  while (settings.step()) table.settings.push_back(setting_of(settings));
  Statement published(database, "select fields, metric, value, source from published");
  while (published.step()) {
    table.published.push_back(
        {fields_of(published.text(0)), published.text(1), published.real(2), published.text(3)});
  }
  Statement rows(database,
                 "select cell, key, setting, model, batch, status, cause, diagnosis, "
                 "warnings, identified, data_seconds, fit_seconds, measure_seconds" +
                     metric_columns() + " from sweep order by cell");
  const auto index = [&](int column) { return static_cast<std::size_t>(rows.whole(column)); };
  while (rows.step()) {
    StoredRow row{{key_of(rows.text(1)), index(2), index(3), index(4)}, {}, {}};
    row.result.cell = index(0);
    if (!rows.is_null(5)) {
      row.result.failed = rows.text(5) == "failed";
      row.status = row.result.failed ? SweepStatus::failed : SweepStatus::done;
      row.result.cause = rows.text(6);
      row.result.diagnosis = rows.text(7);
      row.result.warnings = rows.text(8);
      row.result.identified = rows.text(9);
      row.result.data_seconds = rows.real(10);
      row.result.fit_seconds = rows.real(11);
      row.result.measure_seconds = rows.real(12);
    }
    if (row.status == SweepStatus::done) {
      for (int m = 0; m < static_cast<int>(sweep_metrics().size()); ++m)
        row.result.metrics.push_back(rows.real(13 + m));
    }
    table.rows.push_back(std::move(row));
  }
  if (table.rows.size() != table.info.cells) throw std::out_of_range("cells without setting");
  transaction.commit();
  return table;
}

void SweepStore::write(const std::vector<SweepRow>& rows) { implementation_->write(rows); }

}  // namespace lodestein
