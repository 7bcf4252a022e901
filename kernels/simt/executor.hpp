// simt.hpp - run CUDA __global__ functions on the CPU: one fiber per CUDA thread, one OS thread per
// running block. Fibers switch only at __syncthreads / warp collectives / thread exit, and never
// migrate between OS threads. Works with plain, ASan(+UBSan) and TSan builds (g++ or clang++).
#pragma once
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <boost/context/detail/fcontext.hpp>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>
#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define SIMT_ASAN 1
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define SIMT_TSAN 1
#include <sanitizer/tsan_interface.h>
extern "C" {
void AnnotateIgnoreReadsBegin(const char*, int);
void AnnotateIgnoreReadsEnd(const char*, int);
void AnnotateIgnoreWritesBegin(const char*, int);
void AnnotateIgnoreWritesEnd(const char*, int);
}
#define SIMT_NOTSAN __attribute__((no_sanitize_thread, noinline))
#else
#define SIMT_NOTSAN
#endif

// ---------------------------------------------------------------- language surface
#define __global__
#define __device__
#define __host__
#define __constant__ static
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))
#ifdef SIMT_SHARED_PLAIN  // one worker OS thread only: lets ASan put redzones round the arrays
#define __shared__ static
#else
#define __shared__ static thread_local
#endif
struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned a = 1, unsigned b = 1, unsigned c = 1) : x(a), y(b), z(c) {}
};
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
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(16) double2 {
  double x, y;
};
inline float2 make_float2(float a, float b) { return {a, b}; }
inline float4 make_float4(float a, float b, float c, float d) { return {a, b, c, d}; }
inline double2 make_double2(double a, double b) { return {a, b}; }

