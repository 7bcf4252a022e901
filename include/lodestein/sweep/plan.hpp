#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "lodestein/core/random.hpp"

namespace lodestein {

/// One value of a field of a study file.
using SweepValue = std::variant<bool, std::int64_t, double, std::string>;

/// "true", "10000", "0.25", "linear": numbers in the shortest form that reads back exactly.
std::string to_text(const SweepValue& value);

struct SweepField {
  std::string name;
  SweepValue value;
  friend bool operator==(const SweepField&, const SweepField&) = default;
};

/// A field that a study file may have: what it may be and what it is otherwise.
struct SweepFieldInfo {
  std::string name;
  std::string help;
  SweepValue otherwise;                ///< default
  std::vector<std::string> choices{};  ///< of words
  double low = 0.0, high = 0.0;        ///< of numbers
  /// Methods that have this option; empty: it describes the data, which all methods share.
  std::vector<std::string> methods{};
};
/// All of them but `method`: first those of the data, then options of methods.
const std::vector<SweepFieldInfo>& sweep_fields();

/// Names that the field `method` may have, and what they stand for.
const std::vector<std::pair<std::string, std::string>>& sweep_methods();

/// What is measured in every cell. See docs/metrics.md.
struct SweepMetric {
  enum class Better { lower, higher, neither };
  std::string name;
  std::string help;
  Better better = Better::neither;
};
const std::vector<SweepMetric>& sweep_metrics();

/// One combination of the lists of a study file, without the number of the model.
struct SweepSetting {
  std::string group;             ///< of the study file; empty without groups
  std::vector<SweepField> data;  ///< every data field, in the order of sweep_fields()
  std::string method;
  std::vector<SweepField> options;  ///< every option that the method has, in that order
};
/// The value of a field of the data or method, "group" and "method" included, if the setting has
/// it.
std::optional<SweepValue> find_value(const SweepSetting& setting, const std::string& field);
/// The same. @throws InvalidArgument if the setting has no such field.
SweepValue value_of(const SweepSetting& setting, const std::string& field);

/// The unit of work and of the table: one method on one model of one setting.
struct SweepCell {
  std::uint64_t key = 0;    ///< stable hash of group, fields that differ from defaults, and model
  std::size_t setting = 0;  ///< in SweepPlan::settings
  std::size_t model = 0;    ///< 0 .. models - 1
  std::size_t batch = 0;    ///< cells of one batch share their data
};
/// 16 hexadecimal digits.
std::string key_text(std::uint64_t key);

/// A value from elsewhere that a report shows as a mark: `metric` was `value` where every field of
/// `where` has its value.
struct PublishedValue {
  std::vector<SweepField> where;
  std::string metric;
  double value = 0.0;
  std::string source;
};

/// Everything a sweep does, in the order in which it is begun: model 0 of all settings, then model
/// 1, and so on.
struct SweepPlan {
  std::string name;
  std::string text;  ///< of the study file
  Seed seed;
  std::vector<SweepSetting> settings;
  std::vector<SweepCell> cells;          ///< those of a batch side by side
  std::vector<std::size_t> batch_begin;  ///< cells of batch b: [batch_begin[b], batch_begin[b+1])
  std::vector<PublishedValue> published;

  std::size_t batches() const { return batch_begin.empty() ? 0 : batch_begin.size() - 1; }
};

/// Reads a study file (docs/sweep.md): TOML in which any field may be a list, which makes a
/// product;
/// [[group]]s with fields of their own; [[exclude]]s; [[published]] values. `seed` of the file
/// counts unless one is given.
/// @throws IoError if it can't be read; InvalidArgument listing every mistake with its line and the
/// nearest that would be right. Nothing of a wrong study is ever run.
SweepPlan read_sweep_plan(const std::filesystem::path& file);
SweepPlan read_sweep_plan(const std::filesystem::path& file, Seed seed);
/// The same from text; `name` stands for the file in messages, and for a study without a name.
SweepPlan parse_sweep_plan(const std::string& text, const std::string& name);
SweepPlan parse_sweep_plan(const std::string& text, const std::string& name, Seed seed);

/// The seed of a cell's data: from the study's seed, the data fields and the model's number alone,
/// so that methods share their data and a cell can be run alone to the same bits.
Seed data_seed(const SweepPlan& plan, const SweepCell& cell);
/// The seed of a cell's method.
Seed method_seed(const SweepPlan& plan, const SweepCell& cell);

}  // namespace lodestein
