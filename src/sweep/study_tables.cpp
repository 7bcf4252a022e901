#include "sweep/study_tables.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include "core/nearest.hpp"
#include "core/toml.hpp"
#include "lodestein/core/error.hpp"
#include "sweep/fields.hpp"

namespace lodestein::sweep {
namespace {

constexpr std::int64_t most_models = 1'000'000;
constexpr std::size_t most_told = 30;

std::size_t line_of(const toml::node& node) { return node.source().begin.line; }

std::string in_quotes(const std::string& word) { return "'" + word + "'"; }

/// Where a key that isn't a field of a setting belongs; empty for any other.
std::string place_of(const std::string& key) {
  if (key == "seed" || key == "exclude" || key == "published") return "the top of the file";
  if (key == "name" || key == "models") return "the top of the file or a [[group]]";
  if (key == "group") return "an [[exclude]] or [[published]]";
  const auto& metrics = sweep_metrics();
  const bool is_metric = std::any_of(metrics.begin(), metrics.end(),
                                     [&](const SweepMetric& metric) { return metric.name == key; });
  return is_metric || key == "source" ? "[[published]]" : "";
}

/// What the fields "method" and "group" are like; they aren't among sweep_fields().
SweepFieldInfo method_field() {
  SweepFieldInfo info{"method", "", std::string()};
  for (const auto& [name, help] : sweep_methods()) info.choices.push_back(name);
  return info;
}

class Reader {
 public:
  Reader(const std::string& name, Mistakes& mistakes) : name_(name), mistakes_(mistakes) {
    for (const SweepFieldInfo& field : sweep_fields()) field_names_.push_back(field.name);
    field_names_.emplace_back("method");
  }

  StudyTables read(const toml::table& root) {
    StudyTables tables;
    tables.name = text(root, "name").value_or(std::filesystem::path(name_).stem().string());
    if (const auto seed = whole(root, "seed", 0, std::numeric_limits<std::int64_t>::max()))
      tables.seed = Seed{static_cast<std::uint64_t>(*seed)};
    tables.top = lists(root, {"name", "seed", "models", "group", "exclude", "published"});
    const std::size_t models = models_of(root, GroupTable{}.models);
    const auto groups = each(root, "group");
    for (const toml::table* table : groups) {
      tables.groups.push_back(group(*table, models, tables.groups));
      group_names_.push_back(tables.groups.back().name);
    }
    const auto has_models = [](const toml::table* table) { return table->contains("models"); };
    if (root.contains("models") && !groups.empty() &&
        std::all_of(groups.begin(), groups.end(), has_models))
      add(*root.get("models"),
          "'models' changes nothing in this study; every [[group]] has its own");
    if (tables.groups.empty()) tables.groups.push_back({"", 1, models, {}});
    for (const toml::table* table : each(root, "exclude")) {
      tables.excludes.push_back({line_of(*table), lists(*table, {"group"})});
      read_groups(*table, tables.excludes.back().fields);
    }
    for (const toml::table* table : each(root, "published"))
      tables.published.push_back(published(*table));
    return tables;
  }

 private:
  void add(const toml::node& node, const std::string& text) { mistakes_.add(line_of(node), text); }

  std::optional<std::string> text(const toml::table& table, const std::string& key) {
    const toml::node* node = table.get(key);
    if (node == nullptr) return {};
    const auto value = node->value_exact<std::string>();
    if (!value || value->empty()) add(*node, in_quotes(key) + " takes words in quotes");
    return value;
  }

  std::optional<std::int64_t> whole(const toml::table& table, const std::string& key,
                                    std::int64_t low, std::int64_t high) {
    const toml::node* node = table.get(key);
    if (node == nullptr) return {};
    const auto value = node->value_exact<std::int64_t>();
    if (value && *value >= low && *value <= high) return value;
    add(*node, in_quotes(key) + " takes one whole number from " + std::to_string(low) + " to " +
                   std::to_string(high));
    return {};
  }

