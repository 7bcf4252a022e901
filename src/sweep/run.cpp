#include <chrono>
#include <vector>

#include "lodestein/core/error.hpp"
#include "lodestein/sweep/store.hpp"
#include "lodestein/sweep/sweep.hpp"
#include "sweep/clock.hpp"
#include "sweep/ranks.hpp"

namespace lodestein {
namespace {

constexpr double commit_seconds = 0.2;

/// Collects rows and commits them from time to time.
class Writer {
 public:
  explicit Writer(SweepStore& store) : store_(store) {}

  void add(const SweepRow& row) { rows_.push_back(row); }
  void tick(bool last) {
    const bool due = Clock::now() - last_ >= std::chrono::duration<double>(commit_seconds);
    if (last || (due && !rows_.empty())) commit();
  }
  void commit() {
    store_.write(rows_);
    rows_.clear();
    last_ = Clock::now();
  }

 private:
  using Clock = std::chrono::steady_clock;
  SweepStore& store_;
  std::vector<SweepRow> rows_;
  Clock::time_point last_ = Clock::now();
};

}  // namespace

void run_sweep(const Backend& backend, const SweepPlan& plan, const std::vector<SweepTask>& tasks,
               const SweepCallback& done, Observer& observer) {
  sweep::Alone alone;
  sweep::lead(
      alone, backend, plan, tasks, done, [](bool) {}, observer);
}

SweepSummary run_sweep(const Backend& backend, const SweepPlan& plan, SweepStore& store,
                       const SweepSelection& selection, Observer& observer) {
  sweep::Alone alone;
  return sweep::lead_into_store(alone, backend, plan, store, selection, observer);
}

SweepSummary sweep::lead_into_store(Ranks& ranks, const Backend& backend, const SweepPlan& plan,
                                    SweepStore& store, const SweepSelection& selection,
                                    Observer& observer) {
  const auto tasks = sweep_tasks(plan, selection, &store);
  if (const std::string known = store.info().backend; backend.name() != known)
    throw InvalidArgument(store.file().string() + ": is of backend " + known + ", not " +
                          backend.name());
  const Clock clock;
  SweepSummary summary;
  Writer writer(store);
  const auto done = [&](const SweepRow& row) {
    writer.add(row);
    ++summary.cells;
    summary.failed += row.failed;
  };
  try {
    lead(
        ranks, backend, plan, tasks, done, [&](bool last) { writer.tick(last); }, observer);
  } catch (const IoError&) {
    throw;  // of the store
  } catch (...) {
    writer.commit();
    throw;
  }
  summary.seconds = clock.seconds();
  return summary;
}

}  // namespace lodestein
