// Compiled once per vector instruction set by Highway's foreach_target.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/slices.cpp"
#include "kernels/cpu/slices.hpp"

#include <algorithm>

#include "hwy/foreach_target.h"  // must come before highway.h
#include "hwy/highway.h"
#include "kernels/cpu/cosine-inl.hpp"
#include "kernels/training_draws.hpp"

HWY_BEFORE_NAMESPACE();
namespace lodestein::kernels::cpu::slices {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::ScalableTag<float>;
using Vec = hn::Vec<Tag>;
using Words = hn::ScalableTag<std::uint32_t>;
using Word = hn::Vec<Words>;
constexpr Tag tag;
constexpr Words words;

struct Product {
  Word low, high;
};
HWY_INLINE Product multiply(Word a, std::uint32_t factor) {
#if HWY_TARGET == HWY_SCALAR
  const std::uint64_t product = std::uint64_t{factor} * hn::GetLane(a);
  return {hn::Set(words, static_cast<std::uint32_t>(product)),
          hn::Set(words, static_cast<std::uint32_t>(product >> 32))};
#else
  const hn::RepartitionToWide<Words> wide;
  const Word f = hn::Set(words, factor);
  const auto even = hn::MulEven(a, f);
  const auto odd = hn::MulEven(hn::BitCast(words, hn::ShiftRight<32>(hn::BitCast(wide, a))), f);
  return {hn::OddEven(hn::BitCast(words, hn::ShiftLeft<32>(odd)), hn::BitCast(words, even)),
          hn::OddEven(hn::BitCast(words, odd), hn::BitCast(words, hn::ShiftRight<32>(even)))};
#endif
}

// The blocks of as many samples as there are lanes.
struct Blocks {
  Word w0, w1, w2, w3;
};
HWY_INLINE Blocks philox(Blocks c, PhiloxKey key) {
  for (int round = 0; round < 10; ++round) {
    const Product a = multiply(c.w0, 0xd2511f53u), b = multiply(c.w2, 0xcd9e8d57u);
    c = {hn::Xor(hn::Xor(b.high, c.w1), hn::Set(words, key.word[0])), b.low,
         hn::Xor(hn::Xor(a.high, c.w3), hn::Set(words, key.word[1])), a.low};
    key.word[0] += 0x9e3779b9u;
    key.word[1] += 0xbb67ae85u;
  }
  return c;
}

// log x for x in [2^-25, 1): Cephes' logf, within 2 ulp. x = 2^e m, m in [sqrt(1/2), sqrt(2)).
HWY_INLINE Vec logarithm(Vec x) {
  const hn::RebindToSigned<Tag> integers;
  const auto bits = hn::BitCast(integers, x);
  const auto root = hn::Set(integers, 0x3f3504f3);  // of 1/2
  const auto e = hn::ShiftRight<23>(hn::Sub(bits, root));
  const Vec m = hn::BitCast(tag, hn::Sub(bits, hn::ShiftLeft<23>(e)));
  const Vec r = hn::Sub(m, hn::Set(tag, 1.0f)), square = hn::Mul(r, r);
  Vec series = hn::Set(tag, 7.0376836292e-2f);
  for (const float c : {-1.1514610310e-1f, 1.1676998740e-1f, -1.2420140846e-1f, 1.4249322787e-1f,
                        -1.6668057665e-1f, 2.0000714765e-1f, -2.4999993993e-1f, 3.3333331174e-1f})
    series = hn::MulAdd(series, r, hn::Set(tag, c));
  const Vec exponent = hn::ConvertTo(tag, e);
  series = hn::Mul(hn::Mul(series, r), square);
  series = hn::MulAdd(exponent, hn::Set(tag, -2.12194440e-4f), series);
  series = hn::NegMulAdd(hn::Set(tag, 0.5f), square, series);
  return hn::MulAdd(exponent, hn::Set(tag, 0.693359375f), hn::Add(r, series));
}

// cos(2 pi t + quarters pi / 2) of t in [0, 1), a multiple of 2^-24: the reduction is exact.
HWY_INLINE Vec turn_cosine(Vec t, std::int32_t quarters) {
  const hn::RebindToSigned<Tag> integers;
  const Vec nearest = hn::Round(hn::Mul(t, hn::Set(tag, 4.0f)));
  const Vec r = hn::Mul(hn::NegMulAdd(nearest, hn::Set(tag, 0.25f), t), hn::Set(tag, 6.28318531f));
  const auto quadrant = hn::Add(hn::ConvertTo(integers, nearest), hn::Set(integers, quarters));
  return cpu::HWY_NAMESPACE::cosine_of_reduced(tag, r, quadrant);
}

// Box-Muller on a pair of words.
HWY_INLINE void normals(Word a, Word b, float* even, float* odd) {
  const hn::RebindToSigned<Tag> integers;
  const auto unit = [&](Word w) HWY_ATTR {  // 24 bits
    return hn::ConvertTo(tag, hn::BitCast(integers, hn::ShiftRight<8>(w)));
  };
  const Vec first = hn::Mul(hn::Add(unit(a), hn::Set(tag, 0.5f)), hn::Set(tag, 0x1p-24f));
  const Vec turn = hn::Mul(unit(b), hn::Set(tag, 0x1p-24f));
  const Vec radius = hn::Sqrt(hn::Mul(hn::Set(tag, -2.0f), logarithm(first)));
  hn::StoreU(hn::Mul(radius, turn_cosine(turn, 0)), tag, even);
  hn::StoreU(hn::Mul(radius, turn_cosine(turn, 3)), tag, odd);  // cos(x - pi / 2) = sin x
}

constexpr std::uint32_t most_lanes = HWY_MAX_BYTES / sizeof(float);

void store_normals(const Blocks& blocks, std::uint32_t lanes, std::uint32_t count,
                   const SliceDraw& draw, float* to) {
  float entries[4][most_lanes] = {};
  normals(blocks.w0, blocks.w1, entries[0], entries[1]);
  normals(blocks.w2, blocks.w3, entries[2], entries[3]);
  for (std::uint32_t i = 0; i < lanes; ++i, to += draw.stride)
    for (std::uint32_t e = 0; e < count; ++e) to[e] = entries[e][i];
}

void store_signs(const Blocks& blocks, std::uint32_t lanes, std::uint32_t count,
                 const SliceDraw& draw, float* to) {
  std::uint32_t entries[4][most_lanes] = {};
  hn::StoreU(blocks.w0, words, entries[0]);
  hn::StoreU(blocks.w1, words, entries[1]);
  hn::StoreU(blocks.w2, words, entries[2]);
  hn::StoreU(blocks.w3, words, entries[3]);
  for (std::uint32_t i = 0; i < lanes; ++i, to += draw.stride) {
    for (std::uint32_t e = 0; e < count; ++e)
      to[e] = (entries[e / 32][i] >> (e % 32) & 1u) != 0 ? 1.0f : -1.0f;
  }
}

void draw_slice(const SliceDraw& draw) {
  const std::uint32_t group = slice_group(draw.law), groups = (draw.inputs + group - 1) / group;
  const auto lanes = static_cast<std::uint32_t>(hn::Lanes(tag));
  std::fill_n(draw.to, std::size_t{draw.rows} * draw.stride, 0.0f);
  for (std::uint32_t i = 0; i < draw.rows; i += lanes) {
    const auto sample = static_cast<std::uint32_t>(draw.first + i);
    for (std::uint32_t g = 0; g < groups; ++g) {
      const Blocks blocks =
          philox({hn::Set(words, draw.slice * groups + g), hn::Iota(words, sample), hn::Zero(words),
                  hn::Set(words, draw.step)},
                 draw.key);
      const std::uint32_t count = std::min(group, draw.inputs - g * group);
      const std::uint32_t used = std::min(lanes, draw.rows - i);
      float* to = draw.to + i * draw.stride + g * group;
      if (draw.law == SliceLaw::gaussian) {
        store_normals(blocks, used, count, draw, to);
      } else {
        store_signs(blocks, used, count, draw, to);
      }
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace lodestein::kernels::cpu::slices
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

namespace lodestein::kernels::cpu {
namespace slices {
HWY_EXPORT(draw_slice);
}  // namespace slices

void draw_slice(const SliceDraw& draw) {
  using namespace slices;
  HWY_DYNAMIC_DISPATCH(draw_slice)(draw);
}

}  // namespace lodestein::kernels::cpu

#endif  // HWY_ONCE
