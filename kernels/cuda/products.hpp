// Sums over rows of products of columns, for matrices that are formed on the fly: samples minus a
// shift, or score differences. Two phases: every (matrix, chunk of rows, pair of column tiles) is a
// block that leaves partial sums, which are then added in the order of the chunks.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "kernels/cuda/gpu.hpp"

namespace lodestein::kernels::LODESTEIN_GPU {

constexpr int product_threads = 64;  // of a block, 8 x 8
constexpr unsigned product_side = 8;
constexpr unsigned widest_tile = 32;  // columns; a thread has up to 4 x 4 sums of products
constexpr unsigned staged_rows = 32;  // in shared memory at a time
constexpr int entry_threads = 128;    // of a block that handles one entry a thread

/// How the sums of one matrix are laid out. Its columns fall into groups whose members are
/// multiplied with each other. None of this depends on the device or on the rest of a batch.
struct ProductPlan {
  std::size_t rows = 0, groups = 0, size = 0;  ///< size: columns of a group
  unsigned chunks = 0;                         ///< of rows
  unsigned width = 0, tiles = 0;               ///< of a tile; tiles of a group
  double* sums = nullptr;                      ///< [chunks, values]; the totals end up in chunk 0

  __host__ __device__ std::size_t columns() const { return groups * size; }
  /// [groups, size, size] sums of products (tiles on and above the diagonal), [columns] sums, and
  /// the sum of weights.
  __host__ __device__ std::size_t values() const { return columns() * (size + 1) + 1; }
  __host__ __device__ double product(std::size_t group, std::size_t i, std::size_t j) const {
    return sums[(group * size + i) * size + j];
  }
  __host__ __device__ double column_sum(std::size_t j) const { return sums[columns() * size + j]; }
  __host__ __device__ double weight() const { return sums[values() - 1]; }
};

/// One block's part of a matrix.
struct ProductTask {
  unsigned matrix, chunk, group, tile_i, tile_j;  ///< tile_i <= tile_j
};

inline ProductPlan plan_products(std::size_t rows, std::size_t groups, std::size_t size) {
  constexpr std::size_t most_blocks = 512, least_rows = 256;
  ProductPlan plan{rows, groups, size};
  plan.width = size <= 8 ? 8 : size <= 16 ? 16 : widest_tile;
  plan.tiles = static_cast<unsigned>((size + plan.width - 1) / plan.width);
  const std::size_t pairs = groups * plan.tiles * (plan.tiles + 1) / 2;
  const std::size_t most = std::max<std::size_t>(1, most_blocks / std::max<std::size_t>(pairs, 1));
  plan.chunks = static_cast<unsigned>(std::clamp<std::size_t>(rows / least_rows, 1, most));
  return plan;
}

inline std::vector<ProductTask> product_tasks(std::span<const ProductPlan> plans) {
  std::vector<ProductTask> tasks;
  for (unsigned m = 0; m < plans.size(); ++m) {
    for (unsigned chunk = 0; chunk < plans[m].chunks; ++chunk) {
      for (unsigned group = 0; group < plans[m].groups; ++group) {
        for (unsigned i = 0; i < plans[m].tiles; ++i) {
          for (unsigned j = i; j < plans[m].tiles; ++j) tasks.push_back({m, chunk, group, i, j});
        }
      }
    }
  }
  return tasks;
}

using StagedTile = double[staged_rows * widest_tile];  // [staged_rows, Width], without gaps

// Rows [first, first + count) of one tile of columns, times their weight if there is one; zero past
// the last row and column.
template <unsigned Width, class Source>
__device__ void stage_tile(const Source& source, std::size_t column, unsigned used,
                           std::size_t first, unsigned count, const double* weight,
                           StagedTile& tile) {
  const unsigned c = threadIdx.x % Width;
  const auto load = source.column(c < used ? column + c : column);
  for (unsigned k = threadIdx.x / Width; k < staged_rows; k += product_threads / Width) {
    double value = c < used && k < count ? load(first + k) : 0.0;
    if (weight != nullptr) value *= weight[k];
    traced_store(tile + k * Width + c, value);
  }
}

// A thread's Per x Per sums, over all rows of a chunk; neighbouring threads have neighbouring
// columns.
template <unsigned Per, class Source>
__device__ void multiply_tiles(const Source& source, const ProductPlan& plan,
                               const ProductTask& task, StagedTile& left, StagedTile& right,
                               double* weights) {
  constexpr unsigned width = Per * product_side;
  const unsigned thread = threadIdx.x, ty = thread / product_side, tx = thread % product_side;
  const std::size_t i0 = std::size_t{task.tile_i} * width;
  const std::size_t j0 = std::size_t{task.tile_j} * width;
  const auto used = [&](std::size_t start) {
    return static_cast<unsigned>(plan.size - start < width ? plan.size - start : width);
  };
  const unsigned used_i = used(i0), used_j = used(j0);
  const std::size_t first_column = task.group * plan.size;
  const std::size_t begin = plan.rows * task.chunk / plan.chunks;
  const std::size_t end = plan.rows * (task.chunk + 1) / plan.chunks;
  double sums[Per][Per] = {}, column_sum = 0.0, weight_sum = 0.0;
  for (std::size_t first = begin; first < end; first += staged_rows) {
    const auto count = static_cast<unsigned>(end - first < staged_rows ? end - first : staged_rows);
    if (thread < staged_rows)
      weights[thread] = thread < count ? source.weight(first + thread) : 0.0;
    __syncthreads();
    stage_tile<width>(source, first_column + i0, used_i, first, count, weights, left);
    stage_tile<width>(source, first_column + j0, used_j, first, count, nullptr, right);
    __syncthreads();
#pragma unroll 4
    for (unsigned k = 0; k < staged_rows; ++k) {
      double b[Per];
#pragma unroll
      for (unsigned j = 0; j < Per; ++j)
        b[j] = traced_load(right + k * width + tx + j * product_side);
#pragma unroll
      for (unsigned i = 0; i < Per; ++i) {
        const double a = traced_load(left + k * width + ty + i * product_side);
#pragma unroll
        for (unsigned j = 0; j < Per; ++j) sums[i][j] += a * b[j];
      }
    }
    if (task.tile_i == task.tile_j) {  // the plain sums, by threads of the block's first warp
      for (unsigned k = 0; k < staged_rows && thread < used_i; ++k)
        column_sum += left[k * width + thread];
      for (unsigned k = 0; k < staged_rows && thread == 0; ++k) weight_sum += weights[k];
    }
    __syncthreads();
  }
  double* out = plan.sums + task.chunk * plan.values();
#pragma unroll
  for (unsigned i = 0; i < Per; ++i) {
#pragma unroll
    for (unsigned j = 0; j < Per; ++j) {
      const unsigned row = ty + i * product_side, col = tx + j * product_side;
      if (row < used_i && col < used_j)
        traced_store(out + (first_column + i0 + row) * plan.size + j0 + col, sums[i][j]);
    }
  }
  if (task.tile_i != task.tile_j) return;
  if (thread < used_i) out[plan.columns() * plan.size + first_column + i0 + thread] = column_sum;
  if (thread == 0 && task.group == 0 && task.tile_i == 0) out[plan.values() - 1] = weight_sum;
}

template <class Source>
__global__ void __launch_bounds__(product_threads)
    partial_products(const Source* sources, const ProductPlan* plans, const ProductTask* tasks) {
  const ProductTask task = tasks[blockIdx.x];
  const ProductPlan plan = plans[task.matrix];
  const Source source = sources[task.matrix];
  LODESTEIN_SHARED(double[staged_rows * widest_tile], left);  // weighted
  LODESTEIN_SHARED(double[staged_rows * widest_tile], right);
  LODESTEIN_SHARED(double[staged_rows], weights);
  if (plan.width == 8) {
    multiply_tiles<1>(source, plan, task, left, right, weights);
  } else if (plan.width == 16) {
    multiply_tiles<2>(source, plan, task, left, right, weights);
  } else {
    multiply_tiles<4>(source, plan, task, left, right, weights);
  }
}

// Products below the diagonal are skipped: not all of them are there.
inline __global__ void __launch_bounds__(entry_threads)
    add_chunks(const ProductPlan* plans, unsigned count) {
  for (unsigned m = blockIdx.y; m < count; m += gridDim.y) {
    const ProductPlan plan = plans[m];
    const std::size_t values = plan.values();
    for (std::size_t v = blockIdx.x * entry_threads + threadIdx.x; v < values;
         v += std::size_t{gridDim.x} * entry_threads) {
      if (v < plan.columns() * plan.size && v % plan.size < v / plan.size % plan.size) continue;
      double sum = plan.sums[v];
      for (unsigned c = 1; c < plan.chunks; ++c) sum += traced_load(plan.sums + c * values + v);
      plan.sums[v] = sum;
    }
  }
}

/// Plans of a batch in the device's memory with the totals of each.
class ProductSums {
 public:
  template <class Source>
  ProductSums(const Device& device, std::vector<ProductPlan> plans, const Buffer<Source>& sources)
      : count_(static_cast<unsigned>(plans.size())) {
    std::size_t total = 0;
    for (const ProductPlan& plan : plans) total += plan.chunks * plan.values();
    sums_ = Buffer<double>(device, total);
    double* next = sums_.data();
    for (ProductPlan& plan : plans) {
      plan.sums = next;
      next += plan.chunks * plan.values();
      most_values_ = std::max(most_values_, plan.values());
    }
    plans_ = Buffer<ProductPlan>(device, plans);
    const Buffer<ProductTask> tasks(device, product_tasks(plans));
    device.launch("partial_products", partial_products<Source>, static_cast<unsigned>(tasks.size()),
                  product_threads, 0, sources.data(), plans_.data(), tasks.data());
    device.launch("add_chunks", add_chunks, entry_grid(), entry_threads, 0, plans_.data(), count_);
  }
  const ProductPlan* plans() const { return plans_.data(); }
  unsigned count() const { return count_; }
  /// Enough blocks for a thread per entry of the largest matrix, times the matrices.
  dim3 entry_grid() const {
    const std::size_t blocks = (most_values_ + entry_threads - 1) / entry_threads;
    return {static_cast<unsigned>(std::min<std::size_t>(blocks, 1024)), std::min(count_, 65535u)};
  }

 private:
  unsigned count_;
  std::size_t most_values_ = 0;
  Buffer<double> sums_;
  Buffer<ProductPlan> plans_;
};

}  // namespace lodestein::kernels::LODESTEIN_GPU
