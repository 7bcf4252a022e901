#pragma once

#include <cstddef>

#include "bench/limits.hpp"
#include "kernels/memory.hpp"

namespace lodestein::bench {

/// How long the loops are.
struct GpuEffort {
  unsigned rounds;         ///< of arithmetic in each thread, at least 64
  std::size_t copy_bytes;  ///< of one copy
};

namespace cuda {
/// Of the GPU that this memory belongs to. @throws DeviceError if a loop computes something else.
Limits measure_gpu_limits(const kernels::Memory& memory, const GpuEffort& effort);
}  // namespace cuda
namespace simt {
Limits measure_gpu_limits(const kernels::Memory& memory, const GpuEffort& effort);
}  // namespace simt

}  // namespace lodestein::bench
