// Resident blocks a multiprocessor by NVIDIA's own calculator (cuda_occupancy.h), which needs no
// GPU. Reads lines "architecture registers static_shared dynamic_shared block barriers" and answers
// each with "blocks warps fraction limit". scripts/gpu-report compiles and runs it.
#include <cuda_runtime_api.h>
// after the runtime's types
#include <cuda_occupancy.h>

#include <cstdio>

namespace {

// CUDA C++ Programming Guide 13, "Technical specifications per compute capability".
struct Limits {
  int architecture, shared, shared_per_block, threads;
};
constexpr Limits known[] = {{80, 167936, 166912, 2048},
                            {90, 233472, 232448, 2048},
                            {100, 233472, 232448, 2048},
                            {120, 102400, 101376, 1536}};

cudaOccDeviceProp properties(const Limits& limits) {
  cudaOccDeviceProp p;
  p.computeMajor = limits.architecture / 10;
  p.computeMinor = limits.architecture % 10;
  p.maxThreadsPerBlock = 1024;
  p.maxThreadsPerMultiprocessor = limits.threads;
  p.regsPerBlock = p.regsPerMultiprocessor = 65536;
  p.warpSize = 32;
  p.sharedMemPerBlock = 48 * 1024;
  p.sharedMemPerMultiprocessor = static_cast<size_t>(limits.shared);
  p.sharedMemPerBlockOptin = static_cast<size_t>(limits.shared_per_block);
  p.reservedSharedMemPerBlock = 1024;
  p.numSms = 1;
  return p;
}

const char* limit_name(unsigned limits) {
  if (limits & OCC_LIMIT_WARPS) return "threads";
  if (limits & OCC_LIMIT_SHARED_MEMORY) return "shared memory";
  if (limits & OCC_LIMIT_REGISTERS) return "registers";
  if (limits & OCC_LIMIT_BLOCKS) return "blocks";
  return "barriers";
}

}  // namespace

int main() {
  int architecture, registers, shared, dynamic, block, barriers;
  while (std::scanf("%d %d %d %d %d %d", &architecture, &registers, &shared, &dynamic, &block,
                    &barriers) == 6) {
    const Limits* limits = nullptr;
    for (const Limits& l : known)
      if (l.architecture == architecture) limits = &l;
    if (limits == nullptr) return std::fprintf(stderr, "no limits of sm_%d\n", architecture), 1;
    const cudaOccDeviceProp device = properties(*limits);
    cudaOccFuncAttributes kernel;
    kernel.maxThreadsPerBlock = 1024;
    kernel.numRegs = registers;
    kernel.sharedSizeBytes = static_cast<size_t>(shared);
    kernel.partitionedGCConfig = PARTITIONED_GC_OFF;
    kernel.shmemLimitConfig = FUNC_SHMEM_LIMIT_OPTIN;
    kernel.maxDynamicSharedSizeBytes = static_cast<size_t>(limits->shared_per_block - shared);
    kernel.numBlockBarriers = barriers > 0 ? barriers : 1;
    const cudaOccDeviceState state;
    cudaOccResult result;
    if (cudaOccMaxActiveBlocksPerMultiprocessor(&result, &device, &kernel, &state, block,
                                                static_cast<size_t>(dynamic)) != CUDA_OCC_SUCCESS)
      return std::fprintf(stderr, "the calculator refuses the kernel\n"), 1;
    const int blocks = result.activeBlocksPerMultiprocessor, warps = blocks * ((block + 31) / 32);
    std::printf("%d %d %.2f %s\n", blocks, warps, 32.0 * warps / limits->threads,
                limit_name(result.limitingFactors));
  }
}
