#pragma once

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

#include "lodestein/core/backend.hpp"
#include "lodestein/sweep/sweep.hpp"

namespace lodestein::sweep {

/// Whether batches run side by side, each on one thread, rather than one on the whole backend.
inline bool side_by_side(const Backend& backend) {
  return backend.name() == "cpu" || backend.name() == "reference";
}

inline std::size_t worker_count(const Backend& backend) {
  return side_by_side(backend) ? static_cast<std::size_t>(std::max(1, backend.threads())) : 1;
}

inline Backend worker_backend(const Backend& backend) {
  return backend.name() == "cpu" ? Backend::cpu(1) : backend;
}

/// Threads that take one task after the other from a queue and leave the rows, those of a task
/// side by side, in another.
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

  const SweepPlan& plan_;
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::condition_variable ready_, wanted_;
  std::deque<SweepTask> tasks_;
  std::deque<SweepRow> rows_;
  bool closed_ = false;
  std::size_t working_ = 0;
  std::exception_ptr error_;
  std::vector<std::thread> threads_;
};

}  // namespace lodestein::sweep
