// cos of vectors of float, included once per instruction set (no include guard but Highway's).
#if defined(LODESTEIN_CPU_COSINE_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef LODESTEIN_CPU_COSINE_INL_HPP
#undef LODESTEIN_CPU_COSINE_INL_HPP
#else
#define LODESTEIN_CPU_COSINE_INL_HPP
#endif

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace lodestein::kernels::cpu {
namespace HWY_NAMESPACE {

/// cos(r + quadrant pi / 2) for |r| <= pi / 4 within 1e-7 (the polynomials of Cephes' sinf, cosf).
template <class Tag, class Vec = hwy::HWY_NAMESPACE::Vec<Tag>, class Integers>
HWY_INLINE Vec cosine_of_reduced(Tag tag, Vec r, Integers quadrant) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::RebindToSigned<Tag> integers;
  const Vec square = hn::Mul(r, r);
  Vec sine = hn::Set(tag, -1.9515295891e-4f);
  sine = hn::MulAdd(sine, square, hn::Set(tag, 8.3321608736e-3f));
  sine = hn::MulAdd(sine, square, hn::Set(tag, -1.6666654611e-1f));
  sine = hn::MulAdd(hn::Mul(sine, square), r, r);
  Vec cosine = hn::Set(tag, 2.443315711809948e-5f);
  cosine = hn::MulAdd(cosine, square, hn::Set(tag, -1.388731625493765e-3f));
  cosine = hn::MulAdd(cosine, square, hn::Set(tag, 4.166664568298827e-2f));
  cosine = hn::MulAdd(hn::Mul(cosine, square), square,
                      hn::NegMulAdd(hn::Set(tag, 0.5f), square, hn::Set(tag, 1.0f)));
  // cos r, -sin r, -cos r, sin r: quadrants 1 and 2 are negative.
  const auto one = hn::Set(integers, 1);
  const auto odd = hn::RebindMask(tag, hn::Eq(hn::And(quadrant, one), one));
  const auto sign = hn::ShiftLeft<30>(hn::And(hn::Add(quadrant, one), hn::Set(integers, 2)));
  return hn::Xor(hn::IfThenElse(odd, sine, cosine), hn::BitCast(tag, sign));
}

}  // namespace HWY_NAMESPACE
}  // namespace lodestein::kernels::cpu
HWY_AFTER_NAMESPACE();

#endif
