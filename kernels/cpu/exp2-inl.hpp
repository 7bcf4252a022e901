// exp2 of vectors of float, included once per instruction set (no include guard but Highway's).
#if defined(LODESTEIN_CPU_EXP2_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef LODESTEIN_CPU_EXP2_INL_HPP
#undef LODESTEIN_CPU_EXP2_INL_HPP
#else
#define LODESTEIN_CPU_EXP2_INL_HPP
#endif

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace lodestein::kernels::cpu {
namespace HWY_NAMESPACE {

/// 2^x for x <= 0 within 1.7e-7 of it, 1 for 0; below -126 it stays at 2^-126.
template <class Tag, class Vec = hwy::HWY_NAMESPACE::Vec<Tag>>
HWY_INLINE Vec exp2_of_negative(Tag tag, Vec x) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::RebindToSigned<Tag> integers;
  x = hn::Max(x, hn::Set(tag, -126.0f));
  // Adding 1.5 * 2^23 rounds to an integer, which is then in the low bits.
  const auto shift = hn::Set(tag, 12582912.0f);
  const auto shifted = hn::Add(x, shift);
  const auto fraction = hn::Sub(x, hn::Sub(shifted, shift));
  // Minimax in relative error on [-1/2, 1/2] among polynomials that are 1 at 0: 9.2e-8.
  auto p = hn::Set(tag, 0.00132647273f);
  p = hn::MulAdd(p, fraction, hn::Set(tag, 0.00967151299f));
  p = hn::MulAdd(p, fraction, hn::Set(tag, 0.0555073358f));
  p = hn::MulAdd(p, fraction, hn::Set(tag, 0.240222424f));
  p = hn::MulAdd(p, fraction, hn::Set(tag, 0.693147004f));
  p = hn::MulAdd(p, fraction, hn::Set(tag, 1.0f));
  const auto exponent = hn::ShiftLeft<23>(hn::BitCast(integers, shifted));
  return hn::BitCast(tag, hn::Add(hn::BitCast(integers, p), exponent));
}

}  // namespace HWY_NAMESPACE
}  // namespace lodestein::kernels::cpu
HWY_AFTER_NAMESPACE();

#endif
