// Compiled once per vector instruction set by Highway's foreach_target.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/panel.cpp"
#include "kernels/cpu/panel.hpp"

#include <cmath>

#include "hwy/foreach_target.h"  // must come before highway.h
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace lodestein::kernels::cpu::panel {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::ScalableTag<float>;
using Vec = hn::Vec<Tag>;
constexpr Tag tag;

// A tile's accumulators and a row of b fill the registers: 6 x 4 + 4 of 32, or 6 x 2 + 2 of 16.
constexpr std::uint32_t tile_rows = 6;
constexpr std::uint32_t tile_vectors = HWY_LANES(float) >= 16 ? 4 : 2;

template <std::uint32_t Rows, std::uint32_t Vectors>
HWY_INLINE void tile(const Product& p, std::uint32_t i, std::uint32_t j) {
  const std::size_t lanes = hn::Lanes(tag);
  Vec sum[Rows][Vectors];
  for (std::uint32_t r = 0; r < Rows; ++r) {
    for (std::uint32_t v = 0; v < Vectors; ++v) {
      sum[r][v] = p.start == nullptr
                      ? hn::Zero(tag)
                      : hn::LoadU(tag, p.start + (i + r) * p.start_stride + j + v * lanes);
    }
  }
  const float* HWY_RESTRICT a = p.a + i * p.a_row;
  const float* HWY_RESTRICT b = p.b + j;
  for (std::uint32_t k = 0; k < p.inner; ++k, a += p.a_column, b += p.b_stride) {
    Vec right[Vectors];
    for (std::uint32_t v = 0; v < Vectors; ++v) right[v] = hn::LoadU(tag, b + v * lanes);
    for (std::uint32_t r = 0; r < Rows; ++r) {
      const Vec left = hn::Set(tag, a[r * p.a_row]);
      for (std::uint32_t v = 0; v < Vectors; ++v) sum[r][v] = hn::MulAdd(left, right[v], sum[r][v]);
    }
  }
  for (std::uint32_t r = 0; r < Rows; ++r) {
    for (std::uint32_t v = 0; v < Vectors; ++v)
      hn::StoreU(sum[r][v], tag, p.c + (i + r) * p.c_stride + j + v * lanes);
  }
}

template <std::uint32_t Vectors>
HWY_INLINE void columns(const Product& p, std::uint32_t j) {
  std::uint32_t i = 0;
  if constexpr (Vectors == 1) {  // more sums at a time hide the latency
    for (; i + 2 * tile_rows <= p.rows; i += 2 * tile_rows) tile<2 * tile_rows, 1>(p, i, j);
  }
  for (; i + tile_rows <= p.rows; i += tile_rows) tile<tile_rows, Vectors>(p, i, j);
  switch (p.rows - i) {
    case 5:
      return tile<5, Vectors>(p, i, j);
    case 4:
      return tile<4, Vectors>(p, i, j);
    case 3:
      return tile<3, Vectors>(p, i, j);
    case 2:
      return tile<2, Vectors>(p, i, j);
    case 1:
      return tile<1, Vectors>(p, i, j);
    default:
      return;
  }
}

void multiply(const Product& p) {
  const auto lanes = static_cast<std::uint32_t>(hn::Lanes(tag));
  std::uint32_t j = 0;
  for (; j + tile_vectors * lanes <= p.cols; j += tile_vectors * lanes) columns<tile_vectors>(p, j);
  if constexpr (tile_vectors > 2) {
    for (; j + 2 * lanes <= p.cols; j += 2 * lanes) columns<2>(p, j);
  }
  for (; j < p.cols; j += lanes) columns<1>(p, j);
}

// 1 / x within an ulp or two.
HWY_INLINE Vec reciprocal(Vec x) {
#if HWY_TARGET <= HWY_AVX3
  const Vec guess = hn::ApproximateReciprocal(x);  // 14 bits, so one Newton step is enough
  return hn::MulAdd(guess, hn::NegMulAdd(x, guess, hn::Set(tag, 1.0f)), guess);
#else
  return hn::Div(hn::Set(tag, 1.0f), x);
#endif
}

// y = n log 2 + r, |r| <= log(2) / 2: 2^n and e^r - 1, the latter without cancellation.
struct Exponential {
  Vec power, minus_one;
};
HWY_INLINE Exponential exponential(Vec y) {
  const hn::RebindToSigned<Tag> integers;
  const Vec n = hn::Round(hn::Mul(y, hn::Set(tag, 1.44269504f)));
  Vec r = hn::NegMulAdd(n, hn::Set(tag, 0.693359375f), y);  // log 2 in two parts
  r = hn::NegMulAdd(n, hn::Set(tag, -2.12194440e-4f), r);
  Vec q = hn::Set(tag, 1.0f / 5040.0f);
  for (const float c : {1.0f / 720.0f, 1.0f / 120.0f, 1.0f / 24.0f, 1.0f / 6.0f, 0.5f})
    q = hn::MulAdd(q, r, hn::Set(tag, c));
  const auto bits = hn::ShiftLeft<23>(hn::Add(hn::ConvertTo(integers, n), hn::Set(integers, 127)));
  return {hn::BitCast(tag, bits), hn::MulAdd(hn::Mul(r, r), q, r)};
}

constexpr float largest_exponent = 60.0f;

// NaN stays NaN, which not every target's minimum keeps.
HWY_INLINE Vec bounded(Vec y) {
  const Vec largest = hn::Set(tag, largest_exponent);
  return hn::IfThenElse(hn::Gt(y, largest), largest, y);
}

struct Derivatives {
  Vec f0, f1, f2, f3;
};

HWY_INLINE Derivatives tanh_derivatives(Vec x) {
  const Vec one = hn::Set(tag, 1.0f), two = hn::Set(tag, 2.0f);
  const auto [power, minus_one] = exponential(bounded(hn::Mul(two, hn::Abs(x))));
  const Vec expm1 = hn::MulAdd(power, minus_one, hn::Sub(power, one));  // e^2|x| - 1
  const Vec sum = hn::Add(expm1, two);
  const Vec inverse = reciprocal(sum);
  Vec t = hn::Mul(expm1, inverse);
  t = hn::MulAdd(hn::NegMulAdd(t, sum, expm1), inverse, t);
  const Vec gap = hn::Mul(two, inverse);  // 1 - t
  const Vec f0 = hn::CopySign(t, x), f1 = hn::Mul(gap, hn::Sub(two, gap));
  const Vec f2 = hn::Mul(hn::Mul(hn::Set(tag, -2.0f), f0), f1);
  const Vec f3 = hn::Mul(hn::Mul(hn::Set(tag, -2.0f), f1),
                         hn::NegMulAdd(hn::Mul(hn::Set(tag, 3.0f), t), t, one));
  return {f0, f1, f2, f3};
}

// e^-|x|, the sigmoid g, q = g (1 - g) and 1 - 2 g.
struct Sigmoid {
  Vec e, g, q, tilt;
};
HWY_INLINE Sigmoid sigmoid(Vec x) {
  const Vec one = hn::Set(tag, 1.0f);
  const auto [power, minus_one] = exponential(hn::Neg(bounded(hn::Abs(x))));
  const Vec e = hn::MulAdd(power, minus_one, power);
  const Vec upper = reciprocal(hn::Add(one, e)), lower = hn::Mul(e, upper);
  const auto negative = hn::Lt(x, hn::Zero(tag));
  const Vec tilt = hn::Mul(hn::Sub(e, one), upper);
  return {e, hn::IfThenElse(negative, lower, upper), hn::Mul(upper, lower),
          hn::IfThenElse(negative, hn::Neg(tilt), tilt)};
}

HWY_INLINE Derivatives silu_derivatives(Vec x) {
  const auto [e, g, q, tilt] = sigmoid(x);
  const Vec bend = hn::NegMulAdd(hn::Set(tag, 6.0f), q, hn::Set(tag, 1.0f));
  return {hn::Mul(x, g), hn::MulAdd(x, q, g), hn::Mul(q, hn::MulAdd(x, tilt, hn::Set(tag, 2.0f))),
          hn::Mul(q, hn::MulAdd(x, bend, hn::Mul(hn::Set(tag, 3.0f), tilt)))};
}

HWY_INLINE Derivatives softplus_derivatives(Vec x) {
  const auto [e, g, q, tilt] = sigmoid(x);
  // log(1 + e) = 2 atanh(s), s = e / (2 + e) <= 1/3
  const Vec s = hn::Mul(e, reciprocal(hn::Add(hn::Set(tag, 2.0f), e))), s2 = hn::Mul(s, s);
  Vec series = hn::Set(tag, 2.0f / 15.0f);
  for (const float c : {2.0f / 13, 2.0f / 11, 2.0f / 9, 2.0f / 7, 2.0f / 5, 2.0f / 3, 2.0f})
    series = hn::MulAdd(series, s2, hn::Set(tag, c));
  return {hn::MulAdd(series, s, hn::Max(hn::Zero(tag), x)), g, q, hn::Mul(q, tilt)};
}

// The highest derivative as a constant, so that what isn't stored isn't computed.
template <int Order, class Function>
HWY_INLINE void activate_all(const Function& function, std::uint32_t count, float* h, float* f1,
                             float* f2, float* f3) {
  const auto lanes = static_cast<std::uint32_t>(hn::Lanes(tag));
  for (std::uint32_t i = 0; i < count; i += lanes) {
    const Derivatives f = function(hn::LoadU(tag, h + i));
    hn::StoreU(f.f0, tag, h + i);
    if constexpr (Order >= 1) hn::StoreU(f.f1, tag, f1 + i);
    if constexpr (Order >= 2) hn::StoreU(f.f2, tag, f2 + i);
    if constexpr (Order >= 3) hn::StoreU(f.f3, tag, f3 + i);
  }
}

template <class Function>
HWY_INLINE void activate_order(const Function& function, std::uint32_t count, float* h, float* f1,
                               float* f2, float* f3) {
  if (f3 != nullptr) return activate_all<3>(function, count, h, f1, f2, f3);
  if (f2 != nullptr) return activate_all<2>(function, count, h, f1, f2, f3);
  if (f1 != nullptr) return activate_all<1>(function, count, h, f1, f2, f3);
  activate_all<0>(function, count, h, f1, f2, f3);
}

void activate(Activation f, std::uint32_t count, float* h, float* f1, float* f2, float* f3) {
  switch (f) {
    case Activation::tanh:
      return activate_order([](Vec x) HWY_ATTR { return tanh_derivatives(x); }, count, h, f1, f2,
                            f3);
    case Activation::silu:
      return activate_order([](Vec x) HWY_ATTR { return silu_derivatives(x); }, count, h, f1, f2,
                            f3);
    case Activation::softplus:
      return activate_order([](Vec x) HWY_ATTR { return softplus_derivatives(x); }, count, h, f1,
                            f2, f3);
  }
}

void scaled(std::uint32_t count, float scale, const float* x, float* out) {
  const auto lanes = static_cast<std::uint32_t>(hn::Lanes(tag));
  const Vec s = hn::Set(tag, scale);
  for (std::uint32_t i = 0; i < count; i += lanes)
    hn::StoreU(hn::Mul(s, hn::LoadU(tag, x + i)), tag, out + i);
}

void product(std::uint32_t count, float scale, const float* x, const float* y, float* out) {
  const auto lanes = static_cast<std::uint32_t>(hn::Lanes(tag));
  const Vec s = hn::Set(tag, scale);
  for (std::uint32_t i = 0; i < count; i += lanes) {
    const Vec scaled_x = hn::Mul(s, hn::LoadU(tag, x + i));
    hn::StoreU(hn::Mul(scaled_x, hn::LoadU(tag, y + i)), tag, out + i);
  }
}

void add_product(std::uint32_t count, float scale, const float* x, const float* y, float* out) {
  const auto lanes = static_cast<std::uint32_t>(hn::Lanes(tag));
  const Vec s = hn::Set(tag, scale);
  for (std::uint32_t i = 0; i < count; i += lanes) {
    const Vec scaled_x = hn::Mul(s, hn::LoadU(tag, x + i));
    hn::StoreU(hn::MulAdd(scaled_x, hn::LoadU(tag, y + i), hn::LoadU(tag, out + i)), tag, out + i);
  }
}

template <bool First>
HWY_INLINE void bend_all(std::uint32_t count, const float* HWY_RESTRICT f1,
                         const float* HWY_RESTRICT f2, const float* HWY_RESTRICT a,
                         float* HWY_RESTRICT bar, float* HWY_RESTRICT z) {
  const auto lanes = static_cast<std::uint32_t>(hn::Lanes(tag));
  for (std::uint32_t i = 0; i < count; i += lanes) {
    const Vec b = hn::LoadU(tag, bar + i);
    const Vec bent = hn::Mul(hn::LoadU(tag, f2 + i), hn::LoadU(tag, a + i));
    hn::StoreU(First ? hn::Mul(bent, b) : hn::MulAdd(bent, b, hn::LoadU(tag, z + i)), tag, z + i);
    hn::StoreU(hn::Mul(hn::LoadU(tag, f1 + i), b), tag, bar + i);
  }
}

void bend(std::uint32_t count, const float* f1, const float* f2, const float* a, float* bar,
          float* z, bool first) {
  first ? bend_all<true>(count, f1, f2, a, bar, z) : bend_all<false>(count, f1, f2, a, bar, z);
}

void multiply_add(std::uint32_t count, const float* x, const float* y, float* out) {
  const auto lanes = static_cast<std::uint32_t>(hn::Lanes(tag));
  for (std::uint32_t i = 0; i < count; i += lanes) {
    const Vec product =
        hn::MulAdd(hn::LoadU(tag, x + i), hn::LoadU(tag, out + i), hn::LoadU(tag, y + i));
    hn::StoreU(product, tag, out + i);
  }
}

void add(std::uint32_t count, float scale, const float* x, float* out) {
  const auto lanes = static_cast<std::uint32_t>(hn::Lanes(tag));
  const Vec s = hn::Set(tag, scale);
  for (std::uint32_t i = 0; i < count; i += lanes)
    hn::StoreU(hn::MulAdd(s, hn::LoadU(tag, x + i), hn::LoadU(tag, out + i)), tag, out + i);
}

void add_row_dots(std::uint32_t rows, std::uint32_t cols, float scale, const float* x,
                  const float* y, float* out, std::uint32_t out_stride) {
  const auto lanes = static_cast<std::uint32_t>(hn::Lanes(tag));
  for (std::uint32_t i = 0; i < rows; ++i, x += cols, y += cols) {
    Vec sum = hn::Zero(tag);
    for (std::uint32_t j = 0; j < cols; j += lanes)
      sum = hn::MulAdd(hn::LoadU(tag, x + j), hn::LoadU(tag, y + j), sum);
    out[std::size_t{i} * out_stride] += scale * hn::GetLane(hn::SumOfLanes(tag, sum));
  }
}

void add_scaled_rows(std::uint32_t rows, std::uint32_t cols, float scale, const float* factors,
                     std::uint32_t stride, const float* x, float* out) {
  const auto lanes = static_cast<std::uint32_t>(hn::Lanes(tag));
  for (std::uint32_t i = 0; i < rows; ++i, x += cols, out += cols) {
    const Vec s = hn::Set(tag, scale * factors[std::size_t{i} * stride]);
    for (std::uint32_t j = 0; j < cols; j += lanes)
      hn::StoreU(hn::MulAdd(s, hn::LoadU(tag, x + j), hn::LoadU(tag, out + j)), tag, out + j);
  }
}

template <class T>
HWY_INLINE void adam_entries(T t, const AdamFactors& f, std::size_t i, const float* gradient,
                             float* parameters, float* first, float* second) {
  const auto set = [&](float value) HWY_ATTR { return hn::Set(t, value); };
  const auto p = hn::LoadU(t, parameters + i);
  const auto g = hn::MulAdd(set(f.decay), p, hn::LoadU(t, gradient + i));
  const auto m = hn::MulAdd(set(f.beta1), hn::LoadU(t, first + i), hn::Mul(set(1.0f - f.beta1), g));
  const auto v = hn::MulAdd(set(f.beta2), hn::LoadU(t, second + i),
                            hn::Mul(set(1.0f - f.beta2), hn::Mul(g, g)));
  const auto root = hn::Add(hn::Sqrt(hn::Mul(set(f.correct_second), v)), set(f.epsilon));
  hn::StoreU(m, t, first + i);
  hn::StoreU(v, t, second + i);
  hn::StoreU(hn::Sub(p, hn::Div(hn::Mul(set(f.rate * f.correct_first), m), root)), t,
             parameters + i);
}

void adam(const AdamFactors& f, std::size_t size, const float* gradient, float* parameters,
          float* first, float* second) {
  const std::size_t lanes = hn::Lanes(tag);
  std::size_t i = 0;
  for (; i + lanes <= size; i += lanes)
    adam_entries(tag, f, i, gradient, parameters, first, second);
  for (; i < size; ++i)
    adam_entries(hn::CappedTag<float, 1>(), f, i, gradient, parameters, first, second);
}

std::uint32_t lanes() { return static_cast<std::uint32_t>(hn::Lanes(tag)); }

}  // namespace HWY_NAMESPACE
}  // namespace lodestein::kernels::cpu::panel
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

