#include "tool/sweep_summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numeric>
#include <set>
#include <string_view>

#include "tool/sweep_entry.hpp"
#include "tool/text.hpp"

namespace lodestein::tool {
namespace {

// Titles of metrics whose name isn't one, the main metrics first.
struct Title {
  std::string_view name, title;
};
constexpr std::array<Title, 12> titles{
    {{"shd", "SHD"},
     {"mcc", "MCC"},
     {"closure_exact", "exact closure"},
     {"mixing_error", "mixing error"},
     {"normalised_error", "normalised error"},
     {"closure_shd", "SHD of closures"},
     {"shd_reversal_counts_two", "SHD, reversals count two"},
     {"closure_shd_reversal_counts_two", "SHD of closures, reversals count two"},
     {"mixing_error_soft", "mixing error, parents allowed"},
     {"edge_f1", "edge F1"},
     {"mcc_spearman", "MCC, Spearman"},
     {"r_squared", "R²"}}};

constexpr std::size_t few_metrics = 4;
constexpr const char* published_suffix = "published";

std::size_t importance(std::string_view metric) {
  const auto found = std::find_if(titles.begin(), titles.end(),
                                  [&](const Title& title) { return title.name == metric; });
  return static_cast<std::size_t>(found - titles.begin());
}

template <class T>
void add_new(std::vector<T>& values, const T& value) {
  if (std::find(values.begin(), values.end(), value) == values.end()) values.push_back(value);
}

const SweepValue* find_field(const std::vector<SweepField>& fields, const std::string& name) {
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [&](const SweepField& field) { return field.name == name; });
  return found == fields.end() ? nullptr : &found->value;
}

/// Method names with the options by which settings of one method differ in this table.
class MethodLabels {
 public:
  explicit MethodLabels(const SweepTable& table) {
    std::map<std::string, std::map<std::string, std::set<std::string>>> values;
    for (const SweepSetting& setting : table.settings)
      for (const SweepField& option : setting.options)
        values[setting.method][option.name].insert(to_text(option.value));
    for (const auto& [method, options] : values)
      for (const auto& [name, seen] : options)
        if (seen.size() > 1) varying_[method].push_back(name);
  }
  std::string of(const SweepSetting& setting) const {
    std::string label = setting.method;
    const auto varying = varying_.find(setting.method);
    if (varying == varying_.end()) return label;
    for (const std::string& name : varying->second)
      label += fmt::format(", {} = {}", name, to_text(*find_field(setting.options, name)));
    return label;
  }

 private:
  std::map<std::string, std::vector<std::string>> varying_;
};

bool less(const SweepValue& a, const SweepValue& b) {
  const auto x = number_of(a), y = number_of(b);
  return x && y ? *x < *y : to_text(a) < to_text(b);
}

bool point_less(const SweepPoint& a, const SweepPoint& b) {
  return std::lexicographical_compare(a.values.begin(), a.values.end(), b.values.begin(),
                                      b.values.end(), less);
}

using RowsOfSettings = std::vector<std::vector<const StoredRow*>>;

RowsOfSettings rows_of_settings(const SweepTable& table) {
  RowsOfSettings rows(table.settings.size());
  for (const StoredRow& row : table.rows) rows.at(row.cell.setting).push_back(&row);
  return rows;
}

using Settings = std::vector<std::size_t>;  // indices of SweepTable::settings

/// Data fields that vary among the settings, and those that don't but have another value than a
/// study that doesn't name them.
void split_fields(const SweepTable& table, const Settings& settings, SweepGroup& group) {
  for (const SweepFieldInfo& info : sweep_fields()) {
    if (!info.methods.empty()) continue;
    std::set<std::string> values;
    for (const std::size_t s : settings)
      values.insert(to_text(value_of(table.settings[s], info.name)));
    if (values.size() > 1)
      group.fields.push_back(info.name);
    else if (*values.begin() != to_text(info.otherwise))
      group.constant.push_back(fmt::format("{} = {}", info.name, *values.begin()));
  }
}

bool is_option(const std::string& field) {
  const auto& fields = sweep_fields();
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [&](const SweepFieldInfo& info) { return info.name == field; });
  return found != fields.end() && !found->methods.empty();
}

bool of_method(const SweepField& field) { return field.name == "method" || is_option(field.name); }

/// A value belongs where all data fields are as it says; method and options name its column.
bool belongs(const PublishedValue& value, const SweepSetting& setting) {
  return std::all_of(value.where.begin(), value.where.end(), [&](const SweepField& field) {
    return of_method(field) || to_text(value_of(setting, field.name)) == to_text(field.value);
  });
}

/// "lscale, edge_threshold = 0.05, published".
std::string reference_label(const PublishedValue& value) {
  const SweepValue* method = find_field(value.where, "method");
  std::string label = method ? to_text(*method) + ", " : "";
  for (const SweepField& field : value.where)
    if (is_option(field.name)) label += fmt::format("{} = {}, ", field.name, to_text(field.value));
  return label + published_suffix;
}

