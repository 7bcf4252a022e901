// Compiled once per vector instruction set by Highway's foreach_target.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "unmix/multiquadrics.cpp"
#include "unmix/multiquadrics.hpp"

#include <cstddef>

// clang-format off
#include "hwy/foreach_target.h"  // must come before highway.h
#include "hwy/highway.h"
#include "kernels/cpu/unrolled-inl.hpp"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace lodestein::unmix {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using kernels::cpu::HWY_NAMESPACE::unrolled;

using Tag = hn::CappedTag<double, multiquadric_rows>;
using Vector = hn::Vec<Tag>;
constexpr std::size_t units = multiquadric_units;

HWY_INLINE double total(Vector v) { return hn::GetLane(hn::SumOfLanes(Tag(), v)); }

void combine_all(Variables y, const double* HWY_RESTRICT h, std::size_t rows,
                 std::span<double* const> out) {
  const Tag tag;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const double* row = h + i * y.size();
    for (std::size_t r = 0; r < rows; r += hn::Lanes(tag)) {
      Vector sum = hn::Zero(tag);
      for (std::size_t j = 0; j < y.size(); ++j)
        sum = hn::MulAdd(hn::Set(tag, row[j]), hn::LoadU(tag, y[j] + r), sum);
      hn::StoreU(sum, tag, out[i] + r);
    }
  }
}

void evaluate(Variables x, const double* HWY_RESTRICT forms, double smoothing, std::size_t rows,
              std::span<double* const> phi) {
  const Tag tag;
  const Vector floor = hn::Set(tag, smoothing);
  const std::size_t q = x.size();
  for (std::size_t r = 0; r < rows; r += hn::Lanes(tag)) {
    Vector s0 = floor, s1 = floor, s2 = floor, s3 = floor;
    const double* form = forms;
    for (std::size_t j = 0; j < q; ++j) {
      const Vector xj = hn::LoadU(tag, x[j] + r);
      for (std::size_t l = j; l < q; ++l, form += units) {
        const Vector product = hn::Mul(xj, hn::LoadU(tag, x[l] + r));
        s0 = hn::MulAdd(hn::Set(tag, form[0]), product, s0);
        s1 = hn::MulAdd(hn::Set(tag, form[1]), product, s1);
        s2 = hn::MulAdd(hn::Set(tag, form[2]), product, s2);
        s3 = hn::MulAdd(hn::Set(tag, form[3]), product, s3);
      }
    }
    const Vector one = hn::LoadU(tag, x[q - 1] + r);
    const auto store = [&](const Vector s, std::size_t k) HWY_ATTR {
      hn::StoreU(hn::Mul(one, hn::Sqrt(hn::Max(s, floor))), tag, phi[k] + r);  // s rounds
    };
    store(s0, 0);
    store(s1, 1);
    store(s2, 2);
    store(s3, 3);
  }
}

void differentiate(Variables x, Variables phi, const double* HWY_RESTRICT forms,
                   const double* HWY_RESTRICT theta, const double* HWY_RESTRICT g, std::size_t rows,
                   std::span<double* const> c, std::span<double* const> slope) {
  const Tag tag;
  const Vector tiny = hn::Set(tag, 1e-100), half = hn::Set(tag, 0.5);
  const std::size_t q = x.size();
  for (std::size_t r = 0; r < rows; r += hn::Lanes(tag)) {
    const Vector cotangent = hn::LoadU(tag, g + r);
    const auto scaled = [&](std::size_t k) HWY_ATTR {
      const Vector value = hn::Div(hn::Mul(cotangent, hn::Set(tag, theta[k])),
                                   hn::Max(tiny, hn::LoadU(tag, phi[k] + r)));
      hn::StoreU(value, tag, c[k] + r);
      return value;
    };
    const Vector c0 = scaled(0), c1 = scaled(1), c2 = scaled(2), c3 = scaled(3);
    const double* form = forms;
    for (std::size_t j = 0; j + 1 < q; ++j) {
      const Vector xj = hn::LoadU(tag, x[j] + r);
      Vector own = hn::LoadU(tag, slope[j] + r);
      for (std::size_t l = j; l < q; ++l, form += units) {
        Vector sum = hn::Mul(hn::Set(tag, form[0]), c0);
        sum = hn::MulAdd(hn::Set(tag, form[1]), c1, sum);
        sum = hn::MulAdd(hn::Set(tag, form[2]), c2, sum);
        sum = hn::MulAdd(hn::Set(tag, form[3]), c3, sum);
        if (l == j) {
          own = hn::MulAdd(sum, xj, own);
          continue;
        }
        sum = hn::Mul(half, sum);
        own = hn::MulAdd(sum, hn::LoadU(tag, x[l] + r), own);
        if (l + 1 < q)
          hn::StoreU(hn::MulAdd(sum, xj, hn::LoadU(tag, slope[l] + r)), tag, slope[l] + r);
      }
      hn::StoreU(own, tag, slope[j] + r);
    }
  }
}

