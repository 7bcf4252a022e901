#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>
#include <set>

#include "core/nearest.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/sweep/store.hpp"
#include "lodestein/sweep/sweep.hpp"
#include "sweep/fields.hpp"

namespace lodestein {
namespace {

/// Values of a cell that have a field's name, as text.
std::optional<std::string> text_of(const SweepPlan& plan, const SweepCell& cell,
                                   const std::string& field) {
  if (field == "model") return std::to_string(cell.model);
  if (field == "key") return key_text(cell.key);
  const auto value = find_value(plan.settings[cell.setting], field);
  return value ? std::optional(to_text(*value)) : std::nullopt;
}

/// "1e5" and "100000" name the same number.
std::string normalised(const std::string& field, const std::string& value) {
  const SweepFieldInfo* info = sweep::find_field(field);
  if (info == nullptr || std::holds_alternative<std::string>(info->otherwise) ||
      std::holds_alternative<bool>(info->otherwise)) {
    return value;
  }
  double number = 0.0;
  const auto end = std::from_chars(value.data(), value.data() + value.size(), number);
  if (end.ec != std::errc() || end.ptr != value.data() + value.size()) return value;
  if (std::holds_alternative<double>(info->otherwise)) return to_text(number);
  constexpr double exact = 9007199254740992.0;  // whole numbers up to here
  const bool whole = std::abs(number) <= exact && number == std::floor(number);
  return whole ? to_text(static_cast<std::int64_t>(number)) : value;
}

/// Which cells match `only`.
class Filter {
 public:
  Filter(const SweepPlan& plan, const std::vector<std::string>& only) : plan_(plan) {
    for (const std::string& condition : only) {
      const std::size_t equals = condition.find('=');
      if (equals == std::string::npos)
        throw InvalidArgument("'" + condition + "' is no FIELD=VALUE, e.g. latents=5");
      add(condition.substr(0, equals), condition.substr(equals + 1));
    }
  }

  bool matches(const SweepCell& cell) const {
    return std::all_of(conditions_.begin(), conditions_.end(), [&](const auto& condition) {
      const auto text = text_of(plan_, cell, condition.first);
      return text && condition.second.count(*text) != 0;
    });
  }

 private:
  void add(const std::string& field, const std::string& value) {
    std::set<std::string> values;
    for (const SweepCell& cell : plan_.cells) {
      if (const auto text = text_of(plan_, cell, field)) values.insert(*text);
    }
    if (values.empty()) {
      throw InvalidArgument("the study has no field '" + field + "'; did you mean '" +
                            nearest(field, field_names()) + "'?");
    }
    const std::string wanted = normalised(field, value);
    if (values.count(wanted) == 0) {
      const std::vector<std::string> known(values.begin(), values.end());
      throw InvalidArgument("no cell of the study has " + field + "=" + value + "; it has " +
                            listed(nearest_few(value, known, 10), 10));
    }
    conditions_[field].insert(wanted);
  }

  static std::vector<std::string> field_names() {
    std::vector<std::string> names{"group", "method", "model", "key"};
    for (const SweepFieldInfo& field : sweep_fields()) names.push_back(field.name);
    return names;
  }

  const SweepPlan& plan_;
  std::map<std::string, std::set<std::string>> conditions_;
};

/// Batches are dealt in turn, all of one setting and then those of the next: every shard gets as
/// many of each setting, give or take one, and as many in all.
std::vector<bool> batches_of_shard(const SweepPlan& plan, std::size_t shard, std::size_t shards) {
  std::vector<std::size_t> first_batch(plan.settings.size(), plan.batches());
  for (const SweepCell& cell : plan.cells)
    first_batch[cell.setting] = std::min(first_batch[cell.setting], cell.batch);
  std::vector<std::size_t> order(plan.batches());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const auto setting = [&](std::size_t batch) {
      return plan.cells[plan.batch_begin[batch]].setting;
    };
    return first_batch[setting(a)] < first_batch[setting(b)];
  });
  std::vector<bool> mine(plan.batches(), false);
  for (std::size_t i = shard - 1; i < order.size(); i += shards) mine[order[i]] = true;
  return mine;
}

}  // namespace

std::vector<SweepTask> sweep_tasks(const SweepPlan& plan, const SweepSelection& selection,
                                   const SweepStore* store) {
  if (selection.shard < 1 || selection.shard > selection.shards) {
    throw InvalidArgument("shard " + std::to_string(selection.shard) + " of " +
                          std::to_string(selection.shards) + " isn't one; shards count from 1");
  }
  if (store != nullptr && !store->is_of(plan))
    throw InvalidArgument(store->file().string() + ": is the store of another study or seed");
  const Filter filter(plan, selection.only);
  const std::vector<bool> mine = batches_of_shard(plan, selection.shard, selection.shards);
  const auto statuses = store != nullptr
                            ? store->statuses()
                            : std::vector<SweepStatus>(plan.cells.size(), SweepStatus::pending);
  std::vector<SweepTask> tasks;
  for (std::size_t b = 0; b < plan.batches(); ++b) {
    if (!mine[b]) continue;
    SweepTask task{b, {}};
    for (std::size_t c = plan.batch_begin[b]; c < plan.batch_begin[b + 1]; ++c) {
      const bool retried = statuses[c] == SweepStatus::failed && selection.retry_failed;
      if ((statuses[c] == SweepStatus::pending || retried) && filter.matches(plan.cells[c]))
        task.cells.push_back(c);
    }
    if (!task.cells.empty()) tasks.push_back(std::move(task));
  }
  return tasks;
}

}  // namespace lodestein
