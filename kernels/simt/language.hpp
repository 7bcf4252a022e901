// CUDA's language as a C++ compiler sees it: what kernels/cuda/*.cu use, in terms of the executor.
#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "kernels/simt/executor.hpp"

#define __global__
#define __device__
#define __host__
#define __constant__ static
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))

#define threadIdx (::lodestein::kernels::simt::here().thread)
#define blockIdx (::lodestein::kernels::simt::here().block)
#define blockDim (::lodestein::kernels::simt::here().block_size)
#define gridDim (::lodestein::kernels::simt::here().grid_size)
constexpr int warpSize = 32;

struct alignas(8) float2 {
  float x, y;
};
struct float3 {
  float x, y, z;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(8) int2 {
  int x, y;
};
struct alignas(16) int4 {
  int x, y, z, w;
};
struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(16) double2 {
  double x, y;
};
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float3 make_float3(float x, float y, float z) { return {x, y, z}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline int2 make_int2(int x, int y) { return {x, y}; }
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
inline double2 make_double2(double x, double y) { return {x, y}; }

namespace lodestein::kernels::simt {

template <class To, class From>
To bits_as(From value) {
  static_assert(sizeof(To) == sizeof(From));
  To result;
  std::memcpy(&result, &value, sizeof(To));
  return result;
}

template <class T>
T shuffle(WarpOperation operation, unsigned mask, T value, int argument, int width, Place at) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8);
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  bits = warp_operation({operation, mask, bits, argument, width}, at);
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}

/// *address, seen by the access log if there is one.
template <class T>
__forceinline__ T traced_load(const T* address,
                              Place at = lodestein::kernels::simt::Place::current()) {
  if (tracing()) [[unlikely]]
    trace_access(false, address, sizeof(T), at);
  return *address;
}
/// *address = value, seen by the access log if there is one.
template <class T>
__forceinline__ void traced_store(T* address, std::type_identity_t<T> value,
                                  Place at = lodestein::kernels::simt::Place::current()) {
  if (tracing()) [[unlikely]]
    trace_access(true, address, sizeof(T), at);
  *address = value;
}

// Read, change, write in one piece; ThreadSanitizer sees an atomic access.
template <class T, class Change>
T exchange(T* address, Change change) {
  std::atomic_ref<T> target(*address);
  T before = target.load(std::memory_order_relaxed);
  while (!target.compare_exchange_weak(before, change(before), std::memory_order_relaxed)) {
  }
  return before;
}

}  // namespace lodestein::kernels::simt

inline void __syncthreads(
    lodestein::kernels::simt::Place at = lodestein::kernels::simt::Place::current()) {
  lodestein::kernels::simt::block_barrier(lodestein::kernels::simt::BarrierVote::none, false, at);
}
inline int __syncthreads_count(int predicate, lodestein::kernels::simt::Place at =
                                                  lodestein::kernels::simt::Place::current()) {
  return lodestein::kernels::simt::block_barrier(lodestein::kernels::simt::BarrierVote::count,
                                                 predicate != 0, at);
}
inline int __syncthreads_and(int predicate, lodestein::kernels::simt::Place at =
                                                lodestein::kernels::simt::Place::current()) {
  return lodestein::kernels::simt::block_barrier(lodestein::kernels::simt::BarrierVote::all,
                                                 predicate != 0, at);
}
inline int __syncthreads_or(int predicate, lodestein::kernels::simt::Place at =
                                               lodestein::kernels::simt::Place::current()) {
  return lodestein::kernels::simt::block_barrier(lodestein::kernels::simt::BarrierVote::any,
                                                 predicate != 0, at);
}
inline void __syncwarp(unsigned mask = ~0u, lodestein::kernels::simt::Place at =
                                                lodestein::kernels::simt::Place::current()) {
  using lodestein::kernels::simt::WarpOperation;
  lodestein::kernels::simt::warp_operation({WarpOperation::synchronize, mask}, at);
}

