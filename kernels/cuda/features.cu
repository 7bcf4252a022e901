// Samples go in slices of 512 rows: one kernel writes a slice's columns, others multiply them in
// fp32, and the slices' sums are added in fp64 in the order of the slices. As many slices as fit
// into a budget of memory are in flight; it doesn't matter to the result how many.
#include <algorithm>
#include <type_traits>
#include <vector>

#include "kernels/cuda/features.hpp"
#include "kernels/feature_pass.hpp"

namespace lodestein::kernels::LODESTEIN_GPU {
namespace {

constexpr unsigned slice_rows = 512;
constexpr unsigned block_threads = 256;
constexpr unsigned block_side = 16;                        // of a block of 16 x 16 threads
constexpr unsigned fill_tile = 64;                         // rows and columns of a block that fills
constexpr unsigned fill_steps = 16;                        // dimensions in shared memory at a time
constexpr std::size_t slice_bytes = std::size_t{1} << 28;  // of all slices in flight

/// Rows [first, first + rows) of problem `problem` and where its columns and sums go.
struct Slice {
  unsigned problem = 0, rows = 0;
  std::size_t first = 0;
  float* panel = nullptr;   ///< [slice_rows, stride]
  float* second = nullptr;  ///< [stride, stride]; tiles on and above the diagonal
  float* cross = nullptr;   ///< [targets, stride]
};

/// A problem's columns; stride is a multiple of the tile of its symmetric product.
struct Panels {
  FeatureColumns columns;
  View<const float> x;
  std::size_t stride = 0;
};

// cos(x + quarters pi / 2) for |x| <= 10^4 within 2e-7; see kernels/cpu/features.cpp.
__device__ float shifted_cosine(float x, int quarters) {
  const float n = rintf(x * 0.636619772f);
  float r = fmaf(n, -1.5703125f, x);
  r = fmaf(n, -4.837512969970703125e-4f, r);
  r = fmaf(n, -7.54978995489188216e-8f, r);
  const int quadrant = static_cast<int>(n) + quarters;
  const float square = r * r;
  float sine = fmaf(-1.9515295891e-4f, square, 8.3321608736e-3f);
  sine = fmaf(sine, square, -1.6666654611e-1f);
  sine = fmaf(sine * square, r, r);
  float cosine = fmaf(2.443315711809948e-5f, square, -1.388731625493765e-3f);
  cosine = fmaf(cosine, square, 4.166664568298827e-2f);
  cosine = fmaf(cosine * square, square, fmaf(-0.5f, square, 1.0f));
  const float value = quadrant % 2 == 0 ? cosine : sine;
  return ((quadrant + 1) & 2) != 0 ? -value : value;
}

__device__ float monomial(const Panels& p, std::size_t row, std::size_t k) {
  float value = 1.0f;
  for (unsigned f = 0; f < p.columns.degree; ++f) {
    const std::uint32_t i = p.columns.factors[k * p.columns.degree + f];
    if (i < p.columns.dimension) value *= p.x(row, i);
  }
  return value;
}

struct FillTask {
  unsigned slice, row, column;  ///< the first of fill_tile
};

// A thread writes 4 rows by 4 columns, as if all were cosines; 0 past the last column and row. Then
// the monomials.
__global__ void __launch_bounds__(block_threads, 3)
    fill_panels(const Panels* panels, const Slice* slices, const FillTask* tasks) {
  // A half warp stores 16 dimensions of a row: one to the even banks, the other to the odd ones.
  LODESTEIN_SHARED(float[fill_steps][fill_tile + 2], points);
  LODESTEIN_SHARED(float[fill_steps][fill_tile + 4], frequencies);
  const FillTask task = tasks[blockIdx.x];
  const Slice slice = slices[task.slice];
  const Panels& p = panels[slice.problem];
  const unsigned row0 = task.row;
  const unsigned ty = threadIdx.x / block_side, tx = threadIdx.x % block_side;
  const std::size_t monomials = p.columns.monomials, count = p.columns.count();
  const std::size_t d = p.columns.dimension;
  float sum[4][4];
#pragma unroll
  for (unsigned j = 0; j < 4; ++j) {
    const std::size_t c = task.column + 4 * tx + j;
    const float phase = c >= monomials && c < count ? p.columns.phases[c - monomials] : 0.0f;
#pragma unroll
    for (unsigned i = 0; i < 4; ++i) sum[i][j] = phase;
  }
  const bool any_fourier = task.column + fill_tile > monomials && task.column < count;
  for (std::size_t first = 0; any_fourier && first < d; first += fill_steps) {
    for (unsigned e = threadIdx.x; e < fill_steps * fill_tile; e += block_threads) {
      const unsigned k = e % fill_steps, at = e / fill_steps;
      const std::size_t c = task.column + at;
      const bool within = first + k < d;
      const bool row = within && row0 + at < slice.rows;
      const bool fourier = within && c >= monomials && c < count;
      traced_store(&points[k][at],
                   row ? traced_load(&p.x(slice.first + row0 + at, first + k)) : 0.0f);
      traced_store(&frequencies[k][at],
                   fourier ? traced_load(&p.columns.frequencies(c - monomials, first + k)) : 0.0f);
    }
    __syncthreads();
#pragma unroll 4
    for (unsigned k = 0; k < fill_steps; ++k) {
      const float4 w = traced_load(four(&frequencies[k][4 * tx]));
#pragma unroll
      for (unsigned i = 0; i < 4; ++i) {
        const float x = traced_load(&points[k][4 * ty + i]);
        sum[i][0] = fmaf(x, w.x, sum[i][0]);
        sum[i][1] = fmaf(x, w.y, sum[i][1]);
        sum[i][2] = fmaf(x, w.z, sum[i][2]);
        sum[i][3] = fmaf(x, w.w, sum[i][3]);
      }
    }
    __syncthreads();
  }
#pragma unroll
  for (unsigned i = 0; i < 4; ++i) {
    const unsigned row = row0 + 4 * ty + i;
    float* out = slice.panel + row * p.stride + task.column + 4 * tx;
#pragma unroll
    for (unsigned j = 0; j < 4; ++j) {
      const bool within = row < slice.rows && task.column + 4 * tx + j < count;
      sum[i][j] = within ? shifted_cosine(sum[i][j], p.columns.quarters) : 0.0f;
    }
    traced_store(four(out), make_float4(sum[i][0], sum[i][1], sum[i][2], sum[i][3]));
  }
  if (task.column >= monomials) return;  // the whole block
  __syncthreads();
  const unsigned at = threadIdx.x % fill_tile;
  if (task.column + at >= monomials) return;
#pragma unroll 1
  for (unsigned s = threadIdx.x / fill_tile; s < fill_tile; s += block_threads / fill_tile) {
    const unsigned row = row0 + s;
    traced_store(slice.panel + row * p.stride + task.column + at,
                 row < slice.rows ? monomial(p, slice.first + row, task.column + at) : 0.0f);
  }
}

struct ProductTask {
  unsigned slice, tile_i, tile_j;  ///< tile_i <= tile_j
};

// Rows in shared memory at a time, so many that a thread loads 16 bytes of them.
template <unsigned Per>
constexpr unsigned product_steps = 64 / Per;

// Tile (i, j) of a slice's panel^T w panel. A thread has Per x Per sums, 4 neighbouring columns in
// each 64 of the tile; the next rows are on their way while these are multiplied.
template <unsigned Per>
__global__ void __launch_bounds__(block_threads, Per == 8 ? 2 : 3)
    multiply_columns(const FeatureSums* sums, const Panels* panels, const Slice* slices,
                     const ProductTask* tasks) {
  constexpr unsigned width = Per * block_side, steps = product_steps<Per>;
  LODESTEIN_SHARED(float[2][steps][width], left);
  LODESTEIN_SHARED(float[2][steps][width], right);
  const ProductTask task = tasks[blockIdx.x];
  const Slice& slice = slices[task.slice];
  const auto stride = static_cast<unsigned>(panels[slice.problem].stride);
  const unsigned rows = slice.rows, own_row = threadIdx.x / (width / 4);
  const unsigned own_column = threadIdx.x % (width / 4) * 4;
  const float* next = slice.panel + own_row * stride + own_column;
  const float* weights = sums[slice.problem].weights;
  if (weights != nullptr) weights += slice.first;
  const unsigned ty = threadIdx.x / block_side, tx = threadIdx.x % block_side;
  float sum[Per][Per] = {};
  float4 next_a, next_b;
  const auto load = [&](unsigned row) {
    next_a = traced_load(four(next + task.tile_i * width));
    next_b = traced_load(four(next + task.tile_j * width));
    next += steps * stride;
    if (weights == nullptr) return;
    const float w = row < rows ? weights[row] : 0.0f;
    next_a = make_float4(w * next_a.x, w * next_a.y, w * next_a.z, w * next_a.w);
  };
  const auto store = [&](unsigned page) {
    traced_store(four(&left[page][own_row][own_column]), next_a);
    traced_store(four(&right[page][own_row][own_column]), next_b);
  };
  load(own_row);
  store(0);
  __syncthreads();
  unsigned page = 0;
  for (unsigned row = 0; row < rows; row += steps, page ^= 1) {
    const bool more = row + steps < rows;
    if (more) load(row + steps + own_row);
#pragma unroll
    for (unsigned k = 0; k < steps; ++k) {
      float a[Per], b[Per];
#pragma unroll
      for (unsigned q = 0; q < Per; q += 4) {
        const float4 l = traced_load(four(&left[page][k][16 * q + 4 * ty]));
        const float4 r = traced_load(four(&right[page][k][16 * q + 4 * tx]));
        a[q] = l.x, a[q + 1] = l.y, a[q + 2] = l.z, a[q + 3] = l.w;
        b[q] = r.x, b[q + 1] = r.y, b[q + 2] = r.z, b[q + 3] = r.w;
      }
#pragma unroll
      for (unsigned i = 0; i < Per; ++i) {
#pragma unroll
        for (unsigned j = 0; j < Per; ++j) sum[i][j] = fmaf(a[i], b[j], sum[i][j]);
      }
    }
    if (more) store(page ^ 1);
    __syncthreads();
  }
#pragma unroll
  for (unsigned i = 0; i < Per; ++i) {
    const std::size_t out_row = task.tile_i * width + i / 4 * 64 + 4 * ty + i % 4;
    float* out = slice.second + out_row * stride + task.tile_j * width + 4 * tx;
#pragma unroll
    for (unsigned q = 0; q < Per; q += 4) {
      traced_store(four(out + 16 * q),
                   make_float4(sum[i][q], sum[i][q + 1], sum[i][q + 2], sum[i][q + 3]));
    }
  }
}

struct CrossTask {
  unsigned slice, column, target;  ///< the first of block_threads and cross_targets
};

constexpr unsigned cross_targets = 8;

// One thread per column and 8 targets, whose values are the same for all threads of a block.
__global__ void __launch_bounds__(block_threads)
    multiply_targets(const FeatureSums* sums, const Panels* panels, const Slice* slices,
                     const CrossTask* tasks) {
  const CrossTask task = tasks[blockIdx.x];
  const Slice slice = slices[task.slice];
  const View<const float> targets = sums[slice.problem].targets;
  const std::size_t stride = panels[slice.problem].stride, column = task.column + threadIdx.x;
  const std::size_t count = sums[slice.problem].target_count() - task.target;
  if (column >= stride) return;
  float sum[cross_targets] = {};
  for (unsigned s = 0; s < slice.rows; ++s) {
    const float value = traced_load(slice.panel + s * stride + column);
#pragma unroll
    for (unsigned t = 0; t < cross_targets; ++t) {
      if (t >= count) continue;
      const float target =
          targets.data == nullptr ? 1.0f : traced_load(&targets(slice.first + s, task.target + t));
      sum[t] = fmaf(value, target, sum[t]);
    }
  }
#pragma unroll
  for (unsigned t = 0; t < cross_targets; ++t) {
    if (t < count) traced_store(slice.cross + (task.target + t) * stride + column, sum[t]);
  }
}

// The slices of one problem that are in flight.
struct SliceRange {
  unsigned problem, first, count;
  bool begins, ends;  ///< these are its first, its last
};

// total = (total + what value(slice) points to, in order) times scale after the last.
template <class Value>
__device__ void add_in_order(const SliceRange& range, double scale, double* total,
                             const Value& value) {
  double sum = range.begins ? 0.0 : *total;
  for (unsigned s = range.first; s < range.first + range.count; ++s)
    sum += static_cast<double>(traced_load(value(s)));
  *total = range.ends ? sum * scale : sum;
}

// One thread per entry, of second (j >= i), then of cross.
__global__ void __launch_bounds__(block_threads)
    add_slices(const FeatureSums* sums, const Panels* panels, const Slice* slices,
               const SliceRange* ranges, unsigned count) {
  for (unsigned r = blockIdx.y; r < count; r += gridDim.y) {
    const SliceRange range = ranges[r];
    const FeatureSums s = sums[range.problem];
    const std::size_t stride = panels[range.problem].stride, columns = s.columns.count();
    const std::size_t seconds = s.second_entries(), targets = s.target_count();
    const std::size_t entries = s.entries();
    const double scale = 1.0 / static_cast<double>(s.x.rows);
    for (std::size_t e = blockIdx.x * block_threads + threadIdx.x; e < entries;
         e += std::size_t{gridDim.x} * block_threads) {
      if (e < seconds) {
        const std::size_t i = e / columns, j = e % columns;
        if (i > j) continue;
        add_in_order(range, scale, s.second + e,
                     [&](unsigned at) { return slices[at].second + i * stride + j; });
      } else {
        const std::size_t i = (e - seconds) / targets, t = (e - seconds) % targets;
        add_in_order(range, scale, s.cross + (e - seconds),
                     [&](unsigned at) { return slices[at].cross + t * stride + i; });
      }
    }
  }
}

struct ValueTask {
  unsigned slice, row, column;  ///< the first of value_rows and value_cols
};

constexpr unsigned value_rows = 64, value_cols = 32, value_steps = 32;

// 64 rows by 32 columns of panel coefficients; a thread has 4 by 2.
__global__ void __launch_bounds__(block_threads)
    multiply_coefficients(const FeatureValues* values, const Panels* panels, const Slice* slices,
                          const ValueTask* tasks) {
  LODESTEIN_SHARED(float[value_rows][value_steps + 1], left);
  LODESTEIN_SHARED(float[value_steps][value_cols], right);
  const ValueTask task = tasks[blockIdx.x];
  const Slice slice = slices[task.slice];
  const FeatureValues v = values[slice.problem];
  const unsigned row0 = task.row;
  const std::size_t stride = panels[slice.problem].stride, count = v.columns.count();
  const unsigned ty = threadIdx.x / block_side, tx = threadIdx.x % block_side;
  float sum[4][2] = {};
  for (std::size_t first = 0; first < count; first += value_steps) {
    for (unsigned e = threadIdx.x; e < value_rows * value_steps; e += block_threads) {
      const unsigned i = e / value_steps, k = e % value_steps;
      traced_store(&left[i][k], traced_load(slice.panel + (row0 + i) * stride + first + k));
    }
    for (unsigned e = threadIdx.x; e < value_steps * value_cols; e += block_threads) {
      const unsigned k = e / value_cols, j = e % value_cols;
      const bool within = first + k < count && task.column + j < v.out.cols;
      const std::size_t from = (first + k) * v.out.cols + task.column + j;
      traced_store(&right[k][j], within ? traced_load(v.coefficients + from) : 0.0f);
    }
    __syncthreads();
#pragma unroll 8
    for (unsigned k = 0; k < value_steps; ++k) {
      const float2 b = traced_load(reinterpret_cast<const float2*>(&right[k][2 * tx]));
#pragma unroll
      for (unsigned i = 0; i < 4; ++i) {
        const float a = traced_load(&left[4 * ty + i][k]);
        sum[i][0] = fmaf(a, b.x, sum[i][0]);
        sum[i][1] = fmaf(a, b.y, sum[i][1]);
      }
    }
    __syncthreads();
  }
#pragma unroll
  for (unsigned i = 0; i < 4; ++i) {
#pragma unroll
    for (unsigned j = 0; j < 2; ++j) {
      const unsigned row = row0 + 4 * ty + i, column = task.column + 2 * tx + j;
      if (row < slice.rows && column < v.out.cols)
        traced_store(&v.out(slice.first + row, column), sum[i][j]);
    }
  }
}

// The columns themselves.
__global__ void __launch_bounds__(block_threads)
    copy_columns(const FeatureValues* values, const Panels* panels, const Slice* slices,
                 const ValueTask* tasks) {
  const ValueTask task = tasks[blockIdx.x];
  const Slice slice = slices[task.slice];
  const FeatureValues v = values[slice.problem];
  const std::size_t stride = panels[slice.problem].stride;
  const unsigned column = task.column + threadIdx.x % value_cols;
  const unsigned end = task.row + value_rows;
  if (column >= v.out.cols) return;
  for (unsigned s = task.row + threadIdx.x / value_cols; s < end && s < slice.rows;
       s += block_threads / value_cols) {
    traced_store(&v.out(slice.first + s, column),
                 traced_load(slice.panel + s * stride + column + v.skipped));
  }
}

template <class Task>
__global__ void __launch_bounds__(block_threads) finish_entries(const Task* tasks, unsigned count) {
  for (unsigned t = blockIdx.y; t < count; t += gridDim.y) {
    const Task& task = tasks[t];
    const std::size_t entries = task.entries();
    for (std::size_t e = blockIdx.x * block_threads + threadIdx.x; e < entries;
         e += std::size_t{gridDim.x} * block_threads)
      task(e);
  }
}

std::size_t rounded_up(std::size_t value, std::size_t unit) {
  return (value + unit - 1) / unit * unit;
}

// Blocks for a thread per entry of the largest task, times the tasks.
dim3 entry_grid(std::size_t most_entries, std::size_t tasks) {
  const std::size_t blocks = (most_entries + block_threads - 1) / block_threads;
  return {static_cast<unsigned>(std::clamp<std::size_t>(blocks, 1, 1024)),
          static_cast<unsigned>(std::min<std::size_t>(tasks, 65535))};
}

unsigned narrow(std::size_t value) { return static_cast<unsigned>(value); }

// Calls add(row, column) for the first of every tile.
template <class Add>
void add_tiles(std::size_t rows, std::size_t tile_rows, std::size_t cols, std::size_t tile_cols,
               const Add& add) {
  for (std::size_t row = 0; row < rows; row += tile_rows) {
    for (std::size_t column = 0; column < cols; column += tile_cols)
      add(narrow(row), narrow(column));
  }
}

/// Columns of a tile of the symmetric product; one tile if they fit into the small one.
unsigned tile_width(std::size_t columns) { return columns <= 64 ? 64 : 128; }

template <class Problem>
Panels panels_of(const Problem& problem) {
  const std::size_t columns = problem.columns.count();
  return {problem.columns, problem.x, rounded_up(columns, tile_width(columns))};
}

std::size_t partial_floats(const FeatureSums& sums, std::size_t stride) {
  return (sums.second == nullptr ? 0 : stride * stride) +
         (sums.cross == nullptr ? 0 : stride * sums.target_count());
}
std::size_t partial_floats(const FeatureValues&, std::size_t) { return 0; }

void place_partials(const FeatureSums& sums, std::size_t stride, float* memory, Slice& slice) {
  if (sums.second != nullptr) slice.second = memory;
  slice.cross = memory + (sums.second == nullptr ? 0 : stride * stride);
}
void place_partials(const FeatureValues&, std::size_t, float*, Slice&) {}

class Engine {
 public:
  explicit Engine(const Device& device) : device_(device) {}
  const Memory& memory() const { return device_; }

