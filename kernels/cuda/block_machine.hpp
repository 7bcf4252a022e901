#pragma once

#include <cstdint>

#include "kernels/cuda/gpu.hpp"
#include "kernels/network_pass.hpp"

namespace lodestein::kernels::LODESTEIN_GPU {

/// What a block of threads does with panels: a Machine of kernels/network_pass.hpp. Every operation
/// is called by all threads of the block and ends with a barrier. Addresses are aligned to 16
/// bytes and strides to 4 floats.
class BlockMachine {
 public:
  static constexpr unsigned threads = 256;
  static constexpr std::uint32_t unit = 4;

  /// `one` is a place in shared memory for the number 1.
  __device__ explicit BlockMachine(float* one) : one_(one) {
    if (threadIdx.x == 0) *one = 1.0f;
    __syncthreads();
  }
  __device__ const float* one() const { return one_; }

  /// As cpu::PanelMachine::multiply: a tile of 4 x 4 a thread, neighbours along the columns. Called
  /// from some thirty places: not inlined, or a kernel grows to megabytes.
  __device__ __noinline__ void multiply(std::uint32_t rows, std::uint32_t inner, std::uint32_t cols,
                                        const float* a, std::uint32_t a_row, std::uint32_t a_column,
                                        const float* b, std::uint32_t b_stride, const float* start,
                                        std::uint32_t start_stride, float* c,
                                        std::uint32_t c_stride) const {
    const std::uint32_t across = cols / 4, tiles = (rows + 3) / 4 * across;
    for (std::uint32_t t = threadIdx.x; t < tiles; t += threads) {
      const std::uint32_t i = t / across * 4, j = t % across * 4;
      const std::uint32_t last = rows - 1 - i;  // rows of the tile beyond it repeat it
      float sum[4][4];
#pragma unroll
      for (std::uint32_t r = 0; r < 4; ++r) {
        const float4 s =
            start == nullptr
                ? make_float4(0.0f, 0.0f, 0.0f, 0.0f)
                : traced_load(four(start + (i + (r < last ? r : last)) * start_stride + j));
        sum[r][0] = s.x, sum[r][1] = s.y, sum[r][2] = s.z, sum[r][3] = s.w;
      }
      if (a_row == 1) {
        add_by_columns(a + i, a_column, b + j, b_stride, inner, sum);
      } else if (a_column == 1) {
        add_by_rows(a + i * a_row, a_row, last, b + j, b_stride, inner, sum);
      } else {  // the row of ones
        for (std::uint32_t k = 0; k < inner; ++k) {
          const float x[4] = {*a, *a, *a, *a};
          add_products(x, traced_load(four(b + k * b_stride + j)), sum);
        }
      }
#pragma unroll
      for (std::uint32_t r = 0; r < 4; ++r) {
        if (i + r < rows) {
          traced_store(four(c + (i + r) * c_stride + j),
                       make_float4(sum[r][0], sum[r][1], sum[r][2], sum[r][3]));
        }
      }
    }
    __syncthreads();
  }

  __device__ __noinline__ void activate(Activation f, std::uint32_t count, float* h, float* f1,
                                        float* f2, float* f3) const {
    each(count, [&](std::uint32_t i) {
      float d[4];
      if (f == Activation::tanh) {
        tanh_derivatives(h[i], d);
      } else {
        sigmoid_derivatives(f, h[i], d);
      }
      h[i] = d[0];
      if (f1 != nullptr) f1[i] = d[1];
      if (f2 != nullptr) f2[i] = d[2];
      if (f3 != nullptr) f3[i] = d[3];
    });
  }

  __device__ __noinline__ void scaled(std::uint32_t count, float scale, const float* x,
                                      float* out) const {
    each(count, [&](std::uint32_t i) { out[i] = scale * x[i]; });
  }
  __device__ __noinline__ void product(std::uint32_t count, float scale, const float* x,
                                       const float* y, float* out) const {
    each(count, [&](std::uint32_t i) {
      traced_store(out + i, scale * traced_load(x + i) * traced_load(y + i));
    });
  }
  __device__ __noinline__ void add_product(std::uint32_t count, float scale, const float* x,
                                           const float* y, float* out) const {
    each(count, [&](std::uint32_t i) { out[i] += scale * x[i] * y[i]; });
  }
  __device__ __noinline__ void bend(std::uint32_t count, const float* f1, const float* f2,
                                    const float* a, float* bar, float* z, bool first) const {
    each(count, [&](std::uint32_t i) {
      z[i] = f2[i] * a[i] * bar[i] + (first ? 0.0f : z[i]);
      bar[i] *= f1[i];
    });
  }
  __device__ __noinline__ void multiply_add(std::uint32_t count, const float* x, const float* y,
                                            float* out) const {
    each(count, [&](std::uint32_t i) { out[i] = x[i] * out[i] + y[i]; });
  }
  __device__ __noinline__ void add(std::uint32_t count, float scale, const float* x,
                                   float* out) const {
    each(count, [&](std::uint32_t i) { out[i] += scale * x[i]; });
  }
  __device__ __noinline__ void clear(std::size_t count, float* out) const {
    each(static_cast<std::uint32_t>(count), [&](std::uint32_t i) { out[i] = 0.0f; });
  }

