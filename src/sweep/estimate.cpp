#include <algorithm>
#include <map>
#include <numeric>

#include "lodestein/sweep/sweep.hpp"
#include "simulate/check.hpp"
#include "sweep/clock.hpp"
#include "sweep/fields.hpp"
#include "sweep/workers.hpp"

namespace lodestein {
namespace {

/// Bytes of a batch's data: samples and latents, or moments.
double data_bytes(const SweepSetting& setting) {
  const StudyOptions options = sweep::study_options(setting.data);
  const auto count = static_cast<double>(environment_count(options));
  const auto n = static_cast<double>(options.latent.latents);
  const auto d = static_cast<double>(options.mixing.observed);
  if (sweep::wants_moments(setting.data)) return 8.0 * count * d * d;
  return 8.0 * count * static_cast<double>(options.samples) * (n + d);
}

/// What a method's time is roughly proportional to, for settings that weren't tried.
double size_of(const SweepSetting& setting) {
  const StudyOptions options = sweep::study_options(setting.data);
  const auto n = static_cast<double>(options.latent.latents);
  return data_bytes(setting) + 1e3 * n * n * n;
}

struct Tried {
  double seconds = 0.0, size = 0.0;
};

/// Seconds of one batch of the same data and methods.
class Timing {
 public:
  Timing(const SweepPlan& plan) : plan_(plan) {}

  void record(const std::vector<SweepRow>& rows) {
    for (const SweepRow& row : rows) {
      const std::size_t setting = plan_.cells[row.cell].setting;
      const double share = row.data_seconds / static_cast<double>(rows.size());
      seconds_[setting] = row.fit_seconds + row.measure_seconds + share;
      Tried& tried = methods_[plan_.settings[setting].method];
      tried.seconds += seconds_[setting];
      tried.size += size_of(plan_.settings[setting]);
      all_.seconds += seconds_[setting];
      all_.size += size_of(plan_.settings[setting]);
    }
  }

  double of(std::size_t setting) const {
    const auto known = seconds_.find(setting);
    if (known != seconds_.end()) return known->second;
    const auto method = methods_.find(plan_.settings[setting].method);
    const Tried& tried = method != methods_.end() ? method->second : all_;
    return tried.size > 0.0 ? tried.seconds * size_of(plan_.settings[setting]) / tried.size : 0.0;
  }

 private:
  const SweepPlan& plan_;
  std::map<std::size_t, double> seconds_;
  std::map<std::string, Tried> methods_;
  Tried all_;
};

/// Tasks from the smallest data on, each setting once.
std::vector<std::size_t> in_order_of_size(const SweepPlan& plan,
                                          const std::vector<SweepTask>& tasks) {
  const auto setting_of = [&](std::size_t t) { return plan.cells[tasks[t].cells.front()].setting; };
  std::map<std::size_t, std::size_t> first;
  for (std::size_t t = 0; t < tasks.size(); ++t) first.emplace(setting_of(t), t);
  std::vector<std::size_t> order;
  for (const auto& [setting, task] : first) order.push_back(task);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return size_of(plan.settings[setting_of(a)]) < size_of(plan.settings[setting_of(b)]);
  });
  return order;
}

}  // namespace

SweepEstimate estimate_sweep(const Backend& backend, const SweepPlan& plan,
                             const std::vector<SweepTask>& tasks, double budget,
                             Observer& observer) {
  SweepEstimate estimate;
  estimate.batches = tasks.size();
  const Backend alone = sweep::worker_backend(backend);
  Timing timing(plan);
  const sweep::Clock clock;
  for (const std::size_t t : in_order_of_size(plan, tasks)) {
    if (estimate.measured > 0 && clock.seconds() > budget) break;
    const auto rows = run_sweep_task(alone, plan, tasks[t], observer);
    timing.record(rows);
    estimate.measured += rows.size();
  }
  double bytes = 0.0;
  for (const SweepTask& task : tasks) {
    estimate.cells += task.cells.size();
    for (const std::size_t cell : task.cells) {
      estimate.seconds += timing.of(plan.cells[cell].setting);
      bytes = std::max(bytes, data_bytes(plan.settings[plan.cells[cell].setting]));
    }
  }
  const auto workers = static_cast<double>(sweep::worker_count(backend));
  estimate.seconds /= workers;
  estimate.bytes = bytes * std::min(workers, static_cast<double>(tasks.size()));
  return estimate;
}

}  // namespace lodestein
