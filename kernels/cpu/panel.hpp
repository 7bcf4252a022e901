#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/network.hpp"

namespace lodestein::kernels::cpu {
namespace panel {

/// c [rows, cols] = start + a b; see PanelMachine::multiply.
struct Product {
  std::uint32_t rows, inner, cols;
  const float* a;
  std::size_t a_row, a_column;
  const float* b;
  std::size_t b_stride;
  const float* start;
  std::size_t start_stride;
  float* c;
  std::size_t c_stride;
};

}  // namespace panel

/// What one thread does with panels of samples, by vectors chosen at run time: a Machine of
/// kernels/network_pass.hpp. Counts and column counts are multiples of unit().
class PanelMachine {
 public:
  /// Floats of a vector.
  static std::uint32_t unit();

  /// c [rows, cols] = start + a b, a(i, k) = a[i a_row + k a_column], b [inner, cols]; start is
  /// null for 0, c itself, or rows start_stride apart.
  void multiply(std::uint32_t rows, std::uint32_t inner, std::uint32_t cols, const float* a,
                std::uint32_t a_row, std::uint32_t a_column, const float* b, std::uint32_t b_stride,
                const float* start, std::uint32_t start_stride, float* c,
                std::uint32_t c_stride) const;
  /// h = f(h) and f', f'', f''' at the old h, all of them up to the last that isn't null.
  void activate(Activation f, std::uint32_t count, float* h, float* f1, float* f2, float* f3) const;
  /// out = scale x
  void scaled(std::uint32_t count, float scale, const float* x, float* out) const;
  /// out = scale x y
  void product(std::uint32_t count, float scale, const float* x, const float* y, float* out) const;
  /// out += scale x y
  void add_product(std::uint32_t count, float scale, const float* x, const float* y,
                   float* out) const;
  /// z += f2 a bar, or = if `first`; bar = f1 bar
  void bend(std::uint32_t count, const float* f1, const float* f2, const float* a, float* bar,
            float* z, bool first) const;
  /// out = x out + y
  void multiply_add(std::uint32_t count, const float* x, const float* y, float* out) const;
  /// out += scale x
  void add(std::uint32_t count, float scale, const float* x, float* out) const;
  /// out[i out_stride] += scale x_i . y_i over rows of `cols`
  void add_row_dots(std::uint32_t rows, std::uint32_t cols, float scale, const float* x,
                    const float* y, float* out, std::uint32_t out_stride) const;
  /// out_i += scale factors[i stride] x_i over rows of `cols`
  void add_scaled_rows(std::uint32_t rows, std::uint32_t cols, float scale, const float* factors,
                       std::uint32_t stride, const float* x, float* out) const;

  void clear(std::size_t count, float* out) const { std::memset(out, 0, count * sizeof(float)); }
  const float* one() const { return &one_; }
  template <class Do>
  void grid(std::uint32_t rows, std::uint32_t cols, const Do& apply) const {
    for (std::uint32_t i = 0; i < rows; ++i) {
      for (std::uint32_t j = 0; j < cols; ++j) apply(i, j);
    }
  }

 private:
  float one_ = 1.0f;
};

/// One Adam step on flat arrays of any size; rate and corrections are those of step t.
struct AdamFactors {
  float rate, beta1, beta2, epsilon, decay, correct_first, correct_second;
  AdamFactors(const AdamOptions& options, std::uint64_t step, float rate_factor = 1.0f);
};
void adam_update(const AdamFactors& factors, std::size_t size, const float* gradient,
                 float* parameters, float* first, float* second);

}  // namespace lodestein::kernels::cpu
