#include "lodestein/core/observer.hpp"

#include "lodestein/core/error.hpp"

namespace lodestein {

Observer& silent() {
  static Observer observer;  // stateless
  return observer;
}

void check_cancelled(const Observer& observer) {
  if (observer.cancelled()) throw Cancelled("stopped on request; nothing was written");
}

}  // namespace lodestein
