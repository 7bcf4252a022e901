// Compiled by nvcc, and by the C++ compiler for the simt backend, where it is only tested.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>

#include "bench/gpu_limits.hpp"
#include "kernels/cuda/gpu.hpp"
#include "lodestein/core/error.hpp"

namespace lodestein::bench::LODESTEIN_GPU {
namespace {

using kernels::Buffer;
using kernels::LODESTEIN_GPU::Device;

constexpr unsigned block_threads = 256;
constexpr unsigned chains = 8;      // independent, to hide the latency
constexpr unsigned blocks_per = 8;  // of a multiprocessor
constexpr int repeats = 8;

// x -> x/2 + 1/2 in each chain: ends at 1 from wherever it starts.
template <class T>
__global__ void __launch_bounds__(block_threads) multiply_add(T* sums, unsigned rounds) {
  T x[chains];
#pragma unroll
  for (unsigned c = 0; c < chains; ++c) x[c] = static_cast<T>(c + threadIdx.x);
  for (unsigned r = 0; r < rounds; ++r) {
#pragma unroll
    for (unsigned c = 0; c < chains; ++c) x[c] = x[c] * T(0.5) + T(0.5);
  }
  T sum = 0;
#pragma unroll
  for (unsigned c = 0; c < chains; ++c) sum += x[c];
  sums[blockIdx.x * block_threads + threadIdx.x] = sum;
}

// x -> 2^x - 2 in each chain: ends at -1.69 from wherever it starts below 2.
__global__ void __launch_bounds__(block_threads) exponentials(float* sums, unsigned rounds) {
  float x[chains];
#pragma unroll
  for (unsigned c = 0; c < chains; ++c) x[c] = -static_cast<float>(c + threadIdx.x);
  for (unsigned r = 0; r < rounds; ++r) {
#pragma unroll
    for (unsigned c = 0; c < chains; ++c) x[c] = exp2f(x[c]) - 2.0f;
  }
  float sum = 0.0f;
#pragma unroll
  for (unsigned c = 0; c < chains; ++c) sum += x[c];
  sums[blockIdx.x * block_threads + threadIdx.x] = sum;
}

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Work per second of the best of some calls.
template <class Call>
double best_rate(const Device& device, double work, const Call& call) {
  double best = 0.0;
  for (int repeat = 0; repeat < repeats; ++repeat) {
    const double start = now();
    call();
    device.synchronize();
    best = std::max(best, work / (now() - start));
  }
  return best;
}

// Rounds per second over all threads and chains; the loops must have ended at `fixed_point`.
template <class T>
double round_rate(const Device& device, const char* name, void (*kernel)(T*, unsigned),
                  unsigned rounds, double fixed_point) {
  const auto blocks = static_cast<unsigned>(device.multiprocessors()) * blocks_per;
  const Buffer<T> sums(device, std::size_t{blocks} * block_threads);
  const double all = double{block_threads} * blocks * chains * rounds;
  const double rate = best_rate(device, all, [&] {
    device.launch(name, kernel, dim3(blocks), dim3(block_threads), 0, sums.data(), rounds);
  });
  for (const T sum : sums.download()) {
    if (!(std::abs(static_cast<double>(sum) / chains - fixed_point) < 1e-4))
      throw DeviceError(std::string("limits: kernel ") + name + " ends at the wrong value");
  }
  return rate;
}

}  // namespace

Limits measure_gpu_limits(const kernels::Memory& memory, const GpuEffort& effort) {
  const auto& device = dynamic_cast<const Device&>(memory);
  Limits limits;
  limits.one_pipeline = false;
  limits.fp32 = 2.0 * round_rate<float>(device, "multiply_add<float>", multiply_add<float>,
                                        effort.rounds, 1.0);
  limits.fp64 = 2.0 * round_rate<double>(device, "multiply_add<double>", multiply_add<double>,
                                         effort.rounds, 1.0);
  limits.exponentials =
      round_rate<float>(device, "exponentials", exponentials, effort.rounds, -1.690093);
  Buffer<unsigned char> from(device, effort.copy_bytes);
  const Buffer<unsigned char> to(device, effort.copy_bytes);
  from.clear();
  limits.bytes = best_rate(device, 2.0 * static_cast<double>(effort.copy_bytes),
                           [&] { device.copy(to.data(), from.data(), effort.copy_bytes); });
  return limits;
}

}  // namespace lodestein::bench::LODESTEIN_GPU
