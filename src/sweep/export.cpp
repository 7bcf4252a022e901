#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <variant>

#include "core/nearest.hpp"
#include "data/atomic_file.hpp"
#include "data/npy.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/sweep/store.hpp"
#include "sweep/fields.hpp"

namespace lodestein {
namespace {

using Json = nlohmann::ordered_json;
using Value = std::optional<SweepValue>;

/// One column of the exported table.
struct Column {
  std::string name;
  bool is_word;
  std::function<Value(const SweepTable&, const StoredRow&)> value;
};

Value number(double value) { return std::isfinite(value) ? Value(value) : std::nullopt; }

Column field_column(const SweepFieldInfo& field) {
  return {field.name, std::holds_alternative<std::string>(field.otherwise),
          [name = field.name](const SweepTable& table, const StoredRow& row) {
            return find_value(table.settings[row.cell.setting], name);
          }};
}

Column word_column(const char* name, std::string SweepRow::*member) {
  return {name, true,
          [member](const SweepTable&, const StoredRow& row) { return Value(row.result.*member); }};
}

Column metric_column(std::size_t metric) {
  return {sweep_metrics()[metric].name, false, [metric](const SweepTable&, const StoredRow& row) {
            const auto& metrics = row.result.metrics;
            return metric < metrics.size() ? number(metrics[metric]) : std::nullopt;
          }};
}

Column seconds_column(const char* name, double SweepRow::*member) {
  return {name, false,
          [member](const SweepTable&, const StoredRow& row) { return number(row.result.*member); }};
}

std::vector<Column> columns_of(const SweepTable& table) {
  std::vector<Column> columns{
      {"key", true,
       [](const SweepTable&, const StoredRow& row) { return Value(key_text(row.cell.key)); }},
      {"group", true,
       [](const SweepTable& t, const StoredRow& row) {
         return Value(t.settings[row.cell.setting].group);
       }},
      {"method", true,
       [](const SweepTable& t, const StoredRow& row) {
         return Value(t.settings[row.cell.setting].method);
       }},
      {"model", false, [](const SweepTable&, const StoredRow& row) {
         return Value(static_cast<std::int64_t>(row.cell.model));
       }}};
  for (const SweepFieldInfo& field : sweep_fields()) {
    const bool is_there = std::any_of(
        table.settings.begin(), table.settings.end(),
        [&](const SweepSetting& setting) { return find_value(setting, field.name).has_value(); });
    if (is_there) columns.push_back(field_column(field));
  }
  columns.push_back({"status", true, [](const SweepTable&, const StoredRow& row) {
                       return Value(std::string(row.result.failed ? "failed" : "done"));
                     }});
  for (std::size_t m = 0; m < sweep_metrics().size(); ++m) columns.push_back(metric_column(m));
  columns.push_back(word_column("cause", &SweepRow::cause));
  columns.push_back(word_column("diagnosis", &SweepRow::diagnosis));
  columns.push_back(word_column("warnings", &SweepRow::warnings));
  columns.push_back(word_column("identified", &SweepRow::identified));
  columns.push_back(seconds_column("data_seconds", &SweepRow::data_seconds));
  columns.push_back(seconds_column("fit_seconds", &SweepRow::fit_seconds));
  columns.push_back(seconds_column("measure_seconds", &SweepRow::measure_seconds));
  return columns;
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

void write_csv(const SweepTable& table, const std::vector<Column>& columns, AtomicFile& file) {
  std::string line;
  for (const Column& column : columns) line += (line.empty() ? "" : ",") + column.name;
  file.write(line + "\n");
  for (const StoredRow& row : table.rows) {
    line.clear();
    for (std::size_t c = 0; c < columns.size(); ++c) {
      const Value value = columns[c].value(table, row);
      line += (c == 0 ? "" : ",") + (value ? csv_field(to_text(*value)) : "");
    }
    file.write(line + "\n");
  }
}

void write_json_lines(const SweepTable& table, const std::vector<Column>& columns,
                      AtomicFile& file) {
  for (const StoredRow& row : table.rows) {
    Json line;
    for (const Column& column : columns) {
      const Value value = column.value(table, row);
      line[column.name] = nullptr;
      if (value) std::visit([&](const auto& v) { line[column.name] = v; }, *value);
    }
    file.write(line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
  }
}

double as_number(const SweepValue& value) {
  return std::visit(
      [](const auto& v) {
        if constexpr (std::is_same_v<std::decay_t<decltype(v)>, std::string>)
          return std::numeric_limits<double>::quiet_NaN();
        else
          return static_cast<double>(v);
      },
      value);
}

NpzMember member_of(const SweepTable& table, const Column& column) {
  if (column.is_word) {
    std::vector<std::string> words;
    for (const StoredRow& row : table.rows) {
      const Value value = column.value(table, row);
      words.push_back(value ? to_text(*value) : "");
    }
    return {column.name, npy_words(words)};
  }
  std::vector<double> numbers;
  for (const StoredRow& row : table.rows) {
    const Value value = column.value(table, row);
    numbers.push_back(value ? as_number(*value) : std::numeric_limits<double>::quiet_NaN());
  }
  return {column.name, npy_numbers(numbers)};
}

}  // namespace

void export_sweep(const SweepStore& store, const std::filesystem::path& file) {
  const std::string ending = file.extension().string();
  if (ending != ".csv" && ending != ".jsonl" && ending != ".npz") {
    throw InvalidArgument(file.string() +
                          ": the ending says the format: .csv, .jsonl or .npz; "
                          "did you mean '" +
                          nearest(ending, {".csv", ".jsonl", ".npz"}) + "'?");
  }
  SweepTable table = store.read();
  const auto pending = [](const StoredRow& row) { return row.status == SweepStatus::pending; };
  table.rows.erase(std::remove_if(table.rows.begin(), table.rows.end(), pending), table.rows.end());
  const std::vector<Column> columns = columns_of(table);
  if (ending == ".npz") {
    std::vector<NpzMember> members;
    for (const Column& column : columns) members.push_back(member_of(table, column));
    write_npz_members(file, members);
    return;
  }
  AtomicFile target(file);
  if (ending == ".csv")
    write_csv(table, columns, target);
  else
    write_json_lines(table, columns, target);
  target.commit();
}

}  // namespace lodestein