std::vector<SweepReference> references_at(const SweepTable& table, const SweepSetting& setting) {
  std::vector<SweepReference> references;
  for (const PublishedValue& value : table.published)
    if (belongs(value, setting)) references.push_back({reference_label(value), &value});
  return references;
}

bool has_published(const SweepGroup& group, std::size_t metric) {
  return !published_labels(group, sweep_metrics()[metric].name).empty();
}

bool has_number(const SweepGroup& group, std::size_t metric) {
  return std::any_of(group.points.begin(), group.points.end(), [&](const SweepPoint& point) {
    return std::any_of(point.entries.begin(), point.entries.end(),
                       [&](const SweepEntry& entry) { return entry.metrics[metric].count > 0; });
  });
}

/// Metrics with any number: what others published first, then the main ones.
std::vector<std::size_t> metrics_with_numbers(const SweepGroup& group) {
  std::vector<std::size_t> kept;
  for (std::size_t m = 0; m < sweep_metrics().size(); ++m)
    if (has_published(group, m) || has_number(group, m)) kept.push_back(m);
  const auto rank = [&](std::size_t m) {
    return std::pair(!has_published(group, m), importance(sweep_metrics()[m].name));
  };
  std::stable_sort(kept.begin(), kept.end(),
                   [&](std::size_t a, std::size_t b) { return rank(a) < rank(b); });
  return kept;
}

/// Settings of each method, for one combination of the fields that vary.
using MethodSettings = std::vector<Settings>;

/// One row for each model: settings that differ in nothing but their group have the same cells.
std::vector<const StoredRow*> rows_of(const RowsOfSettings& rows, const Settings& settings) {
  std::map<std::size_t, const StoredRow*> of_model;
  for (const std::size_t s : settings)
    for (const StoredRow* row : rows[s]) {
      const StoredRow*& known = of_model.try_emplace(row->cell.model, row).first->second;
      if (known->status == SweepStatus::pending) known = row;
    }
  std::vector<const StoredRow*> result;
  for (const auto& [model, row] : of_model) result.push_back(row);
  return result;
}

SweepPoint point_of(const SweepTable& table, const RowsOfSettings& rows,
                    const std::vector<std::string>& fields, const MethodSettings& methods) {
  SweepPoint point;
  const SweepSetting* any = nullptr;
  for (const Settings& settings : methods) {
    if (!settings.empty()) any = &table.settings[settings.front()];
    point.entries.push_back(sweep_entry(rows_of(rows, settings)));
  }
  for (const std::string& field : fields) point.values.push_back(value_of(*any, field));
  point.references = references_at(table, *any);
  return point;
}

SweepGroup group_of(const SweepTable& table, const RowsOfSettings& rows, const std::string& name,
                    const Settings& settings, const MethodLabels& labels) {
  SweepGroup group;
  group.name = name;
  split_fields(table, settings, group);
  for (const std::size_t s : settings) add_new(group.methods, labels.of(table.settings[s]));
  std::map<std::vector<std::string>, MethodSettings> points;
  for (const std::size_t s : settings) {
    std::vector<std::string> at;
    for (const std::string& field : group.fields)
      at.push_back(to_text(value_of(table.settings[s], field)));
    const auto method =
        std::find(group.methods.begin(), group.methods.end(), labels.of(table.settings[s]));
    points.try_emplace(at, group.methods.size())
        .first->second[static_cast<std::size_t>(method - group.methods.begin())]
        .push_back(s);
  }
  for (const auto& [at, methods] : points)
    group.points.push_back(point_of(table, rows, group.fields, methods));
  std::sort(group.points.begin(), group.points.end(), point_less);
  group.metrics = metrics_with_numbers(group);
  const auto published = std::count_if(group.metrics.begin(), group.metrics.end(),
                                       [&](std::size_t m) { return has_published(group, m); });
  group.main_metrics =
      std::min(group.metrics.size(), std::max(few_metrics, static_cast<std::size_t>(published)));
  return group;
}

void count(std::vector<std::pair<std::string, std::size_t>>& counts, const std::string& name) {
  const auto found = std::find_if(counts.begin(), counts.end(),
                                  [&](const auto& known) { return known.first == name; });
  if (found == counts.end())
    counts.emplace_back(name, 1);
  else
    ++found->second;
}

/// Decimals that show an error by one digit, or two if the first is small.
int error_digits(double error) {
  const double exponent = std::floor(std::log10(error));
  return (error < 3.5 * std::pow(10.0, exponent) ? 1 : 0) - static_cast<int>(exponent);
}

/// Gathers rows by a code.
class Findings {
 public:
  explicit Findings(const SweepTable& table) : table_(table), labels_(table) {}

  void add(const std::string& code, const StoredRow& row) {
    const auto [at, inserted] = places_.emplace(code, findings_.size());
    if (inserted) {
      SweepFinding& finding = findings_.emplace_back();
      finding.code = code;
      finding.diagnosis = row.result.diagnosis;
      finding.key = key_text(row.cell.key);
    }
    SweepFinding& finding = findings_[at->second];
    const SweepSetting& setting = table_.settings[row.cell.setting];
    ++finding.count;
    count(finding.methods, labels_.of(setting));
    count(finding.groups, setting.group);
  }
  std::vector<SweepFinding> most_frequent_first() {
    std::stable_sort(
        findings_.begin(), findings_.end(),
        [](const SweepFinding& a, const SweepFinding& b) { return a.count > b.count; });
    return std::move(findings_);
  }

