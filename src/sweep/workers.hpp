#pragma once

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "kernels/operations.hpp"
#include "lodestein/core/backend.hpp"
#include "lodestein/sweep/sweep.hpp"

namespace lodestein::sweep {

/// Whether a backend computes on the host, where each thread has a core of its own.
inline bool on_host(const Backend& backend) { return backend.operations().memory().on_host(); }

/// Batches that run at once: as many as the backend has threads; on a GPU, which many small
/// problems share, as many as the host has cores for what isn't done there.
inline std::size_t worker_count(const Backend& backend) {
  const int threads = on_host(backend) ? backend.threads() : omp_get_max_threads();
  return static_cast<std::size_t>(std::max(1, threads));
}

/// What each of them computes on.
inline Backend worker_backend(const Backend& backend) {
  if (backend.name() == "cpu") return Backend::cpu(1);
  return on_host(backend) ? backend : backend.joining_calls();
}

/// Threads that take one task after the other from a queue and leave the rows, those of a task
/// side by side, in another. A task that lacks memory is repeated while no other runs, and fewer
/// run at once from then on.
class Workers {
 public:
  /// `threads`: no more than this, and than the backend has use for.
  Workers(const Backend& backend, const SweepPlan& plan, std::size_t threads);
  /// Stops them.
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  std::size_t threads() const { return threads_.size(); }
  void add(const std::vector<SweepTask>& tasks);
  /// No more tasks will come; the threads end when all are done.
  void close();
  /// The threads end as soon as they can, whatever is left.
  void stop();
  /// Rows that are ready, after `patience` if they are few and tasks are left.
  std::deque<SweepRow> wait(std::chrono::milliseconds patience);
  /// Whether the threads have ended and their rows have been handed over.
  bool finished();
  /// Throws what ended a thread.
  void raise();

 private:
  void join();
  void work(const Backend& backend);
  bool has_task() const;
  SweepTask take_task();
  void finish(const SweepTask& task, std::vector<SweepRow> rows);

  const SweepPlan& plan_;
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::condition_variable ready_, wanted_;
  std::deque<SweepTask> tasks_, repeated_;
  std::deque<SweepRow> rows_;
  bool closed_ = false;
  std::size_t working_ = 0;                   ///< threads that haven't ended
  std::size_t running_ = 0;                   ///< tasks
  std::size_t count_ = 1, most_running_ = 1;  ///< threads; tasks at once
  bool repeating_ = false;                    ///< the running task is a repeated one
  std::exception_ptr error_;
  std::vector<std::thread> threads_;
};

}  // namespace lodestein::sweep
