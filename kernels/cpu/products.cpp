// Compiled once per vector instruction set by Highway's foreach_target.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/products.cpp"
#include "kernels/cpu/products.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include "hwy/foreach_target.h"  // must come before highway.h
#include "hwy/highway.h"

// A block of rows is packed with consecutive rows in the lanes of a vector: no lane is wasted
// whatever the number of columns, and no product below the diagonal is formed. Columns come in
// panels of a few, [step, column of the panel, lane], so that a register tile reads its two panels
// from end to end.

HWY_BEFORE_NAMESPACE();
namespace lodestein::kernels::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Doubles = hn::ScalableTag<double>;
using Floats = hn::Rebind<float, Doubles>;
using DoubleVector = hn::Vec<Doubles>;

// Columns of a panel: 25 accumulators of 32 registers, or 9 of 16.
constexpr std::size_t panel_columns = HWY_LANES(double) >= 8 ? 5 : 3;

std::size_t vector_lanes() { return hn::Lanes(Doubles()); }

// Calls f with std::integral_constant 0, ..., N - 1. The compiler's own unrolling comes too late to
// keep an array in registers.
template <std::size_t N, class F>
HWY_INLINE void unrolled(const F& f) {
  [&]<std::size_t... I>(std::index_sequence<I...>) HWY_ATTR {
    (f(std::integral_constant<std::size_t, I>()), ...);
  }
  (std::make_index_sequence<N>());
}

// c[i, j] += sum over the rows of left_i right_j, for all i and j, or for j >= i if Triangle.
template <std::size_t Rows, std::size_t Cols, bool Triangle>
HWY_NOINLINE void multiply_panels(const double* HWY_RESTRICT left, const double* HWY_RESTRICT right,
                                  std::size_t steps, double* HWY_RESTRICT c, std::size_t stride) {
  const Doubles tag;
  const std::size_t lanes = hn::Lanes(tag);
  DoubleVector sum[Rows][Cols];
  const auto each = [](const auto& f) HWY_ATTR {
    unrolled<Cols>([&](auto j) HWY_ATTR {
      unrolled<(Triangle ? j + 1 : Rows)>([&](auto i) HWY_ATTR { f(i, j); });
    });
  };
  each([&](auto i, auto j) HWY_ATTR { sum[i][j] = hn::Zero(tag); });
  for (std::size_t step = 0; step < steps; ++step) {
    DoubleVector a[Rows];
    unrolled<Rows>([&](auto i) HWY_ATTR { a[i] = hn::LoadU(tag, left + i * lanes); });
    unrolled<Cols>([&](auto j) HWY_ATTR {
      const DoubleVector b = Triangle ? a[j] : hn::LoadU(tag, right + j * lanes);
      unrolled<(Triangle ? j + 1 : Rows)>(
          [&](auto i) HWY_ATTR { sum[i][j] = hn::MulAdd(a[i], b, sum[i][j]); });
    });
    left += Rows * lanes;
    right += Cols * lanes;
  }
  each([&](auto i, auto j)
           HWY_ATTR { c[i * stride + j] += hn::GetLane(hn::SumOfLanes(tag, sum[i][j])); });
}

// Calls f with std::integral_constant n, 1 <= n <= panel_columns.
template <class F, std::size_t Width = panel_columns>
void with_width(std::size_t n, const F& f) {
  if (n == Width) {
    f(std::integral_constant<std::size_t, Width>());
  } else if constexpr (Width > 1) {
    with_width<F, Width - 1>(n, f);
  }
}

// Upper triangle of c += block^T block, for one group of `size` columns.
void rank_k_update(const double* block, std::size_t steps, std::size_t size, double* c) {
  const std::size_t column_values = steps * hn::Lanes(Doubles());
  for (std::size_t i = 0; i < size; i += panel_columns) {
    const double* left = block + i * column_values;
    with_width(std::min(panel_columns, size - i), [&](auto width) {
      multiply_panels<width, width, true>(left, left, steps, c + i * size + i, size);
    });
    for (std::size_t j = i + panel_columns; j < size; j += panel_columns) {
      with_width(std::min(panel_columns, size - j), [&](auto width) {
        multiply_panels<panel_columns, width, false>(left, block + j * column_values, steps,
                                                     c + i * size + j, size);
      });
    }
  }
}

// The rows of one vector. Lanes past the last row repeat it and get weight 0.
struct Step {
  std::size_t first;
  hn::Vec<hn::Rebind<std::int32_t, Doubles>> lane;
  DoubleVector root, weight;
};