  void evaluate(std::span<const FeatureValues> problems) const {
    in_waves(problems, [&](const Uploaded<FeatureValues>& at, std::span<const Slice> slices,
                           const Buffer<Slice>& there) {
      std::vector<ValueTask> products, copies;
      for (unsigned s = 0; s < slices.size(); ++s) {
        const FeatureValues& v = problems[slices[s].problem];
        std::vector<ValueTask>& tasks = v.coefficients == nullptr ? copies : products;
        add_tiles(slices[s].rows, value_rows, v.out.cols, value_cols,
                  [&](unsigned row, unsigned column) {
                    tasks.push_back({s, row, column});
                  });
      }
      const Buffer<ValueTask> p(device_, products), c(device_, copies);
      device_.launch("multiply_coefficients", multiply_coefficients, narrow(p.size()),
                     block_threads, 0, at.problems.data(), at.panels.data(), there.data(),
                     p.data());
      device_.launch("copy_columns", copy_columns, narrow(c.size()), block_threads, 0,
                     at.problems.data(), at.panels.data(), there.data(), c.data());
    });
  }

  void sum(std::span<const FeatureSums> problems) const {
    in_waves(problems, [&](const Uploaded<FeatureSums>& at, std::span<const Slice> slices,
                           const Buffer<Slice>& there) {
      multiply<4>(problems, at, slices, there);
      multiply<8>(problems, at, slices, there);
      multiply_cross(problems, at, slices, there);
      add(problems, at, slices, there);
    });
  }

