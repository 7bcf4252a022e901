#pragma once

#include "lodestein/core/backend.hpp"

namespace lodestein::bench {

/// What a device reaches in loops that do one thing only, per second.
struct Limits {
  double fp32 = 0.0;          ///< flops; a fused multiply-add is two
  double fp64 = 0.0;          ///< flops
  double exponentials = 0.0;  ///< of fp32, by the function that the kernels use
  double bytes = 0.0;         ///< read or written by a copy of arrays larger than the caches
  /// Whether the three kinds of arithmetic wait for each other, as on a CPU, rather than run side
  /// by side, as on a GPU.
  bool one_pipeline = true;
};

/// The best that was seen in this process on such a backend; measures again (some 0.2 s) at each
/// call, since clocks and neighbours change. The loops of the host use the widest vectors of the
/// processor and the backend's threads; those of a GPU fill it.
Limits measure_limits(const Backend& backend);

}  // namespace lodestein::bench
