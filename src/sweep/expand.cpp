#include "sweep/expand.hpp"

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

#include "lodestein/core/error.hpp"
#include "simulate/check.hpp"
#include "sweep/fields.hpp"
#include "sweep/methods.hpp"

namespace lodestein::sweep {
namespace {

constexpr double most_settings = 1e6, most_cells = 2e7;

/// One key with its values, and whether any setting took notice of it.
struct Axis {
  const SweepFieldInfo* field;
  std::vector<SweepValue> values;
  const ValueList* written;  ///< null: not in the file
};

/// Calls visit(fields) for every combination of the axes, the last axis turning fastest.
void product(const std::vector<Axis>& axes,
             const std::function<void(const std::vector<SweepField>&)>& visit) {
  std::vector<std::size_t> at(axes.size(), 0);
  std::vector<SweepField> fields;
  for (const Axis& axis : axes) fields.push_back({axis.field->name, axis.values.front()});
  while (true) {
    visit(fields);
    std::size_t k = axes.size();
    while (k > 0 && at[k - 1] + 1 == axes[k - 1].values.size()) {
      --k;
      at[k] = 0;
      fields[k].value = axes[k].values.front();
    }
    if (k == 0) return;
    ++at[k - 1];
    fields[k - 1].value = axes[k - 1].values[at[k - 1]];
  }
}

double combinations(const std::vector<Axis>& axes) {
  double count = 1.0;
  for (const Axis& axis : axes) count *= static_cast<double>(axis.values.size());
  return count;
}

bool matches(const SweepSetting& setting, const std::string& field, const ValueList& list) {
  const auto value = find_value(setting, field);  // none: an option of another method
  return value && std::find(list.values.begin(), list.values.end(), *value) != list.values.end();
}

bool matches(const SweepSetting& setting, const ValueLists& fields) {
  return std::all_of(fields.begin(), fields.end(), [&](const auto& entry) {
    return matches(setting, entry.first, entry.second);
  });
}

class Expansion {
 public:
  Expansion(const StudyTables& tables, Mistakes& mistakes)
      : tables_(tables), mistakes_(mistakes), dropped_(tables.excludes.size(), false) {}

  std::vector<CountedSetting> run() {
    for (const GroupTable& group : tables_.groups) expand(group);
    if (mistakes_.any()) return {};
    find_unused(tables_.top);
    for (const GroupTable& group : tables_.groups) find_unused(group.own);
    for (std::size_t i = 0; i < dropped_.size(); ++i) find_idle(tables_.excludes[i], dropped_[i]);
    if (settings_.empty() && !mistakes_.any())
      mistakes_.add(1, "every combination is excluded; nothing is left to run");
    return std::move(settings_);
  }

 private:
  const ValueList* written(const std::string& field) const {
    const auto own = group_->own.find(field);
    if (own != group_->own.end()) return &own->second;
    const auto top = tables_.top.find(field);
    return top != tables_.top.end() ? &top->second : nullptr;
  }

  Axis axis(const SweepFieldInfo& field) const {
    const ValueList* list = written(field.name);
    if (list == nullptr || list->values.empty()) return {&field, {field.otherwise}, nullptr};
    return {&field, list->values, list};
  }

  void expand(const GroupTable& group) {
    group_ = &group;
    const ValueList* methods = written("method");
    if (methods == nullptr) {
      mistakes_.add(group.line, "names no method; add e.g. method = [\"likelihood\", \"lscale\"]");
      return;
    }
    used_.insert(methods);
    std::vector<Axis> axes;
    for (const DataField& field : data_fields()) axes.push_back(axis(field.info));
    if (is_too_large(axes, methods->values.size(), group)) return;
    std::set<std::string> seen;
    product(axes, [&](std::vector<SweepField> data) {
      normalise(axes, data);
      if (!seen.insert(canonical(data)).second) return;
      for (const SweepValue& method : methods->values)
        add_method(data, std::get<std::string>(method), group);
    });
  }

