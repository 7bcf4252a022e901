#include "sweep/workers.hpp"

#include <omp.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "lodestein/core/error.hpp"

namespace lodestein::sweep {
namespace {

constexpr std::size_t many_rows = 64;  // are worth waking a thread for

/// Tells a thread to stop; what it reports is not for the caller, who counts cells.
class WorkerObserver final : public Observer {
 public:
  explicit WorkerObserver(const std::atomic<bool>& stop) : stop_(stop) {}
  bool cancelled() const override { return stop_; }

 private:
  const std::atomic<bool>& stop_;
};

}  // namespace

Workers::Workers(const Backend& backend, const SweepPlan& plan, std::size_t threads) : plan_(plan) {
  const std::size_t count = std::min(threads, worker_count(backend));
  const Backend own = worker_backend(backend);
  working_ = count;
  most_running_ = count_ = count;
  try {
    for (std::size_t i = 0; i < count; ++i) {
      threads_.emplace_back([this, own] {
        omp_set_num_threads(1);  // of this thread's parallel regions
        work(own);
      });
    }
  } catch (...) {  // no more threads to be had
    join();
    throw;
  }
}

Workers::~Workers() { join(); }

void Workers::add(const std::vector<SweepTask>& tasks) {
  const std::lock_guard lock(mutex_);
  tasks_.insert(tasks_.end(), tasks.begin(), tasks.end());
  wanted_.notify_all();
}

void Workers::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  wanted_.notify_all();
}

void Workers::stop() {
  const std::lock_guard lock(mutex_);
  stop_ = true;
  wanted_.notify_all();
}

std::deque<SweepRow> Workers::wait(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  ready_.wait_for(lock, patience, [&] {
    return rows_.size() >= many_rows || (tasks_.empty() && !rows_.empty()) || working_ == 0;
  });
  return std::exchange(rows_, {});
}

bool Workers::finished() {
  const std::lock_guard lock(mutex_);
  return working_ == 0 && rows_.empty();
}

void Workers::raise() {
  const std::lock_guard lock(mutex_);
  if (error_) std::rethrow_exception(error_);
}

void Workers::join() {
  stop();
  for (std::thread& thread : threads_) thread.join();
}

bool Workers::has_task() const {
  if (repeating_ || running_ >= most_running_) return false;
  return repeated_.empty() ? !tasks_.empty() : running_ == 0;
}

SweepTask Workers::take_task() {
  repeating_ = !repeated_.empty();
  std::deque<SweepTask>& tasks = repeating_ ? repeated_ : tasks_;
  SweepTask task = std::move(tasks.front());
  tasks.pop_front();
  ++running_;
  return task;
}

void Workers::finish(const SweepTask& task, std::vector<SweepRow> rows) {
  const auto lacks_memory = [](const SweepRow& row) { return row.cause == "out-of-memory"; };
  const bool others_had_it =
      !repeating_ && count_ > 1 && std::any_of(rows.begin(), rows.end(), lacks_memory);
  if (others_had_it) {
    repeated_.push_back(task);
    most_running_ = std::max<std::size_t>(1, std::min(most_running_, running_ - 1));
  }
  --running_;
  repeating_ = false;
  wanted_.notify_all();
  if (others_had_it) return;
  std::move(rows.begin(), rows.end(), std::back_inserter(rows_));
  if (rows_.size() >= many_rows || tasks_.empty()) ready_.notify_one();
}

void Workers::work(const Backend& backend) {
  WorkerObserver observer(stop_);
  std::unique_lock lock(mutex_);
  const auto all_done = [&] { return closed_ && tasks_.empty() && repeated_.empty(); };
  try {
    while (true) {
      wanted_.wait(lock, [&] { return stop_ || all_done() || has_task(); });
      if (stop_ || all_done()) break;
      const SweepTask task = take_task();
      lock.unlock();
      auto rows = run_sweep_task(backend, plan_, task, observer);
      lock.lock();
      finish(task, std::move(rows));
    }
  } catch (const Cancelled&) {  // asked for
    if (!lock.owns_lock()) lock.lock();
  } catch (...) {
    if (!lock.owns_lock()) lock.lock();
    if (!error_) error_ = std::current_exception();
    stop_ = true;
    wanted_.notify_all();
  }
  --working_;
  ready_.notify_one();
}

}  // namespace lodestein::sweep
