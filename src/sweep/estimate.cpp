#include <algorithm>
#include <functional>
#include <map>
#include <numeric>

#include "lodestein/sweep/sweep.hpp"
#include "simulate/check.hpp"
#include "sweep/clock.hpp"
#include "sweep/fields.hpp"
#include "sweep/workers.hpp"

namespace lodestein {
namespace {

constexpr std::size_t most_rounds = 5;  // of all settings
constexpr double warm_up = 0.1;         // of the budget

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
  std::size_t cells = 0;

  void add(double more, double of_size) {
    seconds += more;
    size += of_size;
    ++cells;
  }
};

/// Seconds of cells of the same data and methods.
class Timing {
 public:
  Timing(const SweepPlan& plan) : plan_(plan) {}

  /// `seconds` of the batch, which its cells share as their own times say.
  void record(const std::vector<SweepRow>& rows, double seconds) {
    const auto own = [&](const SweepRow& row) {
      return row.fit_seconds + row.measure_seconds +
             row.data_seconds / static_cast<double>(rows.size());
    };
    double sum = 0.0;
    for (const SweepRow& row : rows) sum += own(row);
    for (const SweepRow& row : rows) {
      const std::size_t setting = plan_.cells[row.cell].setting;
      const double share = sum > 0.0 ? seconds * own(row) / sum : 0.0;
      const double size = size_of(plan_.settings[setting]);
      for (Tried* tried : {&settings_[setting], &methods_[plan_.settings[setting].method], &all_})
        tried->add(share, size);
    }
  }

  double of(std::size_t setting) const {
    const auto known = settings_.find(setting);
    if (known != settings_.end())
      return known->second.seconds / static_cast<double>(known->second.cells);
    const auto method = methods_.find(plan_.settings[setting].method);
    const Tried& tried = method != methods_.end() ? method->second : all_;
    return tried.size > 0.0 ? tried.seconds * size_of(plan_.settings[setting]) / tried.size : 0.0;
  }

 private:
  const SweepPlan& plan_;
  std::map<std::size_t, Tried> settings_;
  std::map<std::string, Tried> methods_;
  Tried all_;
};

/// Tasks in rounds, each of which has one of every setting, the smallest data first.
std::vector<std::size_t> in_rounds(const SweepPlan& plan, const std::vector<SweepTask>& tasks) {
  struct Trial {
    std::size_t round, task;
    double size;
  };
  std::map<std::size_t, std::size_t> seen;  // by setting
  std::vector<Trial> trials;
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    const std::size_t setting = plan.cells[tasks[t].cells.front()].setting;
    const std::size_t round = seen[setting]++;
    if (round < most_rounds) trials.push_back({round, t, size_of(plan.settings[setting])});
  }
  std::stable_sort(trials.begin(), trials.end(), [](const Trial& a, const Trial& b) {
    return a.round != b.round ? a.round < b.round : a.size < b.size;
  });
  std::vector<std::size_t> order;
  for (const Trial& trial : trials) order.push_back(trial.task);
  return order;
}

double seconds_of(const std::function<void()>& work) {
  const sweep::Clock clock;
  work();
  return clock.seconds();
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
  for (const std::size_t t : in_rounds(plan, tasks)) {
    if (estimate.measured > 0 && clock.seconds() > budget) break;
    std::vector<SweepRow> rows;
    const auto run = [&] { rows = run_sweep_task(alone, plan, tasks[t], observer); };
    double seconds = seconds_of(run);
    const bool cold = estimate.measured == 0 && seconds < warm_up * budget;
    if (cold) seconds = seconds_of(run);  // what only the first call takes isn't counted
    timing.record(rows, seconds);
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
  if (sweep::on_host(backend)) estimate.seconds /= workers;
  estimate.bytes = bytes * std::min(workers, static_cast<double>(tasks.size()));
  return estimate;
}

}  // namespace lodestein
