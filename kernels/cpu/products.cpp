// Compiled once per vector instruction set by Highway's foreach_target.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/products.cpp"
#include "kernels/cpu/products.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <vector>

#include "hwy/foreach_target.h"  // must come before highway.h
#include "hwy/highway.h"
#include "kernels/cpu/products_block.hpp"
#include "kernels/cpu/unrolled-inl.hpp"

// A block of rows is formed in a small row-major array; then a register tile adds, row after row,
// the products of a few of its values, broadcast, with a few vectors of the same row. Nothing is
// transposed and lanes need no sum. Only the lower triangle is formed: the columns that don't fill
// a vector are broadcast, and little is computed in vain.

HWY_BEFORE_NAMESPACE();
namespace lodestein::kernels::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Doubles = hn::ScalableTag<double>;
using Floats = hn::Rebind<float, Doubles>;
using DoubleVector = hn::Vec<Doubles>;

// Of a register tile: 24 accumulators of 32 registers, or 12 of 16.
constexpr std::size_t tile_rows = HWY_LANES(double) >= 8 ? 8 : 4, tile_vectors = 3;
constexpr std::size_t accumulators = tile_rows * tile_vectors;

std::size_t vector_lanes() { return hn::Lanes(Doubles()); }

// Source rows that are asked for while others are multiplied, `step` bytes at a time.
struct Prefetch {
  const char* next;
  std::size_t step;
  void operator()() {
    __builtin_prefetch(next, 0, 2);
    next += step;
  }
};

// c[i, j] += sum over the rows of left_i right_j. A small tile takes several rows at once, so that
// enough sums are under way to hide the latency of an addition.
template <std::size_t Rows, std::size_t Vectors>
HWY_NOINLINE void add_tile(const double* left, const double* right, std::size_t stride,
                           std::size_t rows, double* HWY_RESTRICT c, std::size_t c_stride,
                           Prefetch& prefetch_later) {
  constexpr std::size_t fit = accumulators / (Rows * Vectors);
  constexpr std::size_t ways = fit >= 4 ? 4 : fit >= 2 ? 2 : 1;
  static_assert(row_unit % ways == 0);
  const Doubles tag;
  const std::size_t lanes = hn::Lanes(tag);
  Prefetch prefetch = prefetch_later;
  DoubleVector sum[ways][Rows][Vectors];
  const auto each = [](const auto& f) HWY_ATTR {
    unrolled<Rows>([&](auto i) HWY_ATTR { unrolled<Vectors>([&](auto v) HWY_ATTR { f(i, v); }); });
  };
  unrolled<ways>([&](auto way) HWY_ATTR {
    each([&](auto i, auto v) HWY_ATTR { sum[way][i][v] = hn::Zero(tag); });
  });
  for (std::size_t row = 0; row < rows; row += ways) {
    unrolled<ways>([&](auto way) HWY_ATTR {
      DoubleVector b[Vectors];
      unrolled<Vectors>([&](auto v) HWY_ATTR { b[v] = hn::LoadU(tag, right + v * lanes); });
      unrolled<Rows>([&](auto i) HWY_ATTR {
        const DoubleVector a = hn::Set(tag, left[i]);
        unrolled<Vectors>([&](auto v)
                              HWY_ATTR { sum[way][i][v] = hn::MulAdd(a, b[v], sum[way][i][v]); });
      });
      left += stride;
      right += stride;
      prefetch();
    });
  }
  each([&](auto i, auto v) HWY_ATTR {
    double* to = c + i * c_stride + v * lanes;
    DoubleVector total = hn::LoadU(tag, to);
    unrolled<ways>([&](auto way) HWY_ATTR { total = hn::Add(total, sum[way][i][v]); });
    hn::StoreU(total, tag, to);
  });
  prefetch_later = prefetch;
}

// Calls f with std::integral_constant n, 1 <= n <= Most.
template <std::size_t Most, class F>
void with_constant(std::size_t n, const F& f) {
  if (n == Most) {
    f(std::integral_constant<std::size_t, Most>());
  } else if constexpr (Most > 1) {
    with_constant<Most - 1>(n, f);
  }
}