namespace simt {
namespace ctx = boost::context::detail;
struct error : std::runtime_error {
  using std::runtime_error::runtime_error;
};
enum class order { seq, rev, random };
struct config {
  order ord = order::seq;  // order in which ready CUDA threads are resumed between two barriers
  unsigned seed = 1;
  int workers = 1;              // OS threads; blocks are dealt round robin
  bool strict_exit = true;      // report threads that returned while others wait at a barrier
  unsigned char poison = 0xFF;  // dynamic shared memory starts as this (0xFF.. = NaN)
  size_t stack = 256 * 1024;
};
inline config& cfg() {
  static config c;
  return c;
}
struct stats_t {
  std::atomic<uint64_t> switches{0}, barriers{0}, collectives{0}, threads{0}, blocks{0};
};
inline stats_t& stats() {
  static stats_t s;
  return s;
}

enum class op : uint8_t {
  none,
  shfl,
  shfl_up,
  shfl_down,
  shfl_xor,
  ballot,
  any,
  all,
  sync,
  red_add,
  red_max,
  red_min,
  match
};
enum class st : uint8_t { ready, barrier, warp, done };
struct block;
struct fiber {
  ctx::fcontext_t fc{};
  block* b = nullptr;
  void* stk = nullptr;
  size_t stk_sz = 0;
  uint3 tid{};
  unsigned lin = 0, lane = 0, warp = 0;
  st state = st::done;
  const char* file = "";
  int line = 0;                    // where it is parked
  unsigned n_bar = 0, n_warp = 0;  // parity: a fast thread must not release the slow one's barrier
  int bar_kind = 0, bar_pred = 0;  // __syncthreads_count/and/or
  op o = op::none;
  unsigned mask = 0;
  int arg = 0, width = 32;
  uint64_t in = 0, out = 0;  // warp collective
#ifdef SIMT_TSAN
  void* tf = nullptr;
#endif
  void* fake = nullptr;
};
inline thread_local fiber* self = nullptr;  // the CUDA thread now running on this OS thread
inline SIMT_NOTSAN fiber* cur() { return self; }
struct quiet {  // the shim's own bookkeeping is not the kernel's: TSan ignores it
#ifdef SIMT_TSAN
  quiet() {
    AnnotateIgnoreReadsBegin("", 0);
    AnnotateIgnoreWritesBegin("", 0);
  }
  ~quiet() {
    AnnotateIgnoreWritesEnd("", 0);
    AnnotateIgnoreReadsEnd("", 0);
  }
#else
  quiet() {}
  ~quiet() {}
#endif
};

struct block {
  std::vector<std::unique_ptr<fiber>> f;
  std::vector<unsigned> ord;
  ctx::fcontext_t sched{};
  uint3 bid{};
  dim3 bd, gd;
  std::vector<char> dyn_;
  char* dyn = nullptr;
  size_t dyn_sz = 0;
  void (*entry)(void*) = nullptr;
  void* entry_arg = nullptr;
  std::exception_ptr exc;
  std::mt19937 rng;
  int bar_result = 0;
  void* sched_fake = nullptr;
  const void* sched_bottom = nullptr;
  size_t sched_size = 0;
  char tsan_launch = 0, tsan_end = 0, tsan_bar[2] = {},
       tsan_warp[2][32] = {};  // addresses that carry happens-before
#ifdef SIMT_TSAN
  void* sched_tf = nullptr;
#endif
  ~block() {
    for (auto& p : f) {
      munmap(p->stk, p->stk_sz);
#ifdef SIMT_TSAN
      if (p->tf) __tsan_destroy_fiber(p->tf);
#endif
    }
  }
};
inline void hb_release(void* p) {
#ifdef SIMT_TSAN
  __tsan_release(p);
#endif
  (void)p;
}
inline void hb_acquire(void* p) {
#ifdef SIMT_TSAN
  __tsan_acquire(p);
#endif
  (void)p;
}

inline SIMT_NOTSAN void to_sched() {  // fiber -> scheduler
  fiber* me = self;
  block* b = me->b;
#ifdef SIMT_ASAN
  __sanitizer_start_switch_fiber(&me->fake, b->sched_bottom, b->sched_size);
#endif
#ifdef SIMT_TSAN
  __tsan_switch_to_fiber(b->sched_tf, 1 /*no sync*/);
#endif
  b->sched = ctx::jump_fcontext(b->sched, nullptr).fctx;
#ifdef SIMT_ASAN
  __sanitizer_finish_switch_fiber(me->fake, &b->sched_bottom, &b->sched_size);
#endif
}
inline SIMT_NOTSAN void fiber_main(ctx::transfer_t t) {
  fiber* me = static_cast<fiber*>(t.data);
  block* b = me->b;
  b->sched = t.fctx;
#ifdef SIMT_ASAN
  __sanitizer_finish_switch_fiber(nullptr, &b->sched_bottom, &b->sched_size);
#endif
  for (;;) {  // reused for every block this pool runs
    hb_acquire(&b->tsan_launch);
    try {
      b->entry(b->entry_arg);
    } catch (...) {
      quiet q_;
      b->exc = std::current_exception();
    }
    hb_release(&b->tsan_end);
    me->state = st::done;
    to_sched();
  }
}
inline void resume(fiber* f) {  // scheduler -> fiber
  block* b = f->b;
  (void)b;
  self = f;
#ifdef SIMT_ASAN
  __sanitizer_start_switch_fiber(&b->sched_fake, f->stk, f->stk_sz);
#endif
#ifdef SIMT_TSAN
  __tsan_switch_to_fiber(f->tf, 1);
#endif
  f->fc = ctx::jump_fcontext(f->fc, f).fctx;
#ifdef SIMT_ASAN
  __sanitizer_finish_switch_fiber(b->sched_fake, nullptr, nullptr);
#endif
  self = nullptr;
}
inline std::string where(const fiber& f) {
  return "thread (" + std::to_string(f.tid.x) + "," + std::to_string(f.tid.y) + "," +
         std::to_string(f.tid.z) + ") " +
         (f.state == st::done ? std::string("has returned")
                              : std::string(f.state == st::barrier ? "waits at __syncthreads "
                                                                   : "waits at warp op ") +
                                    f.file + ":" + std::to_string(f.line));
}
[[noreturn]] inline void fail(const block& b, const std::string& m) {
  throw error("simt: block (" + std::to_string(b.bid.x) + "," + std::to_string(b.bid.y) + "," +
              std::to_string(b.bid.z) + "): " + m);
}
// --- warp collective: the last lane of the mask to arrive computes everybody's result
inline float asf(uint64_t v) {
  float f;
  uint32_t u = uint32_t(v);
  memcpy(&f, &u, 4);
  return f;
}
inline uint64_t collective(op o, unsigned mask, uint64_t v, int arg, int width, const char* file,
                           int line) {
  quiet q_;
  fiber* me = self;
  block* b = me->b;
  unsigned w0 = me->warp * 32, n = unsigned(b->f.size());
  if (w0 + 32 > n) {
    unsigned valid = (n - w0 >= 32) ? ~0u : ((1u << (n - w0)) - 1);
    mask &= valid;
  }
  if (!(mask >> me->lane & 1))
    fail(*b, "lane " + std::to_string(me->lane) +
                 " calls a warp op with a mask that lacks itself, " + file + ":" +
                 std::to_string(line));
  me->o = o;
  me->mask = mask;
  me->in = v;
  me->arg = arg;
  me->width = width;
  me->file = file;
  me->line = line;
  me->state = st::warp;
  char* s = &b->tsan_warp[me->n_warp++ & 1][me->warp];
  hb_release(s);
  unsigned here = 0;
  for (unsigned l = 0; l < 32; ++l)
    if (mask >> l & 1) {
      fiber& g = *b->f[w0 + l];
      if (g.state == st::warp && g.mask == mask) here |= 1u << l;
    }
  if (here != mask)
    to_sched();
  else {
    uint64_t acc = 0;
    bool first = true;
    for (unsigned l = 0; l < 32; ++l)
      if (mask >> l & 1) {
        fiber& g = *b->f[w0 + l];
        if (g.line != line || g.o != o || strcmp(g.file, file))
          fail(*b, "warp op mismatch: " + where(g) + " but " + where(*me));
        switch (o) {
          case op::ballot:
          case op::any:
          case op::all:
            if (g.in) acc |= 1u << l;
            break;
          case op::red_add:
            acc = uint32_t(acc + g.in);
            break;
          case op::red_max:
            acc = first ? g.in : uint64_t(std::max(int64_t(acc), int64_t(g.in)));
            break;
          case op::red_min:
            acc = first ? g.in : uint64_t(std::min(int64_t(acc), int64_t(g.in)));
            break;
          default:
            break;
        }
        first = false;
      }
    for (unsigned l = 0; l < 32; ++l)
      if (mask >> l & 1) {
        fiber& g = *b->f[w0 + l];
        int W = g.width, base = int(l) / W * W, src = int(l);
        switch (o) {
          case op::shfl:
            src = base + (g.arg & (W - 1));
            break;
          case op::shfl_up:
            src = int(l) - g.arg;
            if (src < base) src = int(l);
            break;
          case op::shfl_down:
            src = int(l) + g.arg;
            if (src >= base + W) src = int(l);
            break;
          case op::shfl_xor:
            src = int(l) ^ g.arg;
            if (src >= base + W) src = int(l);
            break;
          default:
            break;
        }
        switch (o) {
          case op::shfl:
          case op::shfl_up:
          case op::shfl_down:
          case op::shfl_xor:
            g.out = (mask >> src & 1) ? b->f[w0 + unsigned(src)]->in : 0x7ff7dead7fffdeadull;
            break;  // reading an inactive lane: NaN
          case op::any:
            g.out = acc != 0;
            break;
          case op::all:
            g.out = acc == mask;
            break;
          case op::match: {
            unsigned m = 0;
            for (unsigned k = 0; k < 32; ++k)
              if ((mask >> k & 1) && b->f[w0 + k]->in == g.in) m |= 1u << k;
            g.out = m;
            break;
          }
          default:
            g.out = acc;
        }
        g.state = st::ready;
      }
    stats().collectives.fetch_add(1, std::memory_order_relaxed);
  }
  hb_acquire(s);
  return me->out;
}
inline int barrier(int kind, int pred, const char* file, int line) {
  quiet q_;
  fiber* me = self;
  block* b = me->b;
  me->state = st::barrier;
  me->file = file;
  me->line = line;
  me->bar_kind = kind;
  me->bar_pred = pred;
  char* s = &b->tsan_bar[me->n_bar++ & 1];
  hb_release(s);
  to_sched();
  hb_acquire(s);
  return b->bar_result;
}
inline void run_block(block& b, uint3 bid) {
  quiet q_;
  b.bid = bid;
  b.exc = nullptr;
  if (b.dyn_sz) memset(b.dyn, cfg().poison, b.dyn_sz);
  for (auto& p : b.f) p->state = st::ready;
  auto shuffle = [&] {
    if (cfg().ord == order::random) std::shuffle(b.ord.begin(), b.ord.end(), b.rng);
  };
  uint64_t sw = 0, bars = 0;
  shuffle();
  for (;;) {
    bool ran = false;
    for (unsigned i : b.ord)
      if (b.f[i]->state == st::ready) {
        resume(b.f[i].get());
        ++sw;
        ran = true;
        if (b.exc) std::rethrow_exception(b.exc);
      }
    if (ran) {
      shuffle();
      continue;
    }
    fiber *at = nullptr, *other = nullptr;
    int cnt = 0, all = 1, any = 0;
    bool live = false;
    for (auto& p : b.f) {
      if (p->state != st::done) live = true;
      if (p->state == st::barrier && !at) at = p.get();
    }
    if (!live) break;
    for (auto& p : b.f) {
      if (p->state == st::done && !cfg().strict_exit && at) continue;
      if (p->state != st::barrier || (at && (p->line != at->line || strcmp(p->file, at->file)))) {
        if (!other && p.get() != at) other = p.get();
        continue;
      }
      cnt += p->bar_pred != 0;
      all &= p->bar_pred != 0;
      any |= p->bar_pred != 0;
    }
    if (!at)
      for (auto& p : b.f)
        if (p->state == st::warp) {
          at = p.get();
          for (auto& q : b.f)
            if (q->warp == at->warp && (at->mask >> q->lane & 1) && q->state != st::warp)
              other = q.get();
          break;
        }
    if (other) fail(b, "divergence/deadlock: " + where(*at) + ", but " + where(*other));
    b.bar_result = at->bar_kind == 1 ? cnt : at->bar_kind == 2 ? all : any;
    ++bars;
    for (auto& p : b.f)
      if (p->state == st::barrier) p->state = st::ready;
  }
  stats().switches += sw;
  stats().barriers += bars;
  stats().blocks += 1;
  stats().threads += b.f.size();
}
template <class F>
void launch_fn(dim3 g, dim3 bd, size_t smem, F&& body) {
  unsigned n = bd.x * bd.y * bd.z;
  uint64_t nb = uint64_t(g.x) * g.y * g.z;
  if (n == 0 || n > 1024 || nb == 0) throw error("simt: bad launch configuration");
  if (smem > 227 * 1024) throw error("simt: dynamic shared memory over 227 KiB");
  int W = int(std::min<uint64_t>(uint64_t(std::max(1, cfg().workers)), nb));
  std::exception_ptr first;
  char launch_hb = 0, end_hb = 0;
  hb_release(&launch_hb);
  auto worker = [&](int wi) {
    std::vector<std::unique_ptr<block>> pool;
    for (int k = 0; k < 1; ++k) {
      auto b = std::make_unique<block>();
      b->bd = bd;
      b->gd = g;
      b->rng.seed(cfg().seed * 7919u + unsigned(wi * 131 + k));
      b->dyn_sz = smem;
      b->dyn_.resize(smem + 256);
      b->dyn = reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(b->dyn_.data()) + 127) &
                                       ~uintptr_t(127));
#ifdef SIMT_ASAN
      size_t tail = size_t(b->dyn_.data() + b->dyn_.size() - (b->dyn + smem));
      ASAN_POISON_MEMORY_REGION(b->dyn + smem, tail);
#endif
      b->entry = [](void* p) { (*static_cast<std::remove_reference_t<F>*>(p))(); };
      b->entry_arg = const_cast<void*>(static_cast<const void*>(&body));
#ifdef SIMT_TSAN
      b->sched_tf = __tsan_get_current_fiber();
#endif
      for (unsigned i = 0; i < n; ++i) {
        auto f = std::make_unique<fiber>();
        f->b = b.get();
        f->lin = i;
        f->lane = i & 31;
        f->warp = i / 32;
        f->tid = {i % bd.x, i / bd.x % bd.y, i / (bd.x * bd.y)};
        f->stk_sz = cfg().stack;
        f->stk = mmap(nullptr, f->stk_sz, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (f->stk == MAP_FAILED) throw error("simt: mmap of a fiber stack failed");
        f->fc = ctx::make_fcontext(static_cast<char*>(f->stk) + f->stk_sz, f->stk_sz, fiber_main);
#ifdef SIMT_TSAN
        f->tf = __tsan_create_fiber(0);
#endif
        b->ord.push_back(cfg().ord == order::rev ? n - 1 - i : i);
        b->f.push_back(std::move(f));
      }
      pool.push_back(std::move(b));
    }
    hb_acquire(&launch_hb);
    try {
      uint64_t k = 0;
      for (uint64_t i = uint64_t(wi); i < nb; i += uint64_t(W), ++k) {
        block& b = *pool[k % pool.size()];
        hb_release(&b.tsan_launch);
        run_block(
            b, {unsigned(i % g.x), unsigned(i / g.x % g.y), unsigned(i / (uint64_t(g.x) * g.y))});
        hb_acquire(&b.tsan_end);
      }
    } catch (...) {
      first = std::current_exception();
    }
#ifdef SIMT_ASAN
    for (auto& b : pool) ASAN_UNPOISON_MEMORY_REGION(b->dyn_.data(), b->dyn_.size());
#endif
    hb_release(&end_hb);
  };
  if (W == 1)
    worker(0);
  else {
    std::vector<std::thread> t;
    for (int i = 0; i < W; ++i) t.emplace_back(worker, i);
    for (auto& x : t) x.join();
  }
  hb_acquire(&end_hb);
  if (first) std::rethrow_exception(first);
}
}  // namespace simt