Step step_at(const Columns& matrix, std::size_t first, std::size_t rows) {
  const Doubles tag;
  const hn::Rebind<std::int32_t, Doubles> integers;
  const std::size_t lanes = hn::Lanes(tag);
  const auto within = hn::FirstN(tag, rows);
  DoubleVector weight = hn::Set(tag, 1.0);
  if (matrix.weights != nullptr) {
    const double* w = matrix.weights + first;
    weight = rows >= lanes ? hn::LoadU(tag, w) : hn::MaskedLoad(within, tag, w);
  }
  weight = hn::IfThenElseZero(within, weight);
  const auto last = hn::Set(integers, static_cast<std::int32_t>(std::min(rows, lanes)) - 1);
  return {first, hn::Min(hn::Iota(integers, 0), last), hn::Sqrt(weight), weight};
}

struct ShiftedSamples {
  const Columns& matrix;
  void begin(const Step&) const {}
  DoubleVector operator()(const Step& step, std::size_t j) const {
    const Doubles tag;
    const hn::Rebind<std::int64_t, Doubles> integers;
    const auto stride = hn::Set(integers, static_cast<std::int64_t>(matrix.samples.stride));
    const auto index = hn::Mul(hn::PromoteTo(integers, step.lane), stride);
    const double* first = matrix.samples.row(step.first) + j;
    return hn::Sub(hn::GatherIndex(tag, first, index), hn::Set(tag, matrix.shift[j]));
  }
};

struct ScoreDifferences {
  const Columns& matrix;
  double* base;  // [d, lanes], of the step; not written where the matrix has none
  DoubleVector gather(const View<const float>& scores, std::size_t row, const Step& step,
                      std::size_t j) const {
    const hn::Rebind<std::int32_t, Doubles> integers;
    const auto stride = hn::Set(integers, static_cast<std::int32_t>(scores.stride));
    const Floats floats;
    const float* first = scores.row(row + step.first) + j;
    return hn::PromoteTo(Doubles(), hn::GatherIndex(floats, first, hn::Mul(step.lane, stride)));
  }
  void begin(const Step& step) const {
    const Doubles tag;
    for (std::size_t j = 0; j < matrix.base.cols; ++j)
      hn::StoreU(gather(matrix.base, 0, step, j), tag, base + j * hn::Lanes(tag));
  }
  DoubleVector operator()(const Step& step, std::size_t column) const {
    const Doubles tag;
    const std::size_t environment = column / matrix.scores.cols, j = column % matrix.scores.cols;
    const DoubleVector score = gather(matrix.scores, environment * matrix.rows, step, j);
    if (matrix.base.data == nullptr) return score;
    return hn::Sub(hn::LoadU(tag, base + j * hn::Lanes(tag)), score);
  }
};

template <class Source>
void pack_from(const Source& source, std::size_t first, std::size_t rows, double* block,
               double* sums) {
  const Columns& matrix = source.matrix;
  const Doubles tag;
  const std::size_t lanes = hn::Lanes(tag), steps = (rows + lanes - 1) / lanes;
  double* total = sums + matrix.count() * lanes;
  for (std::size_t s = 0; s < steps; ++s) {
    const Step step = step_at(matrix, first + s * lanes, rows - s * lanes);
    hn::StoreU(hn::Add(hn::LoadU(tag, total), step.weight), tag, total);
    source.begin(step);
    for (std::size_t g = 0; g < matrix.groups; ++g) {
      for (std::size_t i = 0; i < matrix.size; i += panel_columns) {
        const std::size_t width = std::min(panel_columns, matrix.size - i);
        double* panel = block + (g * matrix.size + i) * steps * lanes + s * width * lanes;
        double* sum = sums + (g * matrix.size + i) * lanes;
        for (std::size_t j = 0; j < width; ++j, sum += lanes) {
          const DoubleVector value = hn::Mul(step.root, source(step, g * matrix.size + i + j));
          hn::StoreU(value, tag, panel + j * lanes);
          hn::StoreU(hn::MulAdd(step.root, value, hn::LoadU(tag, sum)), tag, sum);
        }
      }
    }
  }
}

