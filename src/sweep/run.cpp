#include <omp.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "lodestein/core/error.hpp"
#include "lodestein/sweep/store.hpp"
#include "lodestein/sweep/sweep.hpp"
#include "sweep/clock.hpp"
#include "sweep/workers.hpp"

namespace lodestein {
namespace {

constexpr std::chrono::milliseconds look_up{20};  // how often the caller's observer is asked
constexpr double commit_seconds = 0.2;

/// Tells a worker to stop; what it reports is not for the caller, who counts cells.
class WorkerObserver final : public Observer {
 public:
  explicit WorkerObserver(const std::atomic<bool>& stop) : stop_(stop) {}
  bool cancelled() const override { return stop_; }

 private:
  const std::atomic<bool>& stop_;
};

/// Threads that take one task after the other and queue the rows.
class Workers {
 public:
  Workers(const Backend& backend, const SweepPlan& plan, const std::vector<SweepTask>& tasks)
      : plan_(plan), tasks_(tasks) {
    const std::size_t count = std::min(tasks.size(), sweep::worker_count(backend));
    const bool alone = sweep::side_by_side(backend);
    working_ = count;
    try {
      for (std::size_t i = 0; i < count; ++i) {
        threads_.emplace_back([this, own = sweep::worker_backend(backend), alone] {
          if (alone) omp_set_num_threads(1);  // of this thread's parallel regions
          work(own);
        });
      }
    } catch (...) {  // no more threads to be had
      join();
      throw;
    }
  }
  ~Workers() { join(); }

  void stop() { stop_ = true; }

  /// Rows that are ready, after a short while if there are none; nothing more once all is done.
  std::deque<SweepRow> wait() {
    std::unique_lock lock(mutex_);
    ready_.wait_for(lock, look_up, [&] { return !rows_.empty() || working_ == 0; });
    return std::exchange(rows_, {});
  }

  bool finished() {
    const std::lock_guard lock(mutex_);
    return working_ == 0 && rows_.empty();
  }

  /// Throws what ended a worker.
  void raise() {
    const std::lock_guard lock(mutex_);
    if (error_) std::rethrow_exception(error_);
  }

 private:
  void join() {
    stop();
    for (std::thread& thread : threads_) thread.join();
  }

  void work(const Backend& backend) {
    WorkerObserver observer(stop_);
    try {
      while (!stop_) {
        const std::size_t next = next_++;
        if (next >= tasks_.size()) break;
        add(run_sweep_task(backend, plan_, tasks_[next], observer));
      }
    } catch (const Cancelled&) {  // asked for
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!error_) error_ = std::current_exception();
      stop_ = true;
    }
    const std::lock_guard lock(mutex_);
    --working_;
    ready_.notify_one();
  }

  void add(std::vector<SweepRow> rows) {
    const std::lock_guard lock(mutex_);
    rows_.insert(rows_.end(), std::make_move_iterator(rows.begin()),
                 std::make_move_iterator(rows.end()));
    ready_.notify_one();
  }

  const SweepPlan& plan_;
  const std::vector<SweepTask>& tasks_;
  std::atomic<std::size_t> next_{0};
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<SweepRow> rows_;
  std::size_t working_ = 0;
  std::exception_ptr error_;
  std::vector<std::thread> threads_;
};

std::size_t cell_count(const std::vector<SweepTask>& tasks) {
  std::size_t cells = 0;
  for (const SweepTask& task : tasks) cells += task.cells.size();
  return cells;
}

/// `tick` is called at least every look_up.
template <class Tick>
void run(const Backend& backend, const SweepPlan& plan, const std::vector<SweepTask>& tasks,
         const SweepCallback& done, const Tick& tick, Observer& observer) {
  const std::size_t total = cell_count(tasks);
  std::size_t finished = 0;
  Workers workers(backend, plan, tasks);
  while (!workers.finished()) {
    const auto rows = workers.wait();
    for (const SweepRow& row : rows) done(row);
    finished += rows.size();
    if (!rows.empty()) observer.progress("cells", finished, total);
    tick();
    if (observer.cancelled()) workers.stop();
  }
  workers.raise();
  if (finished < total) check_cancelled(observer);
}

/// Collects rows and commits them from time to time.
class Writer {
 public:
  explicit Writer(SweepStore& store) : store_(store) {}

  void add(const SweepRow& row) { rows_.push_back(row); }
  void tick() {
    if (!rows_.empty() && Clock::now() - last_ >= std::chrono::duration<double>(commit_seconds))
      commit();
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
  run(
      backend, plan, tasks, done, [] {}, observer);
}

SweepSummary run_sweep(const Backend& backend, const SweepPlan& plan, SweepStore& store,
                       const SweepSelection& selection, Observer& observer) {
  const auto tasks = sweep_tasks(plan, selection, &store);
  if (const std::string known = store.info().backend; backend.name() != known)
    throw InvalidArgument(store.file().string() + ": is of backend " + known + ", not " +
                          backend.name());
  const sweep::Clock clock;
  SweepSummary summary;
  Writer writer(store);
  const auto done = [&](const SweepRow& row) {
    writer.add(row);
    ++summary.cells;
    summary.failed += row.failed;
  };
  try {
    run(
        backend, plan, tasks, done, [&] { writer.tick(); }, observer);
  } catch (const IoError&) {
    throw;  // of the store
  } catch (...) {
    writer.commit();
    throw;
  }
  writer.commit();
  summary.seconds = clock.seconds();
  return summary;
}

}  // namespace lodestein