template <class T>
T __shfl_sync(unsigned mask, T value, int lane, int width = 32,
              lodestein::kernels::simt::Place at = lodestein::kernels::simt::Place::current()) {
  using lodestein::kernels::simt::WarpOperation;
  return lodestein::kernels::simt::shuffle(WarpOperation::shuffle, mask, value, lane, width, at);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned distance, int width = 32,
                 lodestein::kernels::simt::Place at = lodestein::kernels::simt::Place::current()) {
  using lodestein::kernels::simt::WarpOperation;
  return lodestein::kernels::simt::shuffle(WarpOperation::shuffle_up, mask, value,
                                           static_cast<int>(distance), width, at);
}
template <class T>
T __shfl_down_sync(
    unsigned mask, T value, unsigned distance, int width = 32,
    lodestein::kernels::simt::Place at = lodestein::kernels::simt::Place::current()) {
  using lodestein::kernels::simt::WarpOperation;
  return lodestein::kernels::simt::shuffle(WarpOperation::shuffle_down, mask, value,
                                           static_cast<int>(distance), width, at);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32,
                  lodestein::kernels::simt::Place at = lodestein::kernels::simt::Place::current()) {
  using lodestein::kernels::simt::WarpOperation;
  return lodestein::kernels::simt::shuffle(WarpOperation::shuffle_xor, mask, value, lanes, width,
                                           at);
}
inline unsigned __ballot_sync(
    unsigned mask, int predicate,
    lodestein::kernels::simt::Place at = lodestein::kernels::simt::Place::current()) {
  using lodestein::kernels::simt::WarpOperation;
  return static_cast<unsigned>(
      lodestein::kernels::simt::warp_operation({WarpOperation::ballot, mask, predicate != 0}, at));
}
inline int __any_sync(
    unsigned mask, int predicate,
    lodestein::kernels::simt::Place at = lodestein::kernels::simt::Place::current()) {
  using lodestein::kernels::simt::WarpOperation;
  return static_cast<int>(
      lodestein::kernels::simt::warp_operation({WarpOperation::any, mask, predicate != 0}, at));
}
inline int __all_sync(
    unsigned mask, int predicate,
    lodestein::kernels::simt::Place at = lodestein::kernels::simt::Place::current()) {
  using lodestein::kernels::simt::WarpOperation;
  return static_cast<int>(
      lodestein::kernels::simt::warp_operation({WarpOperation::all, mask, predicate != 0}, at));
}
template <class T>
unsigned __match_any_sync(
    unsigned mask, T value,
    lodestein::kernels::simt::Place at = lodestein::kernels::simt::Place::current()) {
  using lodestein::kernels::simt::WarpOperation;
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  return static_cast<unsigned>(
      lodestein::kernels::simt::warp_operation({WarpOperation::match, mask, bits}, at));
}
template <class T>
T __reduce_add_sync(
    unsigned mask, T value,
    lodestein::kernels::simt::Place at = lodestein::kernels::simt::Place::current()) {
  static_assert(std::is_integral_v<T> && sizeof(T) == 4);
  using lodestein::kernels::simt::WarpOperation;
  return static_cast<T>(lodestein::kernels::simt::warp_operation(
      {WarpOperation::add, mask, static_cast<std::uint32_t>(value)}, at));
}
template <class T>
T __reduce_max_sync(
    unsigned mask, T value,
    lodestein::kernels::simt::Place at = lodestein::kernels::simt::Place::current()) {
  static_assert(std::is_integral_v<T> && sizeof(T) == 4);
  using lodestein::kernels::simt::WarpOperation;
  const auto operation =
      std::is_signed_v<T> ? WarpOperation::max_signed : WarpOperation::max_unsigned;
  return static_cast<T>(lodestein::kernels::simt::warp_operation(
      {operation, mask, static_cast<std::uint32_t>(value)}, at));
}
template <class T>
T __reduce_min_sync(
    unsigned mask, T value,
    lodestein::kernels::simt::Place at = lodestein::kernels::simt::Place::current()) {
  static_assert(std::is_integral_v<T> && sizeof(T) == 4);
  using lodestein::kernels::simt::WarpOperation;
  const auto operation =
      std::is_signed_v<T> ? WarpOperation::min_signed : WarpOperation::min_unsigned;
  return static_cast<T>(lodestein::kernels::simt::warp_operation(
      {operation, mask, static_cast<std::uint32_t>(value)}, at));
}