// Calls f(first row, rows, first column, vectors) for the tiles that cover the lower triangle.
template <class F>
void for_each_tile(std::size_t size, const F& f) {
  const std::size_t lanes = hn::Lanes(Doubles()), tile_columns = tile_vectors * lanes;
  for (std::size_t j = 0; j < size; j += tile_columns) {
    for (std::size_t i = j / tile_rows * tile_rows; i < size; i += tile_rows) {
      const std::size_t rows = std::min(tile_rows, size - i);
      f(i, rows, j, std::min(tile_vectors, (i + rows - j + lanes - 1) / lanes));
    }
  }
}

// Lower triangle of c [size, c_stride] += block^T block. Right of it c may be overwritten.
void add_products(const double* block, std::size_t stride, std::size_t rows, std::size_t size,
                  double* c, std::size_t c_stride, const void* next, std::size_t next_bytes) {
  std::size_t tiles = 0;
  for_each_tile(size, [&](auto...) { ++tiles; });
  Prefetch prefetch{static_cast<const char*>(next),
                    next_bytes / std::max<std::size_t>(tiles * rows, 1)};
  for_each_tile(size, [&](std::size_t i, std::size_t height, std::size_t j, std::size_t vectors) {
    with_constant<tile_rows>(height, [&](auto constant_height) {
      with_constant<tile_vectors>(vectors, [&](auto constant_vectors) {
        add_tile<constant_height, constant_vectors>(block + i, block + j, stride, rows,
                                                    c + i * c_stride + j, c_stride, prefetch);
      });
    });
  });
}

// The first n of a vector, 0 in the other lanes. Where a masked load reads the whole vector from an
// aligned address, a copy is loaded instead.
template <class Tag, class T = hn::TFromD<Tag>>
HWY_INLINE hn::Vec<Tag> load_first(Tag tag, const T* from, std::size_t n) {
  if (n >= hn::Lanes(tag)) return hn::LoadU(tag, from);
#if HWY_TARGET <= HWY_AVX2 && HWY_ARCH_X86
  return hn::MaskedLoad(hn::FirstN(tag, n), tag, from);
#else
  T copy[HWY_LANES(T)] = {};
  std::copy_n(from, n, copy);
  return hn::LoadU(tag, copy);
#endif
}

// Rows minus the shift, times the root of their weight; adds their weighted sums to `sums`.
void form_samples(const Columns& m, const Block& block, double* HWY_RESTRICT sums) {
  const Doubles tag;
  const std::size_t lanes = hn::Lanes(tag), d = m.samples.cols, stride = block.stride;
  const std::size_t whole = d - d % lanes;  // columns in whole vectors
  const double* HWY_RESTRICT shift = m.shift;
  for (std::size_t r = 0; r < block.rows; r += row_unit) {
    const double* row[row_unit];
    DoubleVector root[row_unit];
    unrolled<row_unit>([&](auto k) HWY_ATTR {
      row[k] = m.samples.row(block.source_row(r + k));
      root[k] = hn::Set(tag, block.roots[r + k]);
    });
    double* HWY_RESTRICT to = block.values + r * stride;
    const auto form = [&](std::size_t j, const auto& load) HWY_ATTR {
      const DoubleVector center = load(shift + j);
      DoubleVector sum = hn::LoadU(tag, sums + j);
      unrolled<row_unit>([&](auto k) HWY_ATTR {
        const DoubleVector value = hn::Mul(root[k], hn::Sub(load(row[k] + j), center));
        hn::StoreU(value, tag, to + k * stride + j);
        sum = hn::MulAdd(root[k], value, sum);
      });
      hn::StoreU(sum, tag, sums + j);
    };
    for (std::size_t j = 0; j < whole; j += lanes)
      form(j, [&](const double* from) HWY_ATTR { return hn::LoadU(tag, from); });
    if (whole < d)
      form(whole, [&](const double* from) HWY_ATTR { return load_first(tag, from, d - whole); });
  }
}