  template <class Task>
  void each(std::span<const Task> tasks) const {
    if (tasks.empty()) return;
    std::size_t most = 0;
    for (const Task& task : tasks) most = std::max(most, task.entries());
    const Buffer<Task> there(device_, tasks);
    device_.launch("finish_entries", finish_entries<Task>, entry_grid(most, tasks.size()),
                   block_threads, 0, there.data(), narrow(tasks.size()));
  }

 private:
  template <class Problem>
  struct Uploaded {
    Buffer<Problem> problems;
    Buffer<Panels> panels;
  };

  // Cuts the problems into slices, fills the panels of as many as fit at a time, and calls
  // use(problems and panels in the device's memory, slices, slices in the device's memory).
  template <class Problem, class Use>
  void in_waves(std::span<const Problem> problems, const Use& use) const {
    std::vector<Panels> panels;
    for (const Problem& problem : problems) panels.push_back(panels_of(problem));
    const Uploaded<Problem> at{Buffer<Problem>(device_, problems), Buffer<Panels>(device_, panels)};
    std::vector<Slice> wave;
    std::size_t floats = 0;
    const auto flush = [&] {
      if (wave.empty()) return;
      const Buffer<float> memory(device_, floats);
      place(problems, panels, memory.data(), wave);
      const Buffer<Slice> there(device_, wave);
      fill(panels, at.panels, wave, there);
      use(at, std::span<const Slice>(wave), there);
      wave.clear();
      floats = 0;
    };
    for (unsigned p = 0; p < problems.size(); ++p) {
      const std::size_t stride = panels[p].stride, n = problems[p].x.rows;
      const std::size_t room = slice_rows * stride + partial_floats(problems[p], stride);
      for (std::size_t first = 0; first < n; first += slice_rows) {
        if (sizeof(float) * (floats + room) > slice_bytes) flush();
        floats += room;
        wave.push_back({p, narrow(std::min<std::size_t>(slice_rows, n - first)), first});
      }
    }
    flush();
  }

