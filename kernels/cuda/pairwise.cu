#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "kernels/cuda/pairwise.hpp"

namespace lodestein::kernels::LODESTEIN_GPU {
namespace {

using Form = RadialKernel::Form;

constexpr int block_threads = 256;
constexpr int tile_rows = 128;    // queries of a block: 16 groups of 8
constexpr int tile_centres = 64;  // centres at a time: 16 lanes, 4 each
constexpr int thread_rows = 8, thread_centres = 4;
constexpr int chunk = 32;  // coordinates in shared memory at a time
constexpr int value_pitch =
    tile_rows + 4;  // rows of the tile of values, off the banks of each other
constexpr std::size_t run_centres = 1024;  // summed in fp32 before the sum moves on to fp64
constexpr int small_threads = 128;
constexpr int small_centres = 64;
constexpr std::size_t wanted_blocks = 512;  // few queries are split over ranges of centres
constexpr std::size_t center_rows = 512;    // rows that the centre of the points is taken from

// Points of one problem as the kernels read them: [1 + d, width], first -|x|^2/2, then (x - center)
// scale; `width` is the number of rows rounded up to whole tiles, filled up with zeros.
struct Packed {
  float* data;
  std::size_t width;
};

// One problem on the device.
struct Job {
  Form form;
  bool same_points, curl_free, plain;
  float profile[RadialKernel::most_terms];
  float at_zero;
  std::size_t n, m, d;
  View<const float> x, y, right;
  View<float> out;
  double* center;    // [d]
  double scale;      // of packed points
  double out_scale;  // of curl-free results
  Packed queries, centres;
  Packed coefficients;  // curl-free: right, with -y.c first
  View<float> points;   // curl-free: [m, d + 1], y and 1
  std::size_t columns, splits, split_centres;
  double* partial;  // [splits, n, columns]
};

struct Task {
  unsigned job, part;
};

__device__ std::size_t smaller(std::size_t a, std::size_t b) { return a < b ? a : b; }

// One block per job: the mean of some rows of y, spread over all.
__global__ void __launch_bounds__(block_threads) find_centers(const Job* jobs) {
  const Job& job = jobs[blockIdx.x];
  const std::size_t step = (job.m + center_rows - 1) / center_rows;
  for (std::size_t l = threadIdx.x; l < job.d; l += block_threads) {
    double sum = 0.0;
    std::size_t count = 0;
    for (std::size_t j = 0; j < job.m; j += step, ++count) sum += static_cast<double>(job.y(j, l));
    job.center[l] = count == 0 ? 0.0 : sum / static_cast<double>(count);
  }
}

__device__ float placed(const Job& job, const float* point, std::size_t l) {
  const auto x = static_cast<double>(traced_load(point + l));
  return static_cast<float>((x - job.center[l]) * job.scale);
}

__device__ void pack_point(const Job& job, const View<const float>& from, const Packed& to,
                           std::size_t i) {
  double norm = 0.0;
  for (std::size_t l = 0; l < job.d; ++l) {
    const float value = i < from.rows ? placed(job, from.row(i), l) : 0.0f;
    traced_store(to.data + (l + 1) * to.width + i, value);
    norm += static_cast<double>(value) * static_cast<double>(value);
  }
  to.data[i] = static_cast<float>(-0.5 * norm);
}

// Part p of a job are its queries or centres [p * block_threads, ...).
__global__ void __launch_bounds__(block_threads) pack_queries(const Job* jobs, const Task* tasks) {
  const Task task = tasks[blockIdx.x];
  const Job& job = jobs[task.job];
  const std::size_t i = std::size_t{task.part} * block_threads + threadIdx.x;
  if (i < job.queries.width) pack_point(job, job.x, job.queries, i);
}

__global__ void __launch_bounds__(block_threads) pack_centres(const Job* jobs, const Task* tasks) {
  const Task task = tasks[blockIdx.x];
  const Job& job = jobs[task.job];
  const std::size_t j = std::size_t{task.part} * block_threads + threadIdx.x;
  if (j >= job.centres.width) return;
  pack_point(job, job.y, job.centres, j);
  if (!job.curl_free) return;
  const Packed& to = job.coefficients;
  double along = 0.0;
  for (std::size_t l = 0; l < job.d; ++l) {
    const float c = j < job.m ? job.right(j, l) : 0.0f;
    const float y = job.centres.data[(l + 1) * job.centres.width + j];
    to.data[(l + 1) * to.width + j] = c;
    if (j < job.m) job.points(j, l) = y;
    along += static_cast<double>(y) * static_cast<double>(c);
  }
  to.data[j] = static_cast<float>(-along);
  if (j < job.m) job.points(j, job.d) = 1.0f;
}

// Kernel value from -r^2/2 in the kernel's units.
__device__ float kernel_value(const Job& job, float half) {
  const float clamped = half < 0.0f ? half : 0.0f;
  const bool rbf = job.form == Form::rbf;
  const float k = rbf ? exp2f(clamped) : rsqrtf(1.0f - 2.0f * clamped);
  if (job.plain) return k;
  const float t = rbf ? -1.38629436f * clamped : k * k;  // -2 ln 2
  float sum = job.profile[RadialKernel::most_terms - 1];
#pragma unroll
  for (int p = static_cast<int>(RadialKernel::most_terms) - 2; p >= 0; --p)
    sum = fmaf(sum, t, job.profile[p]);
  return k * sum;
}

// [rows, Width] floats of a packed array whose rows are `pitch` apart into shared memory.
template <int Width>
__device__ void load_rows(const float* from, std::size_t pitch, int rows, float* to) {
  constexpr int quads = Width / 4;
#pragma unroll 2
  for (int k = static_cast<int>(threadIdx.x); k < rows * quads; k += block_threads) {
    const int row = k / quads, column = k % quads * 4;
    const float* source =
        from + static_cast<std::size_t>(row) * pitch + static_cast<std::size_t>(column);
    traced_store(four(to + row * Width + column), traced_load(four(source)));
  }
}

// A thread's part of a tile: rows 8 * (thread / 16) + r, centres thread % 16 + 16 c.
struct Place {
  int row, lane;
};

__device__ Place thread_place() {
  const int thread = static_cast<int>(threadIdx.x);
  return {thread / 16 * thread_rows, thread % 16};
}

using Tile = float[thread_rows][thread_centres];

__device__ void load_thread_rows(const float* from, float (&to)[thread_rows]) {
#pragma unroll
  for (int r = 0; r < thread_rows; r += 4) {
    const float4 quad = traced_load(four(from + r));
    to[r] = quad.x;
    to[r + 1] = quad.y;
    to[r + 2] = quad.z;
    to[r + 3] = quad.w;
  }
}

__device__ void store_thread_rows(const float (&from)[thread_rows], float* to) {
#pragma unroll
  for (int r = 0; r < thread_rows; r += 4)
    traced_store(four(to + r), make_float4(from[r], from[r + 1], from[r + 2], from[r + 3]));
}

// sum[r][c] += x . y, or |x - y|^2 if Squares, over the coordinates of a tile. `x` and `y` are
// shared memory for a chunk of coordinates; x is kept where it all fits and is loaded if `fresh`.
// Ends with a barrier.
template <bool Squares>
__device__ void add_products(const Packed& queries, std::size_t first_row, const Packed& centres,
                             std::size_t first_centre, int d, bool fresh, float* x, float* y,
                             Tile& sum) {
  const Place place = thread_place();
  for (int start = 0; start < d; start += chunk) {
    const int count = d - start < chunk ? d - start : chunk;
    const std::size_t line = static_cast<std::size_t>(start) + 1;
    if (fresh || d > chunk)
      load_rows<tile_rows>(queries.data + line * queries.width + first_row, queries.width, count,
                           x);
    load_rows<tile_centres>(centres.data + line * centres.width + first_centre, centres.width,
                            count, y);
    __syncthreads();
#pragma unroll 2
    for (int l = 0; l < count; ++l) {
      float a[thread_rows], b[thread_centres];
      load_thread_rows(x + l * tile_rows + place.row, a);
#pragma unroll
      for (int c = 0; c < thread_centres; ++c)
        b[c] = traced_load(y + l * tile_centres + place.lane + 16 * c);
#pragma unroll
      for (int r = 0; r < thread_rows; ++r) {
#pragma unroll
        for (int c = 0; c < thread_centres; ++c) {
          const float difference = a[r] - b[c];
          sum[r][c] =
              Squares ? fmaf(difference, difference, sum[r][c]) : fmaf(a[r], b[c], sum[r][c]);
        }
      }
    }
    __syncthreads();
  }
}

// Start values of the dot products: of the centre, and of the query if there are any.
__device__ void start_products(const Packed* queries, std::size_t first_row, const Packed& centres,
                               std::size_t first_centre, Tile& sum) {
  const Place place = thread_place();
#pragma unroll
  for (int r = 0; r < thread_rows; ++r) {
    const std::size_t row = first_row + static_cast<std::size_t>(place.row + r);
    const float start = queries == nullptr ? 0.0f : traced_load(queries->data + row);
#pragma unroll
    for (int c = 0; c < thread_centres; ++c) {
      const std::size_t centre = first_centre + static_cast<std::size_t>(place.lane + 16 * c);
      sum[r][c] = start + traced_load(centres.data + centre);
    }
  }
}

// Centre minus row within the tile for the pairs of a point with itself; no_diagonal: there are
// none.
constexpr int no_diagonal = tile_rows;

__device__ int tile_diagonal(const Job& job, std::size_t first_row, std::size_t first_centre) {
  const auto offset = static_cast<long long>(first_row) - static_cast<long long>(first_centre);
  const bool inside = offset > -tile_rows && offset < tile_rows;
  return job.same_points && inside ? static_cast<int>(offset) : no_diagonal;
}

// Kernel values in place of -r^2/2; exact for the pair of a point with itself.
__device__ void to_kernel(const Job& job, int diagonal, Tile& tile) {
  const Place place = thread_place();
#pragma unroll
  for (int r = 0; r < thread_rows; ++r) {
#pragma unroll
    for (int c = 0; c < thread_centres; ++c) {
      const bool same = place.lane + 16 * c - place.row - r == diagonal;
      tile[r][c] = same ? job.at_zero : kernel_value(job, tile[r][c]);
    }
  }
}

// From A = x.c - y.c and this thread's kernel values k: S in place of A and the weight of c in
// place of k, so that Gamma c = (w c - S (x - y)) / width^2.
__device__ void to_curl_free(Form form, int diagonal, float* values, Tile& along) {
  const Place place = thread_place();
  const bool rbf = form == Form::rbf;
#pragma unroll
  for (int c = 0; c < thread_centres; ++c) {
    float* column = values + (place.lane + 16 * c) * value_pitch + place.row;
    float k[thread_rows];
    load_thread_rows(column, k);
#pragma unroll
    for (int r = 0; r < thread_rows; ++r) {
      const bool same = place.lane + 16 * c - place.row - r == diagonal;
      const float k2 = k[r] * k[r];
      const float weight = rbf ? k[r] : k2 * k[r];
      const float slope = (rbf ? 0.693147181f : 3.0f * k2) * weight * along[r][c];
      along[r][c] = same ? 0.0f : slope;
      k[r] = weight;
    }
    if (!rbf) store_thread_rows(k, column);
  }
}

// values[centre][row] in shared memory.
__device__ void store_tile(const Tile& tile, float* values) {
  const Place place = thread_place();
#pragma unroll
  for (int c = 0; c < thread_centres; ++c) {
    float column[thread_rows];
#pragma unroll
    for (int r = 0; r < thread_rows; ++r) column[r] = tile[r][c];
    store_thread_rows(column, values + (place.lane + 16 * c) * value_pitch + place.row);
  }
}

// Rows [first, first + tile_centres) and columns [column, column + Width) of right, zeros outside.
template <int Width, class T>
__device__ void load_right(const View<T>& right, std::size_t first, std::size_t column, float* to) {
#pragma unroll 2
  for (int k = static_cast<int>(threadIdx.x); k < tile_centres * Width; k += block_threads) {
    const std::size_t j = first + static_cast<std::size_t>(k / Width);
    const std::size_t c = column + static_cast<std::size_t>(k % Width);
    const bool there = j < right.rows && c < right.cols;
    traced_store(to + k, there ? traced_load(&right(j, c)) : 0.0f);
  }
}

// sum[r][c] += sum_j values[j][row] right[j][lane + 16 c].
template <int Columns>
__device__ void add_columns(const float* values, const float* right,
                            float (&sum)[thread_rows][Columns]) {
  const Place place = thread_place();
#pragma unroll 2
  for (int j = 0; j < tile_centres; ++j) {
    float a[thread_rows];
    load_thread_rows(values + j * value_pitch + place.row, a);
#pragma unroll
    for (int c = 0; c < Columns; ++c) {
      const float b = traced_load(right + j * 16 * Columns + place.lane + 16 * c);
#pragma unroll
      for (int r = 0; r < thread_rows; ++r) sum[r][c] = fmaf(a[r], b, sum[r][c]);
    }
  }
}

// Moves the fp32 sums of a run on to the fp64 sums of the split.
template <int Columns>
__device__ void flush(const Job& job, std::size_t split, std::size_t first_row, std::size_t column,
                      bool first, float (&sum)[thread_rows][Columns]) {
  const Place place = thread_place();
  const std::size_t row = first_row + static_cast<std::size_t>(place.row);
  const std::size_t at = column + static_cast<std::size_t>(place.lane);
  double* total = job.partial + (split * job.n + row) * job.columns + at;
#pragma unroll
  for (int r = 0; r < thread_rows; ++r, total += job.columns) {
#pragma unroll
    for (int c = 0; c < Columns; ++c) {
      const bool there = row + static_cast<std::size_t>(r) < job.n &&
                         at + static_cast<std::size_t>(16 * c) < job.columns;
      if (there) {
        const double before = first ? 0.0 : total[16 * c];
        traced_store(total + 16 * c, before + static_cast<double>(sum[r][c]));
      }
      sum[r][c] = 0.0f;
    }
  }
}

template <int Columns>
constexpr int right_floats() {  // shared with a chunk of the centres
  return tile_centres * (16 * Columns > chunk ? 16 * Columns : chunk);
}

template <int Columns, bool CurlFree>
constexpr std::size_t tile_bytes() {
  return sizeof(float) * (chunk * tile_rows + right_floats<Columns>() +
                          (CurlFree ? 2 : 1) * tile_centres * value_pitch);
}

// Part p of a job: tile of queries, split and block of 16 * Columns columns, in this order of
// significance.
template <int Columns, bool CurlFree>
__global__ void __launch_bounds__(block_threads, 2)
    multiply_tiles(const Job* jobs, const Task* tasks) {
  LODESTEIN_DYNAMIC_SHARED(float, shared);
  const Task task = tasks[blockIdx.x];
  const Job& job = jobs[task.job];
  float* x = shared;
  float* right = x + chunk * tile_rows;  // and y, which is not needed at the same time
  float* values = right + right_floats<Columns>();
  const std::size_t blocks = (job.columns + 16 * Columns - 1) / (16 * Columns);
  const std::size_t column = task.part % blocks * (16 * Columns);
  const std::size_t split = task.part / blocks % job.splits;
  const std::size_t first_row = task.part / blocks / job.splits * tile_rows;
  const std::size_t begin = split * job.split_centres;
  const std::size_t end = smaller(begin + job.split_centres, job.m);
  const int d = static_cast<int>(job.d);
  float sum[thread_rows][Columns] = {};
  for (std::size_t j = begin; j < end; j += tile_centres) {
    Tile tile;
    start_products(&job.queries, first_row, job.centres, j, tile);
    add_products<false>(job.queries, first_row, job.centres, j, d, j == begin, x, right, tile);
    const int diagonal = tile_diagonal(job, first_row, j);
    to_kernel(job, diagonal, tile);
    store_tile(tile, values);
    if constexpr (CurlFree) {
      Tile along;
      start_products(nullptr, first_row, job.coefficients, j, along);
      add_products<false>(job.queries, first_row, job.coefficients, j, d, false, x, right, along);
      to_curl_free(job.form, diagonal, values, along);
      store_tile(along, values + tile_centres * value_pitch);
    }
    load_right<16 * Columns>(job.right, j, column, right);
    __syncthreads();
    add_columns<Columns>(values, right, sum);
    __syncthreads();
    if constexpr (CurlFree) {
      load_right<16 * Columns>(job.points, j, column, right);
      __syncthreads();
      add_columns<Columns>(values + tile_centres * value_pitch, right, sum);
      __syncthreads();
    }
    const std::size_t next = j + tile_centres;
    if (next >= end || (next - begin) % run_centres == 0)
      flush<Columns>(job, split, first_row, column, next - begin <= run_centres, sum);
  }
}

// Up to Dimensions coordinates and Columns columns; a thread has Queries queries, small_threads
// apart. Part p of a job: block of queries and split.
template <int Dimensions, int Columns>
struct Small {
  static constexpr int queries = Columns > 12 ? 2 : 4;
  static constexpr int quads = (1 + Dimensions + Columns + 3) / 4;  // of a centre
  static constexpr int pitch = 4 * (quads | 1);  // odd: 8 rows begin in different banks
  static constexpr std::size_t block_queries = std::size_t{small_threads} * queries;
};

// Centre j as a row of shared memory: -|y|^2/2, y, right. Neighbouring threads read neighbouring
// numbers.
template <int Dimensions, int Columns>
__device__ void load_small_centres(const Job& job, std::size_t first, float* rows) {
  constexpr int pitch = Small<Dimensions, Columns>::pitch;
  const Packed& centres = job.centres;
  const int thread = static_cast<int>(threadIdx.x);
#pragma unroll 2
  for (int k = thread; k < small_centres * (1 + Dimensions); k += small_threads) {
    const int row = k % small_centres, column = k / small_centres;
    const auto l = static_cast<std::size_t>(column);
    const std::size_t at = l * centres.width + first + static_cast<std::size_t>(row);
    traced_store(rows + row * pitch + column, l <= job.d ? traced_load(centres.data + at) : 0.0f);
  }
#pragma unroll 2
  for (int k = thread; k < small_centres * Columns; k += small_threads) {
    const int row = k / Columns, column = k % Columns;
    const std::size_t j = first + static_cast<std::size_t>(row);
    const auto c = static_cast<std::size_t>(column);
    const bool there = j < job.m && c < job.right.cols;
    traced_store(rows + row * pitch + 1 + Dimensions + column,
                 there ? traced_load(&job.right(j, c)) : 0.0f);
  }
}

template <int Dimensions, int Columns>
__global__ void __launch_bounds__(small_threads, 3)
    multiply_small(const Job* jobs, const Task* tasks) {
  using Shape = Small<Dimensions, Columns>;
  constexpr int queries = Shape::queries, quads = Shape::quads, pitch = Shape::pitch;
  LODESTEIN_SHARED(float4[small_centres * Shape::pitch / 4], rows);
  const Task task = tasks[blockIdx.x];
  const Job& job = jobs[task.job];
  const std::size_t split = task.part % job.splits;
  const std::size_t first_row =
      task.part / job.splits * Shape::block_queries + std::size_t{threadIdx.x};
  const std::size_t begin = split * job.split_centres;
  const std::size_t end = smaller(begin + job.split_centres, job.m);
  float x[queries][1 + Dimensions], sum[queries][Columns] = {};
#pragma unroll
  for (int q = 0; q < queries; ++q) {
    const std::size_t row = first_row + static_cast<std::size_t>(q) * small_threads;
#pragma unroll
    for (std::size_t l = 0; l <= Dimensions; ++l) {
      const bool there = l <= job.d && row < job.n;
      x[q][l] = there ? traced_load(job.queries.data + l * job.queries.width + row) : 0.0f;
    }
  }
  for (std::size_t first = begin; first < end; first += small_centres) {
    __syncthreads();
    load_small_centres<Dimensions, Columns>(job, first, reinterpret_cast<float*>(rows));
    __syncthreads();
    const int count = static_cast<int>(smaller(small_centres, end - first));
    for (int j = 0; j < count; ++j) {
      float centre[4 * quads];
#pragma unroll
      for (int k = 0; k < quads; ++k) {
        const float4 quad = traced_load(rows + j * (pitch / 4) + k);
        centre[4 * k] = quad.x;
        centre[4 * k + 1] = quad.y;
        centre[4 * k + 2] = quad.z;
        centre[4 * k + 3] = quad.w;
      }
      // Index of the centre relative to the thread's first query, where both are the same points.
      const std::size_t offset = first + static_cast<std::size_t>(j) - first_row;
#pragma unroll
      for (int q = 0; q < queries; ++q) {
        float half = x[q][0] + centre[0];
#pragma unroll
        for (int l = 1; l <= Dimensions; ++l) half = fmaf(x[q][l], centre[l], half);
        float k = kernel_value(job, half);
        if (job.same_points && offset == static_cast<std::size_t>(q) * small_threads)
          k = job.at_zero;
#pragma unroll
        for (int c = 0; c < Columns; ++c)
          sum[q][c] = fmaf(k, centre[1 + Dimensions + c], sum[q][c]);
      }
    }
    const std::size_t next = first + small_centres;
    if (next < end && (next - begin) % run_centres != 0) continue;
#pragma unroll
    for (int q = 0; q < queries; ++q) {
      const std::size_t row = first_row + static_cast<std::size_t>(q) * small_threads;
#pragma unroll
      for (int c = 0; c < Columns; ++c) {
        if (row < job.n && static_cast<std::size_t>(c) < job.columns) {
          double* total = job.partial + (split * job.n + row) * job.columns + c;
          const double before = next - begin <= run_centres ? 0.0 : *total;
          traced_store(total, before + static_cast<double>(sum[q][c]));
        }
        sum[q][c] = 0.0f;
      }
    }
  }
}

// Part p: entries [p * block_threads, ...) of out, from the splits in their order.
__global__ void __launch_bounds__(block_threads)
    finish_products(const Job* jobs, const Task* tasks) {
  const Task task = tasks[blockIdx.x];
  const Job& job = jobs[task.job];
  const std::size_t entry = std::size_t{task.part} * block_threads + threadIdx.x;
  if (entry >= job.n * job.out.cols) return;
  const std::size_t i = entry / job.out.cols, c = entry % job.out.cols;
  double sum = 0.0, slope = 0.0;
  for (std::size_t split = 0; split < job.splits && job.m > 0; ++split) {
    const double* total = job.partial + (split * job.n + i) * job.columns;
    sum += traced_load(total + c);
    if (job.curl_free) slope += total[job.d];
  }
  if (job.curl_free)
    sum = job.out_scale * (sum - static_cast<double>(placed(job, job.x.row(i), c)) * slope);
  traced_store(&job.out(i, c), static_cast<float>(sum));
}

// A tile of a Gram matrix: part p is tile of rows, tile of columns.
__global__ void __launch_bounds__(block_threads) gram_tiles(const Job* jobs, const Task* tasks) {
  LODESTEIN_SHARED(float[chunk * tile_rows], x);
  LODESTEIN_SHARED(float[chunk * tile_centres], y);
  const Task task = tasks[blockIdx.x];
  const Job& job = jobs[task.job];
  const std::size_t across = (job.m + tile_centres - 1) / tile_centres;
  const std::size_t first_row = task.part / across * tile_rows;
  const std::size_t first_centre = task.part % across * tile_centres;
  Tile tile;
  start_products(&job.queries, first_row, job.centres, first_centre, tile);
  add_products<false>(job.queries, first_row, job.centres, first_centre, static_cast<int>(job.d),
                      true, x, y, tile);
  to_kernel(job, tile_diagonal(job, first_row, first_centre), tile);
  const Place place = thread_place();
#pragma unroll
  for (int r = 0; r < thread_rows; ++r) {
    const std::size_t row = first_row + static_cast<std::size_t>(place.row + r);
#pragma unroll
    for (int c = 0; c < thread_centres; ++c) {
      const std::size_t centre = first_centre + static_cast<std::size_t>(place.lane + 16 * c);
      if (row < job.n && centre < job.m) traced_store(&job.out(row, centre), tile[r][c]);
    }
  }
}

constexpr int bins = 2048;
constexpr int value_bits = 31;                                   // a distance has no sign
constexpr int shifts[] = {value_bits - 11, value_bits - 22, 0};  // of the passes: 11, 11, 9 bits

// What is known of a problem's quantile: its bits from `low` on, and its rank among those.
struct Range {
  unsigned low;
  unsigned long long rank;
};

__device__ unsigned bits_of(float value) {
  unsigned bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

// Counts by bins the squared distances whose bits are in [low, low + 2^before). Part p of a job is
// tile of queries and split.
__global__ void __launch_bounds__(block_threads)
    count_distances(const Job* jobs, const Task* tasks, const Range* ranges,
                    unsigned long long* counts, int before, int shift) {
  LODESTEIN_SHARED(float[chunk * tile_rows], x);
  LODESTEIN_SHARED(float[chunk * tile_centres], y);
  LODESTEIN_SHARED(unsigned[bins], count);
  const Task task = tasks[blockIdx.x];
  const Job& job = jobs[task.job];
  const unsigned low = ranges[task.job].low;
  const std::size_t first_row = task.part / job.splits * tile_rows;
  const std::size_t begin = task.part % job.splits * job.split_centres;
  const std::size_t end = smaller(begin + job.split_centres, job.m);
  const Place place = thread_place();
  for (int b = static_cast<int>(threadIdx.x); b < bins; b += block_threads) count[b] = 0;
  __syncthreads();
  for (std::size_t j = begin; j < end; j += tile_centres) {
    Tile tile = {};
    add_products<true>(job.queries, first_row, job.centres, j, static_cast<int>(job.d), j == begin,
                       x, y, tile);
#pragma unroll
    for (int r = 0; r < thread_rows; ++r) {
      const std::size_t row = first_row + static_cast<std::size_t>(place.row + r);
#pragma unroll
      for (int c = 0; c < thread_centres; ++c) {
        const std::size_t centre = j + static_cast<std::size_t>(place.lane + 16 * c);
        const unsigned above = bits_of(tile[r][c]) - low;
        if (row < job.n && centre < job.m && above < 1u << before)
          atomicAdd(&count[above >> shift], 1u);
      }
    }
  }
  __syncthreads();
  for (int b = static_cast<int>(threadIdx.x); b < bins; b += block_threads) {
    if (count[b] > 0) atomicAdd(&counts[std::size_t{task.job} * bins + b], count[b]);
  }
}

// One block per job: goes to the bin that holds the rank and clears the counts.
__global__ void __launch_bounds__(block_threads)
    narrow_ranges(Range* ranges, unsigned long long* counts, int shift) {
  LODESTEIN_SHARED(unsigned long long[block_threads], sums);
  constexpr int each = bins / block_threads;
  unsigned long long* count = counts + std::size_t{blockIdx.x} * bins;
  const int first = static_cast<int>(threadIdx.x) * each;
  unsigned long long sum = 0;
  for (int b = 0; b < each; ++b) sum += count[first + b];
  sums[threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.x == 0) {
    Range& range = ranges[blockIdx.x];
    int bin = 0;
    for (int t = 0; t + 1 < block_threads && range.rank >= sums[t]; ++t) {
      range.rank -= sums[t];
      bin += each;
    }
    for (; bin + 1 < bins && range.rank >= count[bin]; ++bin) range.rank -= count[bin];
    range.low += static_cast<unsigned>(bin) << shift;
  }
  __syncthreads();
  for (int b = 0; b < each; ++b) count[first + b] = 0;
}

__global__ void __launch_bounds__(1)
    write_distance(const Range* ranges, std::size_t job, float* distance) {
  float squared;
  memcpy(&squared, &ranges[job].low, sizeof squared);
  *distance = sqrtf(squared);
}

using Kernel = void (*)(const Job*, const Task*);

// A kernel that multiplies, and what one block of it does.
struct Variant {
  const char* name;
  Kernel kernel;
  std::size_t most_d, most_columns;  // that it is for
  std::size_t queries, columns;
  unsigned threads;
  std::size_t shared_bytes;
};

template <int Dimensions, int Columns>
constexpr Variant small_variant() {
  return {"multiply_small",
          multiply_small<Dimensions, Columns>,
          Dimensions,
          Columns,
          Small<Dimensions, Columns>::block_queries,
          Columns,
          small_threads,
          0};
}

template <int Columns, bool CurlFree>
constexpr Variant tile_variant(std::size_t most_columns = 16 * Columns) {
  return {CurlFree ? "multiply_curl_free" : "multiply_tiles",
          multiply_tiles<Columns, CurlFree>,
          SIZE_MAX,
          most_columns,
          tile_rows,
          16 * Columns,
          block_threads,
          tile_bytes<Columns, CurlFree>()};
}

// The first that takes the problem is its variant.
constexpr Variant product_variants[] = {small_variant<3, 4>(),    small_variant<5, 4>(),
                                        small_variant<8, 4>(),    small_variant<5, 8>(),
                                        small_variant<5, 12>(),   small_variant<8, 12>(),
                                        small_variant<8, 20>(),   tile_variant<1, false>(),
                                        tile_variant<2, false>(), tile_variant<4, false>(SIZE_MAX)};
constexpr Variant curl_free_variants[] = {tile_variant<1, true>(), tile_variant<2, true>(),
                                          tile_variant<4, true>(SIZE_MAX)};

std::size_t ceiling(std::size_t a, std::size_t b) { return (a + b - 1) / b; }
std::size_t round_up(std::size_t a, std::size_t unit) { return ceiling(a, unit) * unit; }

Job make_job(const RadialKernel& kernel, View<const float> x, View<const float> y) {
  const double log2_e = 1.4426950408889634;
  Job job{};
  job.form = kernel.form;
  job.plain = kernel.plain();
  for (std::size_t p = 0; p < RadialKernel::most_terms; ++p)
    job.profile[p] = static_cast<float>(kernel.profile[p]);
  job.at_zero = static_cast<float>(kernel.at_zero());
  job.x = x;
  job.y = y;
  job.n = x.rows;
  job.m = y.rows;
  job.d = x.cols;
  job.scale = (kernel.form == Form::rbf ? std::sqrt(log2_e) : 1.0) / kernel.width;
  job.out_scale = 1.0 / (kernel.width * kernel.width);
  job.splits = 1;
  job.split_centres = job.m;
  return job;
}

// Cuts the centres so that there are enough blocks: a function of the problem alone.
void split(Job& job, std::size_t tiles) {
  const std::size_t wanted = tiles == 0 ? 1 : ceiling(wanted_blocks, tiles);
  const std::size_t splits = std::clamp<std::size_t>(job.m / 512, 1, wanted);
  job.split_centres =
      std::max<std::size_t>(tile_centres, round_up(ceiling(job.m, splits), tile_centres));
  job.splits = std::max<std::size_t>(1, ceiling(job.m, job.split_centres));
}

template <class Parts>
std::vector<Task> tasks_of(const std::vector<Job>& jobs, const Parts& parts) {
  std::vector<Task> tasks;
  for (unsigned j = 0; j < jobs.size(); ++j) {
    const std::size_t count = parts(jobs[j]);
    for (unsigned part = 0; part < count; ++part) tasks.push_back({j, part});
  }
  return tasks;
}

// The jobs of one call with their packed points in the device's memory.
class Batch {
 public:
  Batch(const Device& device, std::vector<Job> jobs) : device_(device), jobs_(std::move(jobs)) {
    std::size_t floats = 0, doubles = 0;
    for (Job& job : jobs_) {
      job.queries.width = round_up(job.n, 2 * tile_rows);
      job.centres.width = job.coefficients.width = round_up(job.m, tile_centres);
      floats += float_count(job);
      doubles += double_count(job);
    }
    floats_ = Buffer<float>(device, floats);
    doubles_ = Buffer<double>(device, doubles);
    place();
    on_device_ = Buffer<Job>(device, jobs_);
  }

  const std::vector<Job>& jobs() const { return jobs_; }
  const Job* on_device() const { return on_device_.data(); }

  // Centred on y and scaled, or as they are.
  void pack(bool centred) {
    if (centred) {
      device_.launch("find_centers", find_centers, static_cast<unsigned>(jobs_.size()),
                     block_threads, 0, on_device());
    } else {
      doubles_.clear();
    }
    launch("pack_queries", pack_queries, block_threads, 0, tasks_of(jobs_, [](const Job& job) {
             return ceiling(job.queries.width, block_threads);
           }));
    launch("pack_centres", pack_centres, block_threads, 0, tasks_of(jobs_, [](const Job& job) {
             return ceiling(job.centres.width, block_threads);
           }));
  }

  // One block per task.
  template <class... Parameters, class... Arguments>
  void launch(const char* name, void (*kernel)(const Job*, const Task*, Parameters...),
              unsigned threads, std::size_t shared_bytes, const std::vector<Task>& tasks,
              Arguments... arguments) const {
    const Buffer<Task> table(device_, tasks);
    device_.launch(name, kernel, static_cast<unsigned>(tasks.size()), threads, shared_bytes,
                   on_device(), table.data(), arguments...);
  }

 private:
  static std::size_t float_count(const Job& job) {
    const std::size_t packed = job.queries.width + (job.curl_free ? 2 : 1) * job.centres.width;
    return (1 + job.d) * packed + (job.curl_free ? round_up(job.m * (job.d + 1), 4) : 0);
  }
  static std::size_t double_count(const Job& job) {
    return job.d + job.splits * job.n * job.columns;
  }
  void place() {
    float* floats = floats_.data();
    double* doubles = doubles_.data();
    for (Job& job : jobs_) {
      const std::size_t packed = (1 + job.d) * job.centres.width;
      job.queries.data = floats;
      job.centres.data = floats + (1 + job.d) * job.queries.width;
      if (job.curl_free) {
        job.coefficients.data = job.centres.data + packed;
        job.points = {job.coefficients.data + packed, job.m, job.d + 1};
      }
      job.center = doubles;
      job.partial = doubles + job.d;
      floats += float_count(job);
      doubles += double_count(job);
    }
  }

  const Device& device_;
  std::vector<Job> jobs_;
  Buffer<float> floats_;
  Buffer<double> doubles_;
  Buffer<Job> on_device_;
};

std::size_t tile_count(const Variant& variant, const Job& job) {
  if (job.out.empty()) return 0;
  return ceiling(job.n, variant.queries) * ceiling(job.columns, variant.columns);
}

const Variant& choose(std::span<const Variant> variants, const Job& job) {
  return *std::find_if(variants.begin(), variants.end() - 1, [&](const Variant& variant) {
    return job.d <= variant.most_d && job.columns <= variant.most_columns;
  });
}

void multiply(const Device& device, std::span<const PairwiseProblem> problems, bool curl_free) {
  const std::span<const Variant> variants =
      curl_free ? std::span<const Variant>(curl_free_variants) : product_variants;
  std::vector<Job> jobs;
  for (const auto& [kernel, x, y, right, out, same_points] : problems) {
    Job job = make_job(kernel, x, y);
    job.same_points = same_points;
    job.curl_free = curl_free;
    job.right = right;
    job.out = out;
    job.columns = right.cols + (curl_free ? 1 : 0);
    split(job, tile_count(choose(variants, job), job));
    jobs.push_back(job);
  }
  Batch batch(device, std::move(jobs));
  batch.pack(true);
  for (const Variant& variant : variants) {
    const auto parts = [&](const Job& job) {
      return &choose(variants, job) == &variant ? tile_count(variant, job) * job.splits : 0;
    };
    batch.launch(variant.name, variant.kernel, variant.threads, variant.shared_bytes,
                 tasks_of(batch.jobs(), parts));
  }
  batch.launch("finish_products", finish_products, block_threads, 0,
               tasks_of(batch.jobs(), [](const Job& job) {
                 return ceiling(job.out.rows * job.out.cols, block_threads);
               }));
}

}  // namespace

void Pairwise::run_product(std::span<const PairwiseProblem> problems) const {
  multiply(device_, problems, false);
}

void Pairwise::run_curl_free(std::span<const PairwiseProblem> problems) const {
  multiply(device_, problems, true);
}

void Pairwise::run_gram(std::span<const GramProblem> problems) const {
  std::vector<Job> jobs;
  for (const auto& [kernel, x, y, out, same_points, ridge] : problems) {
    jobs.push_back(make_job(kernel, x, y));
    jobs.back().at_zero += ridge;
    jobs.back().same_points = same_points;
    jobs.back().out = out;
  }
  Batch batch(device_, std::move(jobs));
  batch.pack(true);
  batch.launch("gram_tiles", gram_tiles, block_threads, 0,
               tasks_of(batch.jobs(), [](const Job& job) {
                 return ceiling(job.n, tile_rows) * ceiling(job.m, tile_centres);
               }));
}

void Pairwise::run_quantile(std::span<const DistanceQuantileProblem> problems) const {
  std::vector<Job> jobs;
  std::vector<Range> ranges;
  for (const auto& [x, y, rank, distance] : problems) {
    Job job = make_job({}, x, y);
    job.scale = 1.0;
    split(job, ceiling(job.n, tile_rows));
    jobs.push_back(job);
    ranges.push_back({0, rank});
  }
  Batch batch(device_, std::move(jobs));
  batch.pack(false);
  const Buffer<Range> range(device_, ranges);
  Buffer<unsigned long long> counts(device_, problems.size() * bins);
  counts.clear();
  const std::vector<Task> tiles =
      tasks_of(batch.jobs(), [](const Job& job) { return ceiling(job.n, tile_rows) * job.splits; });
  int before = value_bits;
  for (const int shift : shifts) {
    batch.launch("count_distances", count_distances, block_threads, 0, tiles, range.data(),
                 counts.data(), before, shift);
    device_.launch("narrow_ranges", narrow_ranges, static_cast<unsigned>(problems.size()),
                   block_threads, 0, range.data(), counts.data(), shift);
    before = shift;
  }
  for (std::size_t p = 0; p < problems.size(); ++p) {
    device_.launch("write_distance", write_distance, 1, 1, 0, range.data(), p,
                   problems[p].distance);
  }
}

}  // namespace lodestein::kernels::LODESTEIN_GPU
