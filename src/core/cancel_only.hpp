#pragma once

#include "lodestein/core/observer.hpp"

namespace lodestein {

/// Passes on that the work should stop, but no progress: for parts of work that reports its own.
class CancelOnly final : public Observer {
 public:
  explicit CancelOnly(const Observer& outer) : outer_(outer) {}
  bool cancelled() const override { return outer_.cancelled(); }

 private:
  const Observer& outer_;
};

}  // namespace lodestein