  template <class Problem>
  static void place(std::span<const Problem> problems, const std::vector<Panels>& panels,
                    float* next, std::vector<Slice>& wave) {
    for (Slice& slice : wave) {
      const std::size_t stride = panels[slice.problem].stride;
      slice.panel = next;
      next += slice_rows * stride;
      place_partials(problems[slice.problem], stride, next, slice);
      next += partial_floats(problems[slice.problem], stride);
    }
  }

  void fill(const std::vector<Panels>& panels, const Buffer<Panels>& at,
            const std::vector<Slice>& slices, const Buffer<Slice>& there) const {
    std::vector<FillTask> tasks;
    for (unsigned s = 0; s < slices.size(); ++s) {
      add_tiles(slices[s].rows, fill_tile, panels[slices[s].problem].stride, fill_tile,
                [&](unsigned row, unsigned column) {
                  tasks.push_back({s, row, column});
                });
    }
    const Buffer<FillTask> uploaded(device_, tasks);
    device_.launch("fill_panels", fill_panels, narrow(tasks.size()), block_threads, 0, at.data(),
                   there.data(), uploaded.data());
  }

  template <unsigned Per>
  void multiply(std::span<const FeatureSums> problems, const Uploaded<FeatureSums>& at,
                std::span<const Slice> slices, const Buffer<Slice>& there) const {
    constexpr unsigned width = Per * block_side;
    std::vector<ProductTask> tasks;
    for (unsigned s = 0; s < slices.size(); ++s) {
      const FeatureSums& sums = problems[slices[s].problem];
      const std::size_t columns = sums.columns.count();
      if (sums.second == nullptr || tile_width(columns) != width) continue;
      const unsigned tiles = narrow(rounded_up(columns, width) / width);
      for (unsigned i = 0; i < tiles; ++i) {
        for (unsigned j = i; j < tiles; ++j) tasks.push_back({s, i, j});
      }
    }
    const Buffer<ProductTask> uploaded(device_, tasks);
    device_.launch("multiply_columns", multiply_columns<Per>, narrow(tasks.size()), block_threads,
                   0, at.problems.data(), at.panels.data(), there.data(), uploaded.data());
  }