#define threadIdx (::simt::cur()->tid)
#define blockIdx (::simt::cur()->b->bid)
#define blockDim (::simt::cur()->b->bd)
#define gridDim (::simt::cur()->b->gd)
constexpr int warpSize = 32;
#define SIMT_AT const char *file = __builtin_FILE(), int line = __builtin_LINE()
inline void __syncthreads(SIMT_AT) { simt::barrier(0, 0, file, line); }
inline int __syncthreads_count(int p, SIMT_AT) { return simt::barrier(1, p, file, line); }
inline int __syncthreads_and(int p, SIMT_AT) { return simt::barrier(2, p, file, line); }
inline int __syncthreads_or(int p, SIMT_AT) { return simt::barrier(3, p, file, line); }
inline void __syncwarp(unsigned m = ~0u, SIMT_AT) {
  simt::collective(simt::op::sync, m, 0, 0, 32, file, line);
}
namespace simt {
template <class T>
T shf(op o, unsigned m, T v, int a, int w, const char* f, int l) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8);
  uint64_t u = 0;
  memcpy(&u, &v, sizeof v);
  u = collective(o, m, u, a, w, f, l);
  memcpy(&v, &u, sizeof v);
  return v;
}
}  // namespace simt
template <class T>
T __shfl_sync(unsigned m, T v, int a, int w = 32, SIMT_AT) {
  return simt::shf(simt::op::shfl, m, v, a, w, file, line);
}
template <class T>
T __shfl_up_sync(unsigned m, T v, unsigned a, int w = 32, SIMT_AT) {
  return simt::shf(simt::op::shfl_up, m, v, int(a), w, file, line);
}
template <class T>
T __shfl_down_sync(unsigned m, T v, unsigned a, int w = 32, SIMT_AT) {
  return simt::shf(simt::op::shfl_down, m, v, int(a), w, file, line);
}
template <class T>
T __shfl_xor_sync(unsigned m, T v, int a, int w = 32, SIMT_AT) {
  return simt::shf(simt::op::shfl_xor, m, v, a, w, file, line);
}
inline unsigned __ballot_sync(unsigned m, int p, SIMT_AT) {
  return unsigned(simt::collective(simt::op::ballot, m, p != 0, 0, 32, file, line));
}
inline int __any_sync(unsigned m, int p, SIMT_AT) {
  return int(simt::collective(simt::op::any, m, p != 0, 0, 32, file, line));
}
inline int __all_sync(unsigned m, int p, SIMT_AT) {
  return int(simt::collective(simt::op::all, m, p != 0, 0, 32, file, line));
}
template <class T>
unsigned __match_any_sync(unsigned m, T v, SIMT_AT) {
  uint64_t u = 0;
  memcpy(&u, &v, sizeof v);
  return unsigned(simt::collective(simt::op::match, m, u, 0, 32, file, line));
}
inline unsigned __reduce_add_sync(unsigned m, unsigned v, SIMT_AT) {
  return unsigned(simt::collective(simt::op::red_add, m, v, 0, 32, file, line));
}
// memory + atomics (relaxed, device scope; TSan sees them as atomics)
template <class T>
T __ldg(const T* p) {
  return *p;
}
template <class T>
T __ldcs(const T* p) {
  return *p;
}
inline void __threadfence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
inline void __threadfence_block() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
namespace simt {
template <class T, class F>
T rmw(T* p, F f) {
  T o;
  __atomic_load(p, &o, __ATOMIC_RELAXED);
  T n = f(o);
  while (!__atomic_compare_exchange(p, &o, &n, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) n = f(o);
  return o;
}
}  // namespace simt
template <class T>
T atomicAdd(T* p, std::common_type_t<T> v) {
  return simt::rmw(p, [&](T o) { return T(o + v); });
}
template <class T>
T atomicMax(T* p, std::common_type_t<T> v) {
  return simt::rmw(p, [&](T o) { return o > v ? o : v; });
}
template <class T>
T atomicMin(T* p, std::common_type_t<T> v) {
  return simt::rmw(p, [&](T o) { return o < v ? o : v; });
}
template <class T>
T atomicExch(T* p, std::common_type_t<T> v) {
  return simt::rmw(p, [&](T) { return v; });
}
template <class T>
T atomicCAS(T* p, std::common_type_t<T> c, std::common_type_t<T> v) {
  return simt::rmw(p, [&](T o) { return o == c ? v : o; });
}
// math intrinsics
inline float __expf(float x) { return expf(x); }
inline float __logf(float x) { return logf(x); }
inline float __fdividef(float a, float b) { return a / b; }
inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
inline int __popc(unsigned v) { return __builtin_popcount(v); }
inline int __ffs(int v) { return __builtin_ffs(v); }
inline int __clz(int v) { return v ? __builtin_clz(unsigned(v)) : 32; }
inline int __float_as_int(float f) {
  int i;
  memcpy(&i, &f, 4);
  return i;
}
inline float __int_as_float(int i) {
  float f;
  memcpy(&f, &i, 4);
  return f;
}
using std::max;
using std::min;
// dynamic shared memory and launch (the two spellings that differ from nvcc)
#define DYN_SHARED(T, name) T* name = reinterpret_cast<T*>(::simt::cur()->b->dyn)
using cudaStream_t = void*;
namespace gpu {
template <class... P, class... A>
void launch(void (*k)(P...), dim3 g, dim3 b, size_t sm, cudaStream_t, A... a) {
  std::tuple<P...> args(static_cast<P>(a)...);
  simt::launch_fn(g, b, sm, [&] { std::apply(k, args); });
}
}  // namespace gpu