  /// A warp a row.
  __device__ __noinline__ void add_row_dots(std::uint32_t rows, std::uint32_t cols, float scale,
                                            const float* x, const float* y, float* out,
                                            std::uint32_t out_stride) const {
    const std::uint32_t lane = threadIdx.x % 32;
    for (std::uint32_t i = threadIdx.x / 32; i < rows; i += threads / 32) {
      float sum = 0.0f;
      for (std::uint32_t j = lane; j < cols; j += 32)
        sum += traced_load(x + i * cols + j) * traced_load(y + i * cols + j);
      for (int distance = 16; distance > 0; distance /= 2)
        sum += __shfl_xor_sync(0xffffffffu, sum, distance);
      if (lane == 0) out[i * out_stride] += scale * sum;
    }
    __syncthreads();
  }

  __device__ __noinline__ void add_scaled_rows(std::uint32_t rows, std::uint32_t cols, float scale,
                                               const float* factors, std::uint32_t stride,
                                               const float* x, float* out) const {
    each(rows * cols,
         [&](std::uint32_t k) { out[k] += scale * factors[k / cols * stride] * x[k]; });
  }

  template <class Do>
  __device__ void grid(std::uint32_t rows, std::uint32_t cols, const Do& apply) const {
    each(rows * cols, [&](std::uint32_t k) { apply(k / cols, k % cols); });
  }

  /// Sum of values in a fixed order; every thread of the first warp gets it.
  __device__ double sum(const float* values, std::uint32_t count) const {
    double total = 0.0;
    if (threadIdx.x < 32) {
      for (std::uint32_t i = threadIdx.x; i < count; i += 32)
        total += static_cast<double>(values[i]);
      for (int distance = 16; distance > 0; distance /= 2)
        total += __shfl_xor_sync(0xffffffffu, total, distance);
    }
    __syncthreads();
    return total;
  }

 private:
  template <class Do>
  __device__ void each(std::uint32_t count, const Do& apply) const {
    for (std::uint32_t i = threadIdx.x; i < count; i += threads) apply(i);
    __syncthreads();
  }
  __device__ static void add_products(const float (&x)[4], float4 y, float (&sum)[4][4]) {
#pragma unroll
    for (std::uint32_t r = 0; r < 4; ++r) {
      sum[r][0] += x[r] * y.x;
      sum[r][1] += x[r] * y.y;
      sum[r][2] += x[r] * y.z;
      sum[r][3] += x[r] * y.w;
    }
  }
  // a^T b: four entries of a row of a are neighbours.
  __device__ static void add_by_columns(const float* a, std::uint32_t a_column, const float* b,
                                        std::uint32_t b_stride, std::uint32_t inner,
                                        float (&sum)[4][4]) {
    for (std::uint32_t k = 0; k < inner; ++k) {
      const float4 left = traced_load(four(a + k * a_column));
      const float x[4] = {left.x, left.y, left.z, left.w};
      add_products(x, traced_load(four(b + k * b_stride)), sum);
    }
  }
  // a b: four steps along the rows of a at a time.
  __device__ static void add_by_rows(const float* a, std::uint32_t a_row, std::uint32_t last,
                                     const float* b, std::uint32_t b_stride, std::uint32_t inner,
                                     float (&sum)[4][4]) {
    const float* row[4];
#pragma unroll
    for (std::uint32_t r = 0; r < 4; ++r) row[r] = a + (r < last ? r : last) * a_row;
    std::uint32_t k = 0;
    for (; k + 4 <= inner; k += 4) {
      float4 left[4];
#pragma unroll
      for (std::uint32_t r = 0; r < 4; ++r) left[r] = traced_load(four(row[r] + k));
      const float x0[4] = {left[0].x, left[1].x, left[2].x, left[3].x};
      const float x1[4] = {left[0].y, left[1].y, left[2].y, left[3].y};
      const float x2[4] = {left[0].z, left[1].z, left[2].z, left[3].z};
      const float x3[4] = {left[0].w, left[1].w, left[2].w, left[3].w};
      add_products(x0, traced_load(four(b + k * b_stride)), sum);
      add_products(x1, traced_load(four(b + (k + 1) * b_stride)), sum);
      add_products(x2, traced_load(four(b + (k + 2) * b_stride)), sum);
      add_products(x3, traced_load(four(b + (k + 3) * b_stride)), sum);
    }
    for (; k < inner; ++k) {
      const float x[4] = {row[0][k], row[1][k], row[2][k], row[3][k]};
      add_products(x, traced_load(four(b + k * b_stride)), sum);
    }
  }