template <class T>
T __ldg(const T* address,
        lodestein::kernels::simt::Place at = lodestein::kernels::simt::Place::current()) {
  return lodestein::kernels::simt::traced_load(address, at);
}
template <class T>
T __ldcs(const T* address,
         lodestein::kernels::simt::Place at = lodestein::kernels::simt::Place::current()) {
  return lodestein::kernels::simt::traced_load(address, at);
}
inline void __threadfence() { std::atomic_thread_fence(std::memory_order_seq_cst); }
inline void __threadfence_block() { std::atomic_thread_fence(std::memory_order_seq_cst); }

template <class T>
T atomicAdd(T* address, std::type_identity_t<T> value) {
  return lodestein::kernels::simt::exchange(address,
                                            [&](T old) { return static_cast<T>(old + value); });
}
template <class T>
T atomicMax(T* address, std::type_identity_t<T> value) {
  return lodestein::kernels::simt::exchange(address,
                                            [&](T old) { return old > value ? old : value; });
}
template <class T>
T atomicMin(T* address, std::type_identity_t<T> value) {
  return lodestein::kernels::simt::exchange(address,
                                            [&](T old) { return old < value ? old : value; });
}
template <class T>
T atomicOr(T* address, std::type_identity_t<T> value) {
  return lodestein::kernels::simt::exchange(address, [&](T old) { return old | value; });
}
template <class T>
T atomicExch(T* address, std::type_identity_t<T> value) {
  return lodestein::kernels::simt::exchange(address, [&](T) { return value; });
}
template <class T>
T atomicCAS(T* address, std::type_identity_t<T> expected, std::type_identity_t<T> value) {
  return lodestein::kernels::simt::exchange(address,
                                            [&](T old) { return old == expected ? value : old; });
}

// The fast intrinsics are exact here: their errors on a GPU are not seen.
inline float __expf(float x) { return std::exp(x); }
inline float __exp2f(float x) { return std::exp2(x); }
inline float __logf(float x) { return std::log(x); }
inline float __sinf(float x) { return std::sin(x); }
inline float __cosf(float x) { return std::cos(x); }
inline float __fdividef(float a, float b) { return a / b; }
inline float __frcp_rn(float x) { return 1.0f / x; }
inline float __fsqrt_rn(float x) { return std::sqrt(x); }
inline float __frsqrt_rn(float x) { return 1.0f / std::sqrt(x); }
inline float __fmaf_rn(float a, float b, float c) { return std::fma(a, b, c); }
inline double __fma_rn(double a, double b, double c) { return std::fma(a, b, c); }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
inline double rsqrt(double x) { return 1.0 / std::sqrt(x); }
inline float __saturatef(float x) { return x < 0.0f ? 0.0f : x > 1.0f ? 1.0f : x; }
inline int __popc(unsigned value) { return __builtin_popcount(value); }
inline int __ffs(int value) { return __builtin_ffs(value); }
inline int __clz(int value) {
  return value == 0 ? 32 : __builtin_clz(static_cast<unsigned>(value));
}
inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>((std::uint64_t{a} * b) >> 32);
}
inline int __float_as_int(float x) { return lodestein::kernels::simt::bits_as<int>(x); }
inline unsigned __float_as_uint(float x) { return lodestein::kernels::simt::bits_as<unsigned>(x); }
inline float __int_as_float(int x) { return lodestein::kernels::simt::bits_as<float>(x); }
inline float __uint_as_float(unsigned x) { return lodestein::kernels::simt::bits_as<float>(x); }
inline long long __double_as_longlong(double x) {
  return lodestein::kernels::simt::bits_as<long long>(x);
}
inline double __longlong_as_double(long long x) {
  return lodestein::kernels::simt::bits_as<double>(x);
}
using std::max;
using std::min;
