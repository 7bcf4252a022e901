// Compiled once per vector instruction set by Highway's foreach_target.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "bench/limits.cpp"
#include "bench/limits.hpp"

#include <cstddef>

#include "hwy/foreach_target.h"  // must come before highway.h
#include "hwy/highway.h"
#include "kernels/cpu/exp2-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace lodestein::bench {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr std::size_t chains = 12;  // enough to hide the latency, few enough for 16 registers

// `rounds` fused multiply-adds in each chain and lane; returns their number. `sink` is written.
template <class T>
double multiply_add(std::size_t rounds, T* sink) {
  const hn::ScalableTag<T> tag;
  const auto factor = hn::Set(tag, T(0.5));
  hn::Vec<decltype(tag)> sum[chains];
  for (std::size_t c = 0; c < chains; ++c) sum[c] = hn::Set(tag, static_cast<T>(c));
  for (std::size_t r = 0; r < rounds; ++r) {
    for (std::size_t c = 0; c < chains; ++c) sum[c] = hn::MulAdd(sum[c], factor, factor);
  }
  for (std::size_t c = 1; c < chains; ++c) sum[0] = hn::Add(sum[0], sum[c]);
  *sink = hn::GetLane(sum[0]);
  return static_cast<double>(rounds * chains * hn::Lanes(tag));
}

double multiply_add_float(std::size_t rounds, float* sink) {
  return multiply_add<float>(rounds, sink);
}
double multiply_add_double(std::size_t rounds, double* sink) {
  return multiply_add<double>(rounds, sink);
}

// 2^x - 2 again and again, from independent vectors; returns the number of exponentials.
double exponentials(std::size_t rounds, float* sink) {
  const hn::ScalableTag<float> tag;
  constexpr std::size_t vectors = 8;
  const auto two = hn::Set(tag, 2.0f);
  hn::Vec<decltype(tag)> x[vectors];
  for (std::size_t v = 0; v < vectors; ++v) x[v] = hn::Set(tag, -static_cast<float>(v));
  for (std::size_t r = 0; r < rounds; ++r) {
    for (std::size_t v = 0; v < vectors; ++v)
      x[v] = hn::Sub(kernels::cpu::HWY_NAMESPACE::exp2_of_negative(tag, x[v]), two);
  }
  for (std::size_t v = 1; v < vectors; ++v) x[0] = hn::Add(x[0], x[v]);
  *sink = hn::GetLane(x[0]);
  return static_cast<double>(rounds * vectors * hn::Lanes(tag));
}

}  // namespace HWY_NAMESPACE
}  // namespace lodestein::bench
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include <omp.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "bench/gpu_limits.hpp"
#include "kernels/operations.hpp"

namespace lodestein::bench {

HWY_EXPORT(multiply_add_float);
HWY_EXPORT(multiply_add_double);
HWY_EXPORT(exponentials);

namespace {

constexpr int repeats = 8;
constexpr std::size_t rounds = 1 << 16;         // about a millisecond
constexpr std::size_t copy_bytes = 256u << 20;  // beyond most caches

// Sum over the threads of each one's best rate, so that a moment in which another program had the
// core doesn't count. `work` does the share of thread t and returns how much that was.
template <class Work>
double best_rate(int threads, const Work& work) {
  double total = 0.0;
#pragma omp parallel num_threads(threads) reduction(+ : total)
  {
    double best = 0.0;
    for (int repeat = 0; repeat < repeats; ++repeat) {
      const double start = omp_get_wtime();
      const double done = work(omp_get_thread_num());
      best = std::max(best, done / (omp_get_wtime() - start));
    }
    total += best;
  }
  return total;
}

double copy_rate(int threads) {
  static const auto from = std::make_unique<unsigned char[]>(copy_bytes);
  static const auto to = std::make_unique<unsigned char[]>(copy_bytes);
  const auto count = static_cast<std::size_t>(threads);
  return best_rate(threads, [&](int thread) {
    const auto t = static_cast<std::size_t>(thread);
    const std::size_t first = copy_bytes * t / count, last = copy_bytes * (t + 1) / count;
    std::memcpy(to.get() + first, from.get() + first, last - first);
    return 2.0 * static_cast<double>(last - first);
  });
}

void raise(double& best, double rate) { best = std::max(best, rate); }

Limits measure_host(int threads) {
  Limits limits;
  limits.fp32 = best_rate(threads, [](int) {
    float sink;
    return 2.0 * HWY_DYNAMIC_DISPATCH(multiply_add_float)(rounds, &sink);
  });
  limits.fp64 = best_rate(threads, [](int) {
    double sink;
    return 2.0 * HWY_DYNAMIC_DISPATCH(multiply_add_double)(rounds, &sink);
  });
  limits.exponentials = best_rate(threads, [](int) {
    float sink;
    return HWY_DYNAMIC_DISPATCH(exponentials)(rounds, &sink);
  });
  limits.bytes = copy_rate(threads);
  return limits;
}

Limits measure(const Backend& backend) {
#ifdef LODESTEIN_WITH_CUDA
  if (backend.name() == "cuda")
    return cuda::measure_gpu_limits(backend.operations().memory(), {1u << 15, 512u << 20});
#endif
#ifdef LODESTEIN_WITH_SIMT
  if (backend.name() == "simt")
    return simt::measure_gpu_limits(backend.operations().memory(), {64, 1u << 20});
#endif
  return measure_host(backend.threads());
}

}  // namespace

Limits measure_limits(const Backend& backend) {
  static std::map<std::pair<std::string, int>, Limits> seen;
  Limits& best = seen[{backend.name(), backend.threads()}];
  const Limits fresh = measure(backend);
  raise(best.fp32, fresh.fp32);
  raise(best.fp64, fresh.fp64);
  raise(best.exponentials, fresh.exponentials);
  raise(best.bytes, fresh.bytes);
  best.one_pipeline = fresh.one_pipeline;
  return best;
}

}  // namespace lodestein::bench

#endif  // HWY_ONCE
