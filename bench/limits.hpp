#pragma once

namespace lodestein::bench {

/// What this machine reaches in loops that do one thing only, per second.
struct Limits {
  double fp32 = 0.0;          ///< flops; a fused multiply-add is two
  double fp64 = 0.0;          ///< flops
  double exponentials = 0.0;  ///< of fp32, by the function that the kernels use
  double bytes = 0.0;         ///< read or written by a copy of arrays larger than the caches
};

/// The best that was seen in this process on so many threads; measures again (some 0.2 s) at each
/// call, since clocks and neighbours change. Every loop uses the widest vectors of the processor.
Limits measure_limits(int threads);

}  // namespace lodestein::bench