  std::size_t models_of(const toml::table& table, std::size_t otherwise) {
    const auto models = whole(table, "models", 1, most_models);
    return models ? static_cast<std::size_t>(*models) : otherwise;
  }

  /// The tables [[key]].
  std::vector<const toml::table*> each(const toml::table& root, const std::string& key) {
    std::vector<const toml::table*> tables;
    const toml::node* node = root.get(key);
    if (node == nullptr) return tables;
    const toml::array* array = node->as_array();
    if (array == nullptr || !array->is_homogeneous(toml::node_type::table)) {
      add(*node, in_quotes(key) + " takes tables: write [[" + key + "]]");
      return tables;
    }
    for (const toml::node& element : *array) tables.push_back(element.as_table());
    return tables;
  }

  GroupTable group(const toml::table& table, std::size_t models,
                   const std::vector<GroupTable>& before) {
    GroupTable result;
    result.line = line_of(table);
    result.name = text(table, "name").value_or("");
    if (!table.contains("name")) mistakes_.add(result.line, "a [[group]] needs a name");
    const bool again = std::any_of(before.begin(), before.end(), [&](const GroupTable& other) {
      return other.name == result.name && !result.name.empty();
    });
    if (again) mistakes_.add(result.line, "two groups are called " + in_quotes(result.name));
    result.models = models_of(table, models);
    result.own = lists(table, {"name", "models"});
    return result;
  }

  PublishedTable published(const toml::table& table) {
    PublishedTable result;
    result.line = line_of(table);
    result.source = text(table, "source").value_or("");
    if (!table.contains("source")) mistakes_.add(result.line, "[[published]] values need a source");
    std::vector<std::string> other{"source", "group"};
    for (const SweepMetric& metric : sweep_metrics()) {
      other.push_back(metric.name);
      if (const toml::node* node = table.get(metric.name))
        result.metrics[metric.name] = numbers(*node, metric.name);
    }
    result.fields = lists(table, other);
    read_groups(table, result.fields);
    return result;
  }

  std::vector<double> numbers(const toml::node& node, const std::string& key) {
    std::vector<double> values;
    const auto read = [&](const toml::node& element) {
      const auto value = element.is_number() ? element.value<double>() : std::nullopt;
      if (value && std::isfinite(*value))
        values.push_back(*value);
      else
        add(element, in_quotes(key) + " takes numbers");
    };
    if (const toml::array* array = node.as_array())
      for (const toml::node& element : *array) read(element);
    else
      read(node);
    return values;
  }

  /// All keys but `other` as fields with their values.
  ValueLists lists(const toml::table& table, const std::vector<std::string>& other) {
    ValueLists result;
    for (const auto& [key, node] : table) {
      const std::string name(key.str());
      if (std::find(other.begin(), other.end(), name) != other.end()) continue;
      if (name == "method") {
        result[name] = list(node, method_field());
      } else if (const SweepFieldInfo* field = find_field(name)) {
        result[name] = list(node, *field);
      } else if (const std::string place = place_of(name); !place.empty()) {
        add(node, in_quotes(name) + " belongs to " + place + ", not here");
      } else {
        std::vector<std::string> known = field_names_;
        known.insert(known.end(), other.begin(), other.end());
        add(node, "unknown key " + in_quotes(name) + "; did you mean " +
                      in_quotes(nearest(name, known)) + "?");
      }
    }
    return result;
  }

  /// The key `group`, whose values are the names of the file's groups.
  void read_groups(const toml::table& table, ValueLists& into) {
    const toml::node* node = table.get("group");
    if (node == nullptr) return;
    if (group_names_.empty())
      add(*node, "the study has no [[group]]");
    else
      into["group"] = list(*node, {"group", "", std::string(), group_names_});
  }