  bool is_too_large(const std::vector<Axis>& axes, std::size_t methods, const GroupTable& group) {
    const double settings = combinations(axes) * static_cast<double>(methods);
    const double cells = settings * static_cast<double>(group.models);
    if (settings <= most_settings && cells <= most_cells) return false;
    mistakes_.add(group.line, "the lists make " + to_text(cells) + " cells in " +
                                  to_text(settings) + " settings; the limits are " +
                                  to_text(most_cells) + " and " + to_text(most_settings));
    return true;
  }

  /// Fields that say nothing beside the others are put back to their defaults.
  void normalise(const std::vector<Axis>& axes, std::vector<SweepField>& data) {
    const StudyOptions options = study_options(data);
    const auto& fields = data_fields();
    for (std::size_t i = 0; i < fields.size(); ++i) {
      if (fields[i].relevant(options))
        used_.insert(axes[i].written);
      else
        data[i].value = fields[i].info.otherwise;
    }
  }

  void add_method(const std::vector<SweepField>& data, const std::string& method,
                  const GroupTable& group) {
    std::vector<Axis> axes;
    for (const SweepFieldInfo& field : sweep_fields()) {
      const auto& has = field.methods;
      if (std::find(has.begin(), has.end(), method) != has.end()) axes.push_back(axis(field));
    }
    if (axes.empty()) {
      add_setting({group.name, data, method, {}}, group);
      return;
    }
    std::set<std::string> seen;
    product(axes, [&](std::vector<SweepField> options) {
      const std::vector<SweepField> as_listed = options;
      for (std::size_t i = 0; i < axes.size(); ++i) {
        if (is_relevant(options[i].name, as_listed))
          used_.insert(axes[i].written);
        else
          options[i].value = axes[i].field->otherwise;
      }
      if (seen.insert(canonical(options)).second)
        add_setting({group.name, data, method, options}, group);
    });
  }

  void add_setting(SweepSetting setting, const GroupTable& group) {
    if (is_excluded(setting)) return;
    check_data(setting);
    const std::string problem = find_method(setting.method)->problem(setting);
    if (!problem.empty()) {
      mistakes_.add(written("method")->line,
                    "method '" + setting.method + "' " + problem + in_group() +
                        "; change that, or drop such combinations by [[exclude]]");
    }
    settings_.push_back({std::move(setting), group.models});
  }

  bool is_excluded(const SweepSetting& setting) {
    bool excluded = false;
    for (std::size_t i = 0; i < tables_.excludes.size(); ++i) {
      const ValueLists& fields = tables_.excludes[i].fields;
      if (!matches(setting, fields)) continue;
      excluded = dropped_[i] = true;
      for (const auto& [field, list] : fields)
        dropping_.insert(
            &*std::find(list.values.begin(), list.values.end(), value_of(setting, field)));
    }
    return excluded;
  }

  void find_idle(const ExcludeTable& exclude, bool dropped) {
    if (!dropped) {
      mistakes_.add(exclude.line,
                    "this [[exclude]] drops nothing; a combination must match all of its fields");
      return;
    }
    for (const auto& [field, list] : exclude.fields) {
      for (const SweepValue& value : list.values) {
        if (dropping_.count(&value) == 0)
          mistakes_.add(list.line, "this [[exclude]] drops nothing with " + told({{field, value}}));
      }
    }
  }

  std::string in_group() const {
    return group_->name.empty() ? "" : " in group '" + group_->name + "'";
  }

  std::size_t line_of(const std::string& field) const {
    const ValueList* list = written(field);
    return list != nullptr ? list->line : group_->line;
  }

  void check_data(const SweepSetting& setting) {
    const StudyOptions options = study_options(setting.data);
    try {
      check(options);
    } catch (const InvalidArgument& error) {
      add_data_mistake(error.what(), setting);
    }
    if (!wants_moments(setting.data)) return;
    if (options.latent.family != LatentFamily::linear ||
        options.mixing.family != MixingFamily::linear) {
      mistakes_.add(line_of("data"),
                    "data = \"moments\" needs scm = \"linear\" and mixing = "
                    "\"linear\"" +
                        in_group());
    }
    if (options.latent.noise != NoiseFamily::gaussian || options.intervened_share < 1.0) {
      mistakes_.add(
          line_of("data"),
          "data = \"moments\" needs noise = \"gaussian\" and intervened_share = 1" + in_group());
    }
    const bool noise = options.observation_noise > 0.0;
    if (options.samples <= (noise ? options.mixing.observed : options.latent.latents)) {
      add_data_mistake("option samples = " + std::to_string(options.samples) +
                           ": must be greater than " + (noise ? "observed" : "latents") +
                           " for data = \"moments\"",
                       setting);
    }
  }