void form_sums(Variables x, Variables c, std::size_t rows, double* HWY_RESTRICT sums) {
  const Tag tag;
  const std::size_t q = x.size();
  for (std::size_t j = 0; j < q; ++j) {
    for (std::size_t l = j; l < q; ++l, sums += units) {
      Vector s0 = hn::Zero(tag), s1 = s0, s2 = s0, s3 = s0;
      for (std::size_t r = 0; r < rows; r += hn::Lanes(tag)) {
        const Vector product = hn::Mul(hn::LoadU(tag, x[j] + r), hn::LoadU(tag, x[l] + r));
        s0 = hn::MulAdd(product, hn::LoadU(tag, c[0] + r), s0);
        s1 = hn::MulAdd(product, hn::LoadU(tag, c[1] + r), s1);
        s2 = hn::MulAdd(product, hn::LoadU(tag, c[2] + r), s2);
        s3 = hn::MulAdd(product, hn::LoadU(tag, c[3] + r), s3);
      }
      sums[0] += total(s0);
      sums[1] += total(s1);
      sums[2] += total(s2);
      sums[3] += total(s3);
    }
  }
}

// Of a register tile: 16 accumulators of 32 registers, or 12 of 16.
constexpr std::size_t tile_columns = HWY_LANES(double) >= 8 ? 4 : 3;

template <std::size_t A, std::size_t B>
HWY_INLINE void add_tile(const double* const* a, const double* const* b, std::size_t rows,
                         double* HWY_RESTRICT sums, std::size_t stride) {
  const Tag tag;
  Vector sum[A][B];
  unrolled<A * B>([&](auto k) HWY_ATTR { sum[k / B][k % B] = hn::Zero(tag); });
  for (std::size_t r = 0; r < rows; r += hn::Lanes(tag)) {
    Vector right[B];
    unrolled<B>([&](auto j) HWY_ATTR { right[j] = hn::LoadU(tag, b[j] + r); });
    unrolled<A>([&](auto i) HWY_ATTR {
      const Vector left = hn::LoadU(tag, a[i] + r);
      unrolled<B>([&](auto j) HWY_ATTR { sum[i][j] = hn::MulAdd(left, right[j], sum[i][j]); });
    });
  }
  unrolled<A * B>([&](auto k)
                      HWY_ATTR { sums[k / B * stride + k % B] += total(sum[k / B][k % B]); });
}

// Of squares, tiles that lie wholly above the diagonal are left out.
void products(Variables a, Variables b, bool square, std::size_t rows, double* sums) {
  const std::size_t stride = b.size();
  std::size_t i = 0;
  const auto strips = [&]<std::size_t A>() HWY_ATTR {
    for (; i + A <= a.size(); i += A) {
      const std::size_t end = square ? i + A : b.size();
      std::size_t j = 0;
      for (; j + tile_columns <= end; j += tile_columns)
        add_tile<A, tile_columns>(a.data() + i, b.data() + j, rows, sums + i * stride + j, stride);
      for (; j < end; ++j)
        add_tile<A, 1>(a.data() + i, b.data() + j, rows, sums + i * stride + j, stride);
    }
  };
  strips.template operator()<4>();
  strips.template operator()<1>();
}

}  // namespace HWY_NAMESPACE
}  // namespace lodestein::unmix
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lodestein::unmix {
HWY_EXPORT(combine_all);
HWY_EXPORT(evaluate);
HWY_EXPORT(differentiate);
HWY_EXPORT(form_sums);
HWY_EXPORT(products);

void combine(Variables y, const double* h, std::size_t rows, std::span<double* const> out) {
  HWY_DYNAMIC_DISPATCH(combine_all)(y, h, rows, out);
}

void multiquadrics(Variables x, const double* forms, double smoothing, std::size_t rows,
                   std::span<double* const> phi) {
  HWY_DYNAMIC_DISPATCH(evaluate)(x, forms, smoothing, rows, phi);
}

void multiquadric_slopes(Variables x, Variables phi, const double* forms, const double* theta,
                         const double* g, std::size_t rows, std::span<double* const> c,
                         std::span<double* const> slope) {
  HWY_DYNAMIC_DISPATCH(differentiate)(x, phi, forms, theta, g, rows, c, slope);
}

void add_form_sums(Variables x, Variables c, std::size_t rows, double* sums) {
  HWY_DYNAMIC_DISPATCH(form_sums)(x, c, rows, sums);
}

void add_products(Variables a, Variables b, std::size_t rows, double* sums) {
  HWY_DYNAMIC_DISPATCH(products)(a, b, false, rows, sums);
}

void add_squares(Variables a, std::size_t rows, double* sums) {
  HWY_DYNAMIC_DISPATCH(products)(a, a, true, rows, sums);
}

}  // namespace lodestein::unmix

#endif  // HWY_ONCE