  ValueList list(const toml::node& node, const SweepFieldInfo& field) {
    ValueList result{{}, line_of(node), node.is_array()};
    const auto read = [&](const toml::node& element) {
      const std::optional<SweepValue> value = one(element, field);
      if (!value) return;
      if (std::find(result.values.begin(), result.values.end(), *value) != result.values.end())
        add(element, in_quotes(field.name) + " lists " + to_text(*value) + " twice");
      else
        result.values.push_back(*value);
    };
    const toml::array* array = node.as_array();
    if (array == nullptr) {
      read(node);
    } else {
      if (array->empty()) add(node, in_quotes(field.name) + " is an empty list");
      for (const toml::node& element : *array) read(element);
    }
    return result;
  }

  std::optional<SweepValue> one(const toml::node& node, const SweepFieldInfo& field) {
    if (std::holds_alternative<std::string>(field.otherwise)) return word(node, field);
    if (std::holds_alternative<bool>(field.otherwise)) {
      if (const auto value = node.value_exact<bool>()) return *value;
      add(node, in_quotes(field.name) + " takes true or false");
      return {};
    }
    return number(node, field);
  }

  std::optional<SweepValue> word(const toml::node& node, const SweepFieldInfo& field) {
    const auto value = node.value_exact<std::string>();
    const auto& known = field.choices;
    if (value && std::find(known.begin(), known.end(), *value) != known.end()) return *value;
    add(node, in_quotes(field.name) + " takes " + listed(known, known.size()) +
                  (value ? ", not " + in_quotes(*value) + "; did you mean " +
                               in_quotes(nearest(*value, known)) + "?"
                         : ""));
    return {};
  }

  std::optional<SweepValue> number(const toml::node& node, const SweepFieldInfo& field) {
    const bool is_whole = std::holds_alternative<std::int64_t>(field.otherwise);
    const auto value =
        node.is_number() && (!is_whole || node.is_integer()) ? node.value<double>() : std::nullopt;
    if (value && *value >= field.low && *value <= field.high) {
      return is_whole ? SweepValue(static_cast<std::int64_t>(*value)) : SweepValue(*value);
    }
    add(node, in_quotes(field.name) + " takes " + (is_whole ? "whole " : "") + "numbers from " +
                  to_text(field.low) + " to " + to_text(field.high) +
                  (is_whole ? as_whole(node) : ""));
    return {};
  }

  /// What to write for a real number without a fraction, such as 1e4.
  static std::string as_whole(const toml::node& node) {
    const auto value = node.value_exact<double>();
    if (!value || *value != std::floor(*value) || std::abs(*value) > 1e15) return "";
    return "; write " + std::to_string(static_cast<std::int64_t>(*value)) +
           ", since a number with an exponent or a point is a real one";
  }

  const std::string& name_;
  Mistakes& mistakes_;
  std::vector<std::string> field_names_, group_names_;
};

}  // namespace

void Mistakes::add(std::size_t line, const std::string& text) {
  if (found_.size() > most_told) return;
  for (const auto& [other_line, other] : found_) {
    if (other_line == line && other == text) return;  // of another setting
  }
  found_.emplace(line, text);
}

void Mistakes::raise() const {
  if (found_.empty()) return;
  std::string message;
  std::size_t told = 0;
  for (const auto& [line, text] : found_) {
    if (++told > most_told) {
      message += "\n... and more";
      break;
    }
    message += (message.empty() ? "" : "\n") + name_ + ":" + std::to_string(line) + ": " + text;
  }
  throw InvalidArgument(message);
}

StudyTables read_tables(const std::string& text, const std::string& name, Mistakes& mistakes) {
  toml::table root;
  try {
    root = toml::parse(text, name);
  } catch (const toml::parse_error& error) {
    mistakes.add(error.source().begin.line, std::string(error.description()));
    return {};
  }
  return Reader(name, mistakes).read(root);
}

std::string told(const std::vector<SweepField>& fields) {
  std::string text;
  for (const SweepField& field : fields) {
    const bool is_word = std::holds_alternative<std::string>(field.value);
    text += (text.empty() ? "" : ", ") + field.name + " = " + (is_word ? "\"" : "") +
            to_text(field.value) + (is_word ? "\"" : "");
  }
  return text;
}

}  // namespace lodestein::sweep