  /// `what` is "option NAME = ...".
  void add_data_mistake(const std::string& what, const SweepSetting& setting) {
    const std::size_t begin = what.find("option ") + 7, end = what.find(" = ", begin);
    mistakes_.add(line_of(what.substr(begin, end - begin)),
                  what.substr(begin) + where(setting) + in_group());
  }

  /// The values of fields that have several.
  std::string where(const SweepSetting& setting) const {
    std::vector<SweepField> varied;
    for (const SweepField& field : setting.data) {
      const ValueList* list = written(field.name);
      if (list != nullptr && list->values.size() > 1) varied.push_back(field);
    }
    return varied.empty() ? "" : " (where " + told(varied) + ")";
  }

  void find_unused(const ValueLists& lists) {
    for (const auto& [name, list] : lists) {
      if (used_.count(&list) != 0) continue;
      const SweepFieldInfo* field = find_field(name);
      std::string why;
      if (field != nullptr && !field->methods.empty()) {
        for (const std::string& method : field->methods) why += (why.empty() ? "" : ", ") + method;
        why = "; it is an option of " + why;
      }
      mistakes_.add(list.line, "'" + name + "' changes nothing in this study" + why);
    }
  }

  const StudyTables& tables_;
  Mistakes& mistakes_;
  std::vector<bool> dropped_;             ///< whether an exclude has dropped something
  std::set<const SweepValue*> dropping_;  ///< values of excludes that have
  const GroupTable* group_ = nullptr;
  std::set<const ValueList*> used_;
  std::vector<CountedSetting> settings_;
};

/// The number of values of the one field that is a list; 1 without.
std::size_t list_length(const PublishedTable& table, Mistakes& mistakes) {
  std::size_t length = 1, lists = 0;
  for (const auto& [name, list] : table.fields) {
    if (!list.was_list) continue;
    ++lists;
    length = list.values.size();
  }
  if (lists > 1) mistakes.add(table.line, "[[published]] values may have one field that is a list");
  return lists > 1 ? 0 : length;
}

}  // namespace

std::vector<CountedSetting> expand(const StudyTables& tables, Mistakes& mistakes) {
  return Expansion(tables, mistakes).run();
}

std::vector<PublishedValue> expand_published(const StudyTables& tables,
                                             const std::vector<CountedSetting>& settings,
                                             Mistakes& mistakes) {
  std::vector<PublishedValue> result;
  for (const PublishedTable& table : tables.published) {
    const std::size_t length = list_length(table, mistakes);
    if (table.metrics.empty())
      mistakes.add(table.line, "[[published]] names no metric, e.g. shd = 0.5");
    for (const auto& [metric, values] : table.metrics) {
      if (values.size() != length && length > 0) {
        mistakes.add(table.line, "'" + metric + "' has " + std::to_string(values.size()) +
                                     " values for " + std::to_string(length) + " of the field");
        continue;
      }
      for (std::size_t i = 0; i < length; ++i) {
        PublishedValue value{{}, metric, values[i], table.source};
        for (const auto& [name, list] : table.fields)
          value.where.push_back({name, list.values[list.was_list ? i : 0]});
        result.push_back(std::move(value));
      }
    }
    for (std::size_t i = 0; i < length; ++i) {
      ValueLists one = table.fields;
      for (auto& [name, list] : one)
        if (list.was_list) list.values = {list.values[i]};
      const bool known = std::any_of(settings.begin(), settings.end(), [&](const auto& counted) {
        return matches(counted.setting, one);
      });
      if (!known) {
        mistakes.add(table.line, "these [[published]] values belong to no cell of the study");
        break;
      }
    }
  }
  return result;
}

}  // namespace lodestein::sweep
