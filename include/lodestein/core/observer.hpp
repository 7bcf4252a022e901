#pragma once

#include <cstddef>
#include <string_view>

namespace lodestein {

/// How long work reports progress, logs and learns that it should stop. The library never prints;
/// override what you need. Calls come from one thread at a time.
class Observer {
 public:
  enum class Level { debug, info, warning };

  virtual ~Observer() = default;
  /// `done` of `total` units of `stage` are finished.
  virtual void progress(std::string_view /*stage*/, std::size_t /*done*/, std::size_t /*total*/) {}
  virtual void log(Level /*level*/, std::string_view /*message*/) {}
  /// True asks the work to stop: it throws Cancelled and leaves nothing half written.
  virtual bool cancelled() const { return false; }
};

/// An observer that ignores everything.
Observer& silent();

/// @throws Cancelled if the observer asks to stop.
void check_cancelled(const Observer& observer);

}  // namespace lodestein