// Packs rows [first, first + rows) times the root of their weight, and adds their weighted sums and
// weights to `sums` [count + 1, lanes]. Needs room for a step of `base` behind the block.
void pack(const Columns& matrix, std::size_t first, std::size_t rows, double* block, double* sums) {
  if (matrix.samples.data != nullptr) {
    pack_from(ShiftedSamples{matrix}, first, rows, block, sums);
  } else {
    const std::size_t lanes = vector_lanes(), steps = (rows + lanes - 1) / lanes;
    double* behind = block + matrix.count() * steps * lanes;
    pack_from(ScoreDifferences{matrix, behind}, first, rows, block, sums);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace lodestein::kernels::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include <omp.h>

#include "kernels/memory.hpp"

namespace lodestein::kernels::cpu {

HWY_EXPORT(pack);
HWY_EXPORT(rank_k_update);
HWY_EXPORT(vector_lanes);

namespace {

constexpr std::size_t most_chunks = 16;         // partial sums per matrix
constexpr std::size_t partial_bytes = 1 << 26;  // all partial sums of one matrix
constexpr std::size_t block_values = 1 << 17;   // packed at a time: half of a 2 MiB L2
constexpr std::size_t row_unit = 64;            // rows of a block are a multiple of it

// None of this depends on the number of threads.
struct Plan {
  std::size_t columns, product_values, lanes, base_values, sum_values;
  std::size_t block_rows, blocks, chunks;

  explicit Plan(const Columns& m)
      : columns(m.count()),
        product_values(columns * m.size),
        lanes(HWY_DYNAMIC_DISPATCH(vector_lanes)()),
        base_values(m.base.cols * lanes) {
    sum_values = (columns + 1) * lanes;
    const std::size_t fit = block_values / std::max<std::size_t>(columns, 1) / row_unit * row_unit;
    block_rows = std::clamp<std::size_t>(fit, row_unit, 7 * row_unit);
    blocks = (m.rows + block_rows - 1) / block_rows;
    const std::size_t most = partial_bytes / (8 * (product_values + sum_values));
    chunks =
        std::clamp<std::size_t>(m.rows / 1024, 1, std::clamp<std::size_t>(most, 1, most_chunks));
  }
  std::size_t packed_values() const { return columns * block_rows + base_values; }
  std::size_t first_row(std::size_t chunk) const { return blocks * chunk / chunks * block_rows; }
};

// [product_values] and [sum_values] of one chunk
using Partial = std::vector<double>;

void accumulate(const Columns& matrix, const Plan& plan, std::size_t chunk, double* block,
                Partial& partial) {
  const std::size_t end = std::min(plan.first_row(chunk + 1), matrix.rows);
  for (std::size_t first = plan.first_row(chunk); first < end; first += plan.block_rows) {
    const std::size_t rows = std::min(plan.block_rows, end - first);
    const std::size_t steps = (rows + plan.lanes - 1) / plan.lanes;
    HWY_DYNAMIC_DISPATCH(pack)
    (matrix, first, rows, block, partial.data() + plan.product_values);
    for (std::size_t g = 0; g < matrix.groups; ++g) {
      HWY_DYNAMIC_DISPATCH(rank_k_update)
      (block + g * matrix.size * steps * plan.lanes, steps, matrix.size,
       partial.data() + g * matrix.size * matrix.size);
    }
  }
}

Products reduce(const Plan& plan, std::vector<Partial>& partials) {
  Partial& total = partials.front();
  for (std::size_t c = 1; c < partials.size(); ++c) {
    for (std::size_t i = 0; i < total.size(); ++i) total[i] += partials[c][i];
  }
  Products products;
  const double* lane = total.data() + plan.product_values;
  for (std::size_t j = 0; j <= plan.columns; ++j, lane += plan.lanes) {
    double sum = 0.0;
    for (std::size_t l = 0; l < plan.lanes; ++l) sum += lane[l];
    products.sums.push_back(sum);
  }
  products.weight = products.sums.back();
  products.sums.pop_back();
  total.resize(plan.product_values);
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
    partials.emplace_back(plan.chunks, Partial(plan.product_values + plan.sum_values, 0.0));
    largest_block = std::max(largest_block, plan.packed_values());
    for (std::size_t c = 0; c < plan.chunks; ++c) tasks.push_back({m, c});
  }
  // All memory is taken before the threads start: an exception must not leave one.
  std::vector<Buffer<double>> blocks;  // aligned: a vector must not straddle two cache lines
  for (int t = 0; t < threads; ++t) blocks.emplace_back(host_memory(), largest_block);
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
    products.push_back(reduce(plans[m], partials[m]));
  return products;
}

}  // namespace lodestein::kernels::cpu

#endif  // HWY_ONCE