// Score differences times the root of their weight. What a vector holds behind a row's last
// difference is overwritten by the next environment.
void form_differences(const Columns& m, const Block& block) {
  const Doubles tag;
  const Floats floats;
  const std::size_t lanes = hn::Lanes(tag), d = m.scores.cols;
  for (std::size_t e = 0; e < m.environments; ++e) {
    double* to = block.values + e * block.environment_stride;
    for (std::size_t r = 0; r < block.rows; ++r, to += block.stride) {
      const std::size_t k = block.source_row(r);
      const float* score = m.scores.row(e * m.rows + k);
      const float* base = m.base.data == nullptr ? nullptr : m.base.row(k);
      const DoubleVector root = hn::Set(tag, block.roots[r]);
      for (std::size_t j = 0; j < d; j += lanes) {
        DoubleVector value = hn::PromoteTo(tag, load_first(floats, score + j, d - j));
        if (base != nullptr)
          value = hn::Sub(hn::PromoteTo(tag, load_first(floats, base + j, d - j)), value);
        hn::StoreU(hn::Mul(root, value), tag, to + j);
      }
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace lodestein::kernels::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include <omp.h>

#include "kernels/memory.hpp"

namespace lodestein::kernels::cpu {

HWY_EXPORT(add_products);
HWY_EXPORT(form_differences);
HWY_EXPORT(form_samples);
HWY_EXPORT(vector_lanes);

namespace {

constexpr std::size_t most_chunks = 16;         // partial sums per matrix
constexpr std::size_t partial_bytes = 1 << 26;  // all partial sums of one matrix
constexpr std::size_t block_values = 1 << 16;   // half a MiB, a part of L2
constexpr std::size_t most_rows = 64;           // of a block
constexpr std::size_t line = 8;                 // values in a cache line

std::size_t round_up(std::size_t n, std::size_t unit) { return (n + unit - 1) / unit * unit; }

// None of this depends on the number of threads.
struct Plan {
  std::size_t group_stride, environment_stride, stride;
  std::size_t product_values, sum_values;
  std::size_t block_rows, blocks, chunks;

  explicit Plan(const Columns& m) {
    const std::size_t lanes = HWY_DYNAMIC_DISPATCH(vector_lanes)();
    group_stride = round_up(m.size, lanes);
    environment_stride = m.groups > 1 ? group_stride : m.scores.cols;
    // An odd number of cache lines, so that the rows of a few columns don't compete for the same.
    stride = (round_up(m.groups * group_stride + lanes, line) / line | 1) * line;
    product_values = m.groups * m.size * group_stride;
    sum_values = m.samples.data == nullptr ? 0 : group_stride;
    block_rows =
        std::clamp<std::size_t>(block_values / stride / row_unit * row_unit, row_unit, most_rows);
    blocks = (m.rows + block_rows - 1) / block_rows;
    const std::size_t most = partial_bytes / (8 * (product_values + sum_values + 1));
    chunks =
        std::clamp<std::size_t>(m.rows / 1024, 1, std::clamp<std::size_t>(most, 1, most_chunks));
  }
  std::size_t values() const { return product_values + sum_values + 1; }
  std::size_t first_row(std::size_t chunk) const { return blocks * chunk / chunks * block_rows; }
};

// Of one chunk: [groups, size, group_stride] products, the sums, the sum of weights.
using Partial = std::vector<double>;

// Roots of the weights of a block's rows, 0 past its last row; returns the sum of the weights.
double roots_of_weights(const Columns& matrix, const Block& block, double* roots) {
  const std::size_t rows = block.last - block.first + 1;
  std::fill(roots + rows, roots + block.rows, 0.0);
  if (matrix.weights == nullptr) {
    std::fill_n(roots, rows, 1.0);
    return static_cast<double>(rows);
  }
  const double* weights = matrix.weights + block.first;
  std::transform(weights, weights + rows, roots, [](double w) { return std::sqrt(w); });
  return std::accumulate(weights, weights + rows, 0.0);
}

void accumulate(const Columns& matrix, const Plan& plan, std::size_t chunk, double* values,
                Partial& partial) {
  const std::size_t end = std::min(plan.first_row(chunk + 1), matrix.rows);
  double roots[most_rows];
  double* sums = partial.data() + plan.product_values;
  for (std::size_t first = plan.first_row(chunk); first < end; first += plan.block_rows) {
    const std::size_t rows = std::min(plan.block_rows, end - first);
    const Block block{values,
                      roots,
                      first,
                      first + rows - 1,
                      round_up(rows, row_unit),
                      plan.stride,
                      plan.environment_stride};
    sums[plan.sum_values] += roots_of_weights(matrix, block, roots);
    const void* next = nullptr;
    std::size_t next_bytes = 0;
    if (matrix.samples.data != nullptr) {
      HWY_DYNAMIC_DISPATCH(form_samples)(matrix, block, sums);
      const std::size_t next_rows = std::min(plan.block_rows, matrix.rows - first - rows);
      next = matrix.samples.row(first + rows);
      next_bytes = next_rows * matrix.samples.stride * 8;
    } else {
      HWY_DYNAMIC_DISPATCH(form_differences)(matrix, block);
    }
    for (std::size_t g = 0; g < matrix.groups; ++g) {
      HWY_DYNAMIC_DISPATCH(add_products)
      (values + g * plan.group_stride, plan.stride, block.rows, matrix.size,
       partial.data() + g * matrix.size * plan.group_stride, plan.group_stride, next, next_bytes);
    }
  }
}

Products reduce(const Columns& matrix, const Plan& plan, std::vector<Partial>& partials) {
  Partial& total = partials.front();
  for (std::size_t c = 1; c < partials.size(); ++c) {
    for (std::size_t i = 0; i < total.size(); ++i) total[i] += partials[c][i];
  }
  Products products;
  products.stride = plan.group_stride;
  products.weight = total.back();
  const double* sums = total.data() + plan.product_values;
  products.sums.assign(sums, sums + std::min(matrix.size, plan.sum_values));
  products.of_columns = std::move(total);
  return products;
}

struct Task {
  std::size_t matrix, chunk;
};

}  // namespace

std::string instruction_set() {
  return hwy::TargetName(static_cast<int64_t>(hwy::SupportedTargets() & -hwy::SupportedTargets()));
}

std::vector<Products> sum_products(std::span<const Columns> matrices, int threads) {
  std::vector<Plan> plans;
  std::vector<std::vector<Partial>> partials;
  std::vector<Task> tasks;
  std::size_t largest_block = 0;
  for (std::size_t m = 0; m < matrices.size(); ++m) {
    const Plan& plan = plans.emplace_back(matrices[m]);
    partials.emplace_back(plan.chunks, Partial(plan.values(), 0.0));
    largest_block = std::max(largest_block, plan.block_rows * plan.stride);
    for (std::size_t c = 0; c < plan.chunks; ++c) tasks.push_back({m, c});
  }
  // All memory is taken before the threads start: an exception must not leave one.
  std::vector<Buffer<double>> blocks;  // aligned: a vector must not straddle two cache lines
  for (int t = 0; t < threads; ++t) {
    blocks.emplace_back(host_memory(), largest_block);
    blocks.back().clear();  // some columns behind the last are read but never written
  }
  const int count = static_cast<int>(tasks.size());
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
  for (int t = 0; t < count; ++t) {
    const Task task = tasks[static_cast<std::size_t>(t)];
    accumulate(matrices[task.matrix], plans[task.matrix], task.chunk,
               blocks[static_cast<std::size_t>(omp_get_thread_num())].data(),
               partials[task.matrix][task.chunk]);
  }
  std::vector<Products> products;
  for (std::size_t m = 0; m < matrices.size(); ++m)
    products.push_back(reduce(matrices[m], plans[m], partials[m]));
  return products;
}

}  // namespace lodestein::kernels::cpu

#endif  // HWY_ONCE
