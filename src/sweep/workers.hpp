#pragma once

#include <algorithm>
#include <cstddef>

#include "lodestein/core/backend.hpp"

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

}  // namespace lodestein::sweep