 private:
  const SweepTable& table_;
  MethodLabels labels_;
  std::map<std::string, std::size_t> places_;
  std::vector<SweepFinding> findings_;
};

}  // namespace

std::string metric_title(const std::string& name) {
  const std::size_t at = importance(name);
  if (at < titles.size()) return std::string(titles[at].title);
  std::string title = name;
  std::replace(title.begin(), title.end(), '_', ' ');
  return title;
}

bool is_rate(const std::string& name) {
  return name.size() > 6 && name.compare(name.size() - 6, 6, "_exact") == 0;
}

std::optional<double> number_of(const SweepValue& value) {
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return static_cast<double>(*whole);
  if (const auto* real = std::get_if<double>(&value)) return *real;
  return std::nullopt;
}

std::vector<double> SweepGroup::numbers(std::size_t which) const {
  std::set<double> values;
  for (const SweepPoint& point : points) {
    const auto number = number_of(point.values[which]);
    if (!number) return {};
    values.insert(*number);
  }
  return {values.begin(), values.end()};
}

std::vector<SweepGroup> sweep_groups(const SweepTable& table) {
  const MethodLabels labels(table);
  const RowsOfSettings rows = rows_of_settings(table);
  std::vector<std::string> names;
  for (const SweepSetting& setting : table.settings) add_new(names, setting.group);
  std::vector<SweepGroup> groups;
  for (const std::string& name : names) {
    Settings settings;
    for (std::size_t s = 0; s < table.settings.size(); ++s)
      if (table.settings[s].group == name) settings.push_back(s);
    groups.push_back(group_of(table, rows, name, settings, labels));
  }
  return groups;
}

SweepGroup pooled_groups(const SweepTable& table) {
  Settings all(table.settings.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  return group_of(table, rows_of_settings(table), "Across groups", all, MethodLabels(table));
}

std::string point_text(const SweepGroup& group, const SweepPoint& point) {
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < group.fields.size(); ++i)
    parts.push_back(fmt::format("{} = {}", group.fields[i], to_text(point.values[i])));
  return joined(parts);
}

const PublishedValue* published_at(const SweepPoint& point, const std::string& metric,
                                   const std::string& label) {
  for (const SweepReference& reference : point.references)
    if (reference.value->metric == metric && reference.label == label) return reference.value;
  return nullptr;
}

std::vector<std::string> published_labels(const SweepGroup& group, const std::string& metric) {
  std::vector<std::string> labels;
  for (const SweepPoint& point : group.points)
    for (const SweepReference& reference : point.references)
      if (reference.value->metric == metric) add_new(labels, reference.label);
  return labels;
}

bool published_of(const std::string& label, const std::string& method) {
  const std::string named = label.substr(0, label.rfind(published_suffix));
  return !named.empty() && (method + ", ").rfind(named, 0) == 0;
}

std::vector<SweepColumn> sweep_columns(const SweepGroup& group, const std::string& metric) {
  std::vector<SweepColumn> general, columns;
  for (std::size_t m = 0; m < group.methods.size(); ++m) columns.push_back({group.methods[m], m});
  for (const std::string& label : published_labels(group, metric)) {
    const auto of = std::find_if(columns.begin(), columns.end(), [&](const SweepColumn& column) {
      return column.method && published_of(label, column.label);
    });
    if (of == columns.end())
      general.push_back({label, std::nullopt});
    else
      columns.insert(of, {label, std::nullopt});
  }
  columns.insert(columns.begin(), general.begin(), general.end());
  return columns;
}

std::vector<SweepFinding> sweep_failures(const SweepTable& table) {
  Findings findings(table);
  for (const StoredRow& row : table.rows)
    if (row.status == SweepStatus::failed) findings.add(row.result.cause, row);
  return findings.most_frequent_first();
}

std::vector<SweepFinding> sweep_warnings(const SweepTable& table) {
  Findings findings(table);
  for (const StoredRow& row : table.rows) {
    if (row.status != SweepStatus::done) continue;
    for (const std::string& code : warning_codes(row.result)) findings.add(code, row);
  }
  return findings.most_frequent_first();
}

std::string estimate_text(const Summary& summary, bool rate) {
  if (summary.count == 0) return "-";
  if (rate) return fmt::format("{:.2f} [{:.2f}, {:.2f}]", summary.mean, summary.low, summary.high);
  if (!std::isfinite(summary.standard_error)) return number(summary.mean);
  const double error = summary.standard_error;
  const double size = std::max(std::abs(summary.mean), error);
  if (size > 0.0 && size < 1e-3) return fmt::format("{:.1e} ± {:.0e}", summary.mean, error);
  const int digits = error > 0.0 ? std::clamp(error_digits(error), 0, 4) : 2;
  return fmt::format("{:.{}f} ± {:.{}f}", summary.mean, digits, error, digits);
}

}  // namespace lodestein::tool