  // 1 - t^2 by way of 1 - t, which keeps its digits where t saturates.
  __device__ static void tanh_derivatives(float x, float (&d)[4]) {
    const float grown = expm1f(fminf(2.0f * fabsf(x), 60.0f)), inverse = 1.0f / (grown + 2.0f);
    const float t = grown * inverse, gap = 2.0f * inverse;
    d[0] = x < 0.0f ? -t : x == x ? t : x;
    d[1] = gap * (2.0f - gap);
    d[2] = -2.0f * d[0] * d[1];
    d[3] = -2.0f * d[1] * (1.0f - 3.0f * t * t);
  }
  __device__ static void sigmoid_derivatives(Activation f, float x, float (&d)[4]) {
    const float e = expf(-fabsf(x)), upper = 1.0f / (1.0f + e), lower = e * upper;
    const float g = x < 0.0f ? lower : upper, q = upper * lower;
    const float tilt = (x < 0.0f ? 1.0f - e : e - 1.0f) * upper;  // 1 - 2 g
    if (f == Activation::silu) {
      d[0] = x * g;
      d[1] = g + x * q;
      d[2] = q * (2.0f + x * tilt);
      d[3] = q * (3.0f * tilt + x * (1.0f - 6.0f * q));
    } else {
      d[0] = log1pf(e) + fmaxf(x, 0.0f);
      d[1] = g;
      d[2] = q;
      d[3] = q * tilt;
    }
  }

  float* one_;
};

/// One parameter's step of Adam; correct_first = 1 / (1 - beta1^t), correct_second likewise.
__device__ inline void adam_entry(const AdamOptions& o, float rate, float correct_first,
                                  float correct_second, float gradient, float* parameter,
                                  float* first, float* second) {
  const float g = gradient + o.decay * *parameter;
  const float m = *first = o.beta1 * *first + (1.0f - o.beta1) * g;
  const float v = *second = o.beta2 * *second + (1.0f - o.beta2) * g * g;
  *parameter -= rate * correct_first * m / (sqrtf(correct_second * v) + o.epsilon);
}

/// Rows picked by row_of, columns [column, column + cols) of x, into a panel.
template <class RowOf>
__device__ void load_rows(const BlockMachine& machine, View<const float> x, std::size_t column,
                          std::uint32_t cols, std::uint32_t rows, std::uint32_t stride,
                          const RowOf& row_of, float* to) {
  machine.grid(rows, stride, [&](std::uint32_t i, std::uint32_t j) {
    traced_store(to + i * stride + j, j < cols ? traced_load(&x(row_of(i), column + j)) : 0.0f);
  });
}

using Pass = NetworkPass<BlockMachine>;

/// Where a block keeps one network: panels, packed weights and gradient in shared memory as far as
/// they fit, in this order (every product reads panels and weights, a gradient is added to once a
/// panel); the rest in the block's workspace, which the L2 cache holds.
struct BlockPlan {
  PassLayout layout;
  std::uint32_t in_shared = 0;  ///< how many of the three
  float* workspace = nullptr;   ///< [blocks, workspace_floats()]

  static constexpr std::size_t reserved_floats = 4;  ///< for the number 1
  static constexpr std::size_t static_bytes = 1024;  ///< left to the kernels' own shared arrays

  BlockPlan() = default;
  /// Takes as many rows a panel as fit into `available` bytes, what the device gives a block.
  BlockPlan(const NetworkShape& shape, PassKind kind, std::size_t available) {
    for (in_shared = 3; in_shared > 0; --in_shared) {
      for (const std::uint32_t rows : {64u, 32u, 16u}) {
        layout = {shape, kind, BlockMachine::unit, rows};
        if (shared_bytes() + static_bytes <= available) return;
      }
    }
    layout.rows = 64;
  }
  std::size_t shared_bytes() const {
    return sizeof(float) * (reserved_floats + floats(0, in_shared));
  }
  LODESTEIN_EITHER std::size_t workspace_floats() const { return floats(in_shared, 3); }

  /// The pass of the block whose workspace is the `block`-th.
  __device__ Pass pass(const BlockMachine& machine, float* shared, std::size_t block) const {
    float* inside = shared + reserved_floats;
    float* outside = workspace + block * workspace_floats();
    float* places[3];
    for (std::uint32_t part = 0; part < 3; ++part) {
      float*& at = part < in_shared ? inside : outside;
      places[part] = at;
      at += floats(part, part + 1);
    }
    return Pass(machine, layout, places[1], places[2], places[0]);
  }

 private:
  LODESTEIN_EITHER std::size_t floats(std::uint32_t from, std::uint32_t to) const {
    std::size_t sum = 0;
    for (std::uint32_t part = from; part < to; ++part) {
      sum += part == 0   ? layout.panel_memory_floats()
             : part == 1 ? layout.weight_floats()
                         : layout.gradient_floats();
    }
    return sum;
  }
};

}  // namespace lodestein::kernels::LODESTEIN_GPU