namespace lodestein::kernels::cpu {
namespace panel {

HWY_EXPORT(multiply);
HWY_EXPORT(activate);
HWY_EXPORT(scaled);
HWY_EXPORT(product);
HWY_EXPORT(add_product);
HWY_EXPORT(bend);
HWY_EXPORT(multiply_add);
HWY_EXPORT(add);
HWY_EXPORT(add_row_dots);
HWY_EXPORT(add_scaled_rows);
HWY_EXPORT(adam);
HWY_EXPORT(lanes);

}  // namespace panel

using namespace panel;

std::uint32_t PanelMachine::unit() { return HWY_DYNAMIC_DISPATCH(lanes)(); }

void PanelMachine::multiply(std::uint32_t rows, std::uint32_t inner, std::uint32_t cols,
                            const float* a, std::uint32_t a_row, std::uint32_t a_column,
                            const float* b, std::uint32_t b_stride, const float* start,
                            std::uint32_t start_stride, float* c, std::uint32_t c_stride) const {
  HWY_DYNAMIC_DISPATCH(multiply)
  ({rows, inner, cols, a, a_row, a_column, b, b_stride, start, start_stride, c, c_stride});
}

void PanelMachine::activate(Activation f, std::uint32_t count, float* h, float* f1, float* f2,
                            float* f3) const {
  HWY_DYNAMIC_DISPATCH(activate)(f, count, h, f1, f2, f3);
}

void PanelMachine::scaled(std::uint32_t count, float scale, const float* x, float* out) const {
  HWY_DYNAMIC_DISPATCH(scaled)(count, scale, x, out);
}

void PanelMachine::product(std::uint32_t count, float scale, const float* x, const float* y,
                           float* out) const {
  HWY_DYNAMIC_DISPATCH(product)(count, scale, x, y, out);
}

void PanelMachine::add_product(std::uint32_t count, float scale, const float* x, const float* y,
                               float* out) const {
  HWY_DYNAMIC_DISPATCH(add_product)(count, scale, x, y, out);
}

void PanelMachine::bend(std::uint32_t count, const float* f1, const float* f2, const float* a,
                        float* bar, float* z, bool first) const {
  HWY_DYNAMIC_DISPATCH(bend)(count, f1, f2, a, bar, z, first);
}

void PanelMachine::multiply_add(std::uint32_t count, const float* x, const float* y,
                                float* out) const {
  HWY_DYNAMIC_DISPATCH(multiply_add)(count, x, y, out);
}

void PanelMachine::add(std::uint32_t count, float scale, const float* x, float* out) const {
  HWY_DYNAMIC_DISPATCH(add)(count, scale, x, out);
}

void PanelMachine::add_row_dots(std::uint32_t rows, std::uint32_t cols, float scale, const float* x,
                                const float* y, float* out, std::uint32_t out_stride) const {
  HWY_DYNAMIC_DISPATCH(add_row_dots)(rows, cols, scale, x, y, out, out_stride);
}

void PanelMachine::add_scaled_rows(std::uint32_t rows, std::uint32_t cols, float scale,
                                   const float* factors, std::uint32_t stride, const float* x,
                                   float* out) const {
  HWY_DYNAMIC_DISPATCH(add_scaled_rows)(rows, cols, scale, factors, stride, x, out);
}

AdamFactors::AdamFactors(const AdamOptions& options, std::uint64_t step, float rate_factor)
    : rate(options.rate * rate_factor),
      beta1(options.beta1),
      beta2(options.beta2),
      epsilon(options.epsilon),
      decay(options.decay),
      correct_first(static_cast<float>(
          1.0 / (1.0 - std::pow(double{options.beta1}, static_cast<double>(step))))),
      correct_second(static_cast<float>(
          1.0 / (1.0 - std::pow(double{options.beta2}, static_cast<double>(step))))) {}

void adam_update(const AdamFactors& factors, std::size_t size, const float* gradient,
                 float* parameters, float* first, float* second) {
  HWY_DYNAMIC_DISPATCH(adam)(factors, size, gradient, parameters, first, second);
}

}  // namespace lodestein::kernels::cpu

#endif  // HWY_ONCE