  void multiply_cross(std::span<const FeatureSums> problems, const Uploaded<FeatureSums>& at,
                      std::span<const Slice> slices, const Buffer<Slice>& there) const {
    std::vector<CrossTask> tasks;
    for (unsigned s = 0; s < slices.size(); ++s) {
      const FeatureSums& sums = problems[slices[s].problem];
      if (sums.cross == nullptr) continue;
      for (std::size_t c = 0; c < sums.columns.count(); c += block_threads) {
        for (std::size_t t = 0; t < sums.target_count(); t += cross_targets)
          tasks.push_back({s, narrow(c), narrow(t)});
      }
    }
    const Buffer<CrossTask> uploaded(device_, tasks);
    device_.launch("multiply_targets", multiply_targets, narrow(tasks.size()), block_threads, 0,
                   at.problems.data(), at.panels.data(), there.data(), uploaded.data());
  }

  void add(std::span<const FeatureSums> problems, const Uploaded<FeatureSums>& at,
           std::span<const Slice> slices, const Buffer<Slice>& there) const {
    std::vector<SliceRange> ranges;
    std::size_t most = 0;
    for (unsigned s = 0; s < slices.size(); ++s) {
      const FeatureSums& sums = problems[slices[s].problem];
      if (ranges.empty() || ranges.back().problem != slices[s].problem)
        ranges.push_back({slices[s].problem, s, 0, slices[s].first == 0, false});
      ++ranges.back().count;
      ranges.back().ends = slices[s].first + slices[s].rows == sums.x.rows;
      most = std::max(most, sums.entries());
    }
    const Buffer<SliceRange> uploaded(device_, ranges);
    device_.launch("add_slices", add_slices, entry_grid(most, ranges.size()), block_threads, 0,
                   at.problems.data(), at.panels.data(), there.data(), uploaded.data(),
                   narrow(ranges.size()));
  }

  const Device& device_;
};

}  // namespace

void Features::run_evaluate(std::span<const FeatureEvaluation> problems) const {
  const Engine engine(device_);
  FeaturePass<Engine>(engine).evaluate(problems);
}

void Features::run_moments(std::span<const FeatureMoments> problems) const {
  const Engine engine(device_);
  FeaturePass<Engine>(engine).moments(problems);
}

void Features::run_energy(std::span<const FeatureEnergy> problems) const {
  const Engine engine(device_);
  FeaturePass<Engine>(engine).energy(problems);
}

}  // namespace lodestein::kernels::LODESTEIN_GPU
