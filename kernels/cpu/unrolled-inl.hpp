// Loops unrolled early, included once per instruction set (no include guard but Highway's).
#if defined(LODESTEIN_CPU_UNROLLED_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef LODESTEIN_CPU_UNROLLED_INL_HPP
#undef LODESTEIN_CPU_UNROLLED_INL_HPP
#else
#define LODESTEIN_CPU_UNROLLED_INL_HPP
#endif

#include <cstddef>
#include <type_traits>
#include <utility>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace lodestein::kernels::cpu {
namespace HWY_NAMESPACE {

/// Calls f with std::integral_constant 0, ..., N - 1. The compiler's own unrolling comes too late
/// to keep an array in registers.
template <std::size_t N, class F>
HWY_INLINE void unrolled(const F& f) {
  [&]<std::size_t... I>(std::index_sequence<I...>) HWY_ATTR {
    (f(std::integral_constant<std::size_t, I>()), ...);
  }
  (std::make_index_sequence<N>());
}

}  // namespace HWY_NAMESPACE
}  // namespace lodestein::kernels::cpu
HWY_AFTER_NAMESPACE();

#endif
