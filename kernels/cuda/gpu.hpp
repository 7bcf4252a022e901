// The one header that kernels/cuda/*.cu build on. nvcc gets CUDA; g++ gets the executor that runs
// the same source on the CPU. Each puts everything into a namespace of its own, LODESTEIN_GPU
// (cuda or simt), so that both can be in one program. The rules for such sources are in
// docs/design/0005-one-source-two-executors.md.
#pragma once

#ifdef LODESTEIN_SIMT
#include "kernels/simt/gpu.hpp"
#else
#include "kernels/cuda/runtime/gpu.hpp"
#endif

namespace lodestein::kernels::LODESTEIN_GPU {

/// Four neighbours that are loaded or stored as one; aligned to 16 bytes.
__device__ inline const float4* four(const float* first) {
  return reinterpret_cast<const float4*>(first);
}
__device__ inline float4* four(float* first) { return reinterpret_cast<float4*>(first); }

}  // namespace lodestein::kernels::LODESTEIN_GPU
