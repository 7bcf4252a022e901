#include "sweep/plan.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "lodestein/core/error.hpp"
#include "sweep/fields.hpp"
#include "sweep/hash.hpp"

namespace lodestein {
namespace sweep {
namespace {

std::string model_text(std::size_t model) { return "model=" + std::to_string(model); }

std::string method_text(const SweepSetting& setting) {
  return "method=" + setting.method + "\n" + canonical(setting.options);
}

std::uint64_t key_of(const SweepSetting& setting, const std::string& fields, std::size_t model) {
  // The length stands before the name, which may be any text.
  return hash_of(std::to_string(setting.group.size()) + ":" + setting.group + "\n" + fields +
                 model_text(model));
}

/// Settings by their data, in the order in which each data first appears.
std::vector<std::vector<std::size_t>> grouped_by_data(const std::vector<SweepSetting>& settings) {
  std::unordered_map<std::string, std::size_t> known;
  std::vector<std::vector<std::size_t>> groups;
  for (std::size_t s = 0; s < settings.size(); ++s) {
    const auto [entry, is_new] = known.emplace(canonical(settings[s].data), groups.size());
    if (is_new) groups.emplace_back();
    groups[entry->second].push_back(s);
  }
  return groups;
}

void check_keys(const std::vector<SweepCell>& cells) {
  std::unordered_set<std::uint64_t> keys;
  for (const SweepCell& cell : cells) {
    if (!keys.insert(cell.key).second) {
      throw InvalidArgument("two cells have the key " + key_text(cell.key) +
                            "; rename a group, which changes the keys of its cells");
    }
  }
}

}  // namespace

std::string canonical(const std::vector<SweepField>& fields) {
  std::string text;
  for (const SweepField& field : fields) {
    if (field.value != find_field(field.name)->otherwise)
      text += field.name + "=" + to_text(field.value) + "\n";
  }
  return text;
}

void lay_out(SweepPlan& plan, std::vector<CountedSetting> settings) {
  std::vector<std::size_t> models;
  std::vector<std::string> fields;
  std::size_t most_models = 0;
  for (CountedSetting& counted : settings) {
    models.push_back(counted.models);
    most_models = std::max(most_models, counted.models);
    fields.push_back(canonical(counted.setting.data) + method_text(counted.setting));
    plan.settings.push_back(std::move(counted.setting));
  }
  const auto groups = grouped_by_data(plan.settings);
  plan.batch_begin = {0};
  for (std::size_t model = 0; model < most_models; ++model) {
    for (const auto& group : groups) {
      const std::size_t batch = plan.batches();
      for (const std::size_t s : group) {
        if (model >= models[s]) continue;
        plan.cells.push_back({key_of(plan.settings[s], fields[s], model), s, model, batch});
      }
      if (plan.cells.size() > plan.batch_begin.back())
        plan.batch_begin.push_back(plan.cells.size());
    }
  }
  check_keys(plan.cells);
}

std::string plan_hash(const SweepPlan& plan) {
  std::string keys;
  for (const SweepCell& cell : plan.cells) keys += key_text(cell.key);
  return key_text(hash_of(keys));
}

}  // namespace sweep

std::string key_text(std::uint64_t key) {
  std::array<char, 17> digits;
  std::snprintf(digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(key));
  return digits.data();
}

Seed data_seed(const SweepPlan& plan, const SweepCell& cell) {
  return sweep::derived_seed(plan.seed, sweep::canonical(plan.settings[cell.setting].data) +
                                            sweep::model_text(cell.model));
}

Seed method_seed(const SweepPlan& plan, const SweepCell& cell) {
  return sweep::derived_seed(data_seed(plan, cell),
                             sweep::method_text(plan.settings[cell.setting]));
}

}  // namespace lodestein
