// Compiled once per vector instruction set by Highway's foreach_target.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/pairwise.cpp"
#include "kernels/cpu/pairwise.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "hwy/foreach_target.h"  // must come before highway.h
#include "hwy/highway.h"
#include "kernels/cpu/exp2-inl.hpp"
#include "kernels/cpu/pairwise_tile.hpp"

HWY_BEFORE_NAMESPACE();
namespace lodestein::kernels::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::ScalableTag<float>;
using Vec = hn::Vec<Tag>;

// Vectors of queries in a register tile: 4 x 6 accumulators of 32 registers, or 2 x 6 of 16.
constexpr std::size_t tile_vectors = HWY_LANES(float) >= 16 ? 4 : 2;

std::size_t tile_queries() { return tile_vectors * hn::Lanes(Tag()); }

// For each centre c of a panel and each vector v of queries: finish(c, v, start + x . y).
template <class Finish>
HWY_INLINE void dot_panel(const float* HWY_RESTRICT start, const float* HWY_RESTRICT x,
                          const float* HWY_RESTRICT panel, std::size_t d, const Finish& finish) {
  const Tag tag;
  const std::size_t lanes = hn::Lanes(tag);
  Vec sum[panel_size][tile_vectors];
  for (std::size_t c = 0; c < panel_size; ++c) {
    for (std::size_t v = 0; v < tile_vectors; ++v)
      sum[c][v] = hn::Add(hn::Set(tag, panel[c]), hn::Load(tag, start + v * lanes));
  }
  for (std::size_t l = 0; l < d; ++l) {
    x += tile_vectors * lanes;
    panel += panel_size;
    Vec a[tile_vectors];
    for (std::size_t v = 0; v < tile_vectors; ++v) a[v] = hn::Load(tag, x + v * lanes);
    for (std::size_t c = 0; c < panel_size; ++c) {
      const Vec b = hn::Set(tag, panel[c]);
      for (std::size_t v = 0; v < tile_vectors; ++v) sum[c][v] = hn::MulAdd(a[v], b, sum[c][v]);
    }
  }
  for (std::size_t c = 0; c < panel_size; ++c) {
    for (std::size_t v = 0; v < tile_vectors; ++v) finish(c, v, sum[c][v]);
  }
}

// (1 - 2 x)^(-1/2) for x <= 0.
HWY_INLINE Vec reciprocal_root(Vec x) {
  const Tag tag;
  const Vec q = hn::MulAdd(hn::Set(tag, -2.0f), x, hn::Set(tag, 1.0f));
#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128
  return hn::Div(hn::Set(tag, 1.0f), hn::Sqrt(q));
#else
  const Vec half = hn::Mul(hn::Set(tag, 0.5f), q);
  Vec y = hn::ApproximateReciprocalSqrt(q);  // 12 bits or more on x86, 8 elsewhere
  constexpr int newton_steps = HWY_ARCH_X86 ? 1 : 2;
  for (int step = 0; step < newton_steps; ++step)
    y = hn::Mul(y, hn::NegMulAdd(hn::Mul(half, y), y, hn::Set(tag, 1.5f)));
  return y;
#endif
}

template <class Finish>
HWY_INLINE void dot_block(const float* start, const float* x, const float* panels, std::size_t d,
                          std::size_t count, const Finish& finish) {
  const std::size_t lanes = hn::Lanes(Tag());
  for (std::size_t first = 0; first < count; first += panel_size) {
    dot_panel(start, x, panels + first * (d + 1), d, [&](std::size_t c, std::size_t v, Vec sum) {
      finish(((first + c) * tile_vectors + v) * lanes, sum);
    });
  }
}

// Calls act(position) for the pairs of a block that are a point with itself.
template <class Act>
void on_diagonal(const PairwiseTile& tile, std::size_t first, std::size_t count, const Act& act) {
  const std::size_t queries = tile_queries();
  const std::size_t from = std::max(first, tile.diagonal);
  const std::size_t to = std::min(first + count, tile.diagonal + queries);
  for (std::size_t j = from; j < to; ++j) act((j - first) * queries + j - tile.diagonal);
}

HWY_INLINE Vec polynomial(const RadialKernel& kernel, Vec t) {
  const Tag tag;
  Vec sum = hn::Set(tag, static_cast<float>(kernel.profile.back()));
  for (std::size_t p = kernel.profile.size() - 1; p-- > 0;)
    sum = hn::MulAdd(sum, t, hn::Set(tag, static_cast<float>(kernel.profile[p])));
  return sum;
}

// Kernel values times their polynomial.
void profile_block(const PairwiseTile& tile, const float* panels, std::size_t count) {
  const Tag tag;
  float* HWY_RESTRICT values = tile.values;
  const Vec zero = hn::Zero(tag);
  if (tile.kernel.form == RadialKernel::Form::rbf) {
    const Vec unit = hn::Set(tag, -1.38629436f);  // -2 ln 2
    dot_block(tile.x, tile.x, panels, tile.d, count, [&](std::size_t at, Vec sum) {
      const Vec half = hn::Min(sum, zero);
      const Vec k = exp2_of_negative(tag, half);
      hn::Store(hn::Mul(k, polynomial(tile.kernel, hn::Mul(unit, half))), tag, values + at);
    });
  } else {
    dot_block(tile.x, tile.x, panels, tile.d, count, [&](std::size_t at, Vec sum) {
      const Vec k = reciprocal_root(hn::Min(sum, zero));
      hn::Store(hn::Mul(k, polynomial(tile.kernel, hn::Mul(k, k))), tag, values + at);
    });
  }
}

// Kernel values of centres [first, first + count), first a multiple of the panel size.
void kernel_block(const PairwiseTile& tile, std::size_t first, std::size_t count) {
  const Tag tag;
  const float* panels = tile.y + first * (tile.d + 1);
  float* HWY_RESTRICT values = tile.values;
  const Vec zero = hn::Zero(tag);
  const bool rbf = tile.kernel.form == RadialKernel::Form::rbf;
  if (!tile.kernel.plain()) {
    profile_block(tile, panels, count);
  } else if (rbf) {
    dot_block(tile.x, tile.x, panels, tile.d, count, [&](std::size_t at, Vec sum) {
      hn::Store(exp2_of_negative(tag, hn::Min(sum, zero)), tag, values + at);
    });
  } else {
    dot_block(tile.x, tile.x, panels, tile.d, count, [&](std::size_t at, Vec sum) {
      hn::Store(reciprocal_root(hn::Min(sum, zero)), tag, values + at);
    });
  }
  on_diagonal(tile, first, count, [&](std::size_t at) { values[at] = tile.at_diagonal; });
}

// run[c, i] += sum_j values[j, i] right[j, c] for a few columns c.
template <std::size_t Columns>
void multiply_columns(const float* HWY_RESTRICT values, std::size_t count,
                      const float* HWY_RESTRICT right, std::size_t stride,
                      float* HWY_RESTRICT run) {
  const Tag tag;
  const std::size_t lanes = hn::Lanes(tag);
  Vec sum[Columns][tile_vectors];
  for (std::size_t c = 0; c < Columns; ++c) {
    for (std::size_t v = 0; v < tile_vectors; ++v)
      sum[c][v] = hn::Load(tag, run + (c * tile_vectors + v) * lanes);
  }
  for (std::size_t j = 0; j < count; ++j) {
    Vec a[tile_vectors];
    for (std::size_t v = 0; v < tile_vectors; ++v) a[v] = hn::Load(tag, values + v * lanes);
    for (std::size_t c = 0; c < Columns; ++c) {
      const Vec b = hn::Set(tag, right[c]);
      for (std::size_t v = 0; v < tile_vectors; ++v) sum[c][v] = hn::MulAdd(a[v], b, sum[c][v]);
    }
    values += tile_vectors * lanes;
    right += stride;
  }
  for (std::size_t c = 0; c < Columns; ++c) {
    for (std::size_t v = 0; v < tile_vectors; ++v)
      hn::Store(sum[c][v], tag, run + (c * tile_vectors + v) * lanes);
  }
}

void multiply(const float* values, std::size_t count, const View<const float>& right,
              std::size_t first, float* run) {
  const std::size_t queries = tile_queries(), stride = right.stride;
  const float* rows = right.row(first);
  std::size_t c = 0;
  const auto columns = [&]<std::size_t Columns>() {
    for (; c + Columns <= right.cols; c += Columns)
      multiply_columns<Columns>(values, count, rows + c, stride, run + c * queries);
  };
  columns.template operator()<6>();
  columns.template operator()<5>();
  columns.template operator()<4>();
  columns.template operator()<3>();
  columns.template operator()<2>();
  columns.template operator()<1>();
}

// From k and A = x.c - y.c: weight w of c, and S so that Gamma c = (w c - S (x - y)) / width^2.
void curl_free_block(const PairwiseTile& tile, const PairwiseSum& sum, std::size_t first,
                     std::size_t count) {
  const Tag tag;
  const float* panels = sum.coefficients + first * (tile.d + 1);
  float* HWY_RESTRICT values = tile.values;
  float* HWY_RESTRICT along = sum.along;
  if (tile.kernel.form == RadialKernel::Form::rbf) {
    const Vec ln2 = hn::Set(tag, 0.693147181f);
    dot_block(sum.zeros, tile.x, panels, tile.d, count, [&](std::size_t at, Vec a) {
      hn::Store(hn::Mul(hn::Mul(ln2, hn::Load(tag, values + at)), a), tag, along + at);
    });
  } else {
    const Vec three = hn::Set(tag, 3.0f);
    dot_block(sum.zeros, tile.x, panels, tile.d, count, [&](std::size_t at, Vec a) {
      const Vec k = hn::Load(tag, values + at), k2 = hn::Mul(k, k), w = hn::Mul(k2, k);
      hn::Store(w, tag, values + at);
      hn::Store(hn::Mul(hn::Mul(hn::Mul(three, k2), w), a), tag, along + at);
    });
  }
  on_diagonal(tile, first, count, [&](std::size_t at) { along[at] = 0.0f; });
}

void flush(const PairwiseSum& sum, std::size_t columns) {
  const std::size_t size = columns * tile_queries();
  for (std::size_t k = 0; k < size; ++k) {
    sum.total[k] += static_cast<double>(sum.run[k]);
    sum.run[k] = 0.0f;
  }
}

// Adds centres [first, last) to the totals; first is a multiple of the block size.
void accumulate(const PairwiseTile& tile, const PairwiseSum& sum, std::size_t first,
                std::size_t last) {
  const bool curl_free = sum.coefficients != nullptr;
  const std::size_t columns = curl_free ? sum.points.cols : sum.right.cols;
  for (std::size_t start = first; start < last; start += run_size) {
    const std::size_t end = std::min(start + run_size, last);
    for (std::size_t block = start; block < end; block += block_size) {
      const std::size_t count = std::min(block_size, end - block);
      kernel_block(tile, block, count);
      if (curl_free) curl_free_block(tile, sum, block, count);
      multiply(tile.values, count, sum.right, block, sum.run);
      if (curl_free) multiply(sum.along, count, sum.points, block, sum.run);
    }
    flush(sum, columns);
  }
}

// Rows of a Gram matrix at its columns [column, column + columns), which are the tile's queries.
void gram_tile(const PairwiseTile& tile, const View<float>& out, std::size_t column,
               std::size_t columns) {
  const std::size_t queries = tile_queries();
  for (std::size_t block = 0; block < out.rows; block += block_size) {
    const std::size_t count = std::min(block_size, out.rows - block);
    kernel_block(tile, block, count);
    for (std::size_t i = 0; i < count; ++i)
      std::copy_n(tile.values + i * queries, columns, out.row(block + i) + column);
  }
}

// Squared distances from direct differences, for all centres of the block's panels.
void distance_block(const PairwiseTile& tile, std::size_t first, std::size_t count) {
  const Tag tag;
  const std::size_t lanes = hn::Lanes(tag), queries = tile_queries();
  for (std::size_t p = 0; p < count; p += panel_size) {
    const float* HWY_RESTRICT panel = tile.y + (first + p) * (tile.d + 1);
    const float* HWY_RESTRICT x = tile.x;
    Vec sum[panel_size][tile_vectors];
    for (std::size_t c = 0; c < panel_size; ++c) {
      for (std::size_t v = 0; v < tile_vectors; ++v) sum[c][v] = hn::Zero(tag);
    }
    for (std::size_t l = 0; l < tile.d; ++l) {
      x += queries;
      panel += panel_size;
      Vec a[tile_vectors];
      for (std::size_t v = 0; v < tile_vectors; ++v) a[v] = hn::Load(tag, x + v * lanes);
      for (std::size_t c = 0; c < panel_size; ++c) {
        const Vec b = hn::Set(tag, panel[c]);
        for (std::size_t v = 0; v < tile_vectors; ++v) {
          const Vec difference = hn::Sub(a[v], b);
          sum[c][v] = hn::MulAdd(difference, difference, sum[c][v]);
        }
      }
    }
    for (std::size_t c = 0; c < panel_size; ++c) {
      for (std::size_t v = 0; v < tile_vectors; ++v)
        hn::Store(sum[c][v], tag, tile.values + (p + c) * queries + v * lanes);
    }
  }
}

// All squared distances of the tile's first `valid` queries to m centres, [m, valid].
void list_distances(const PairwiseTile& tile, std::size_t m, std::size_t valid, float* out) {
  const std::size_t queries = tile_queries();
  for (std::size_t block = 0; block < m; block += block_size) {
    const std::size_t count = std::min(block_size, m - block);
    distance_block(tile, block, count);
    for (std::size_t j = 0; j < count; ++j)
      out = std::copy_n(tile.values + j * queries, valid, out);
  }
}

// Few values are inside the bins once the range is narrow, so those are picked out first.
void count_values(const float* values, std::size_t size, const DistanceCount& count) {
  const hn::RebindToSigned<Tag> tag;
  const std::size_t lanes = hn::Lanes(tag);
  HWY_ALIGN std::int32_t inside[HWY_LANES(std::int32_t)];
  const std::int64_t end =
      std::int64_t{count.low} + (static_cast<std::int64_t>(count.bins) << count.shift);
  const auto low = hn::Set(tag, count.low);
  const auto last = hn::Set(tag, static_cast<std::int32_t>(end - 1));
  std::uint64_t below = 0;
  for (std::size_t k = 0; k < size; k += lanes) {
    const auto bits = hn::BitCast(tag, hn::Load(Tag(), values + k));
    const auto under = hn::Lt(bits, low);
    below += hn::CountTrue(tag, under);
    const auto within = hn::Not(hn::Or(under, hn::Gt(bits, last)));
    if (hn::AllFalse(tag, within)) continue;
    const std::size_t picked = hn::CompressStore(hn::Sub(bits, low), within, tag, inside);
    for (std::size_t i = 0; i < picked; ++i) ++count.bin[inside[i] >> count.shift];
  }
  *count.below += below;
}

// Counts the squared distances of the tile's first `valid` queries to m centres.
void count_distances(const PairwiseTile& tile, std::size_t m, std::size_t valid,
                     const DistanceCount& counts) {
  const std::size_t queries = tile_queries();
  constexpr float beyond = std::numeric_limits<float>::quiet_NaN();  // above every range
  for (std::size_t block = 0; block < m; block += block_size) {
    const std::size_t count = std::min(block_size, m - block);
    distance_block(tile, block, count);
    for (std::size_t j = 0; j < count; ++j)
      std::fill(tile.values + j * queries + valid, tile.values + (j + 1) * queries, beyond);
    count_values(tile.values, count * queries, counts);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace lodestein::kernels::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include <omp.h>

#include <bit>
#include <cmath>
#include <utility>

#include "kernels/memory.hpp"

namespace lodestein::kernels::cpu {

HWY_EXPORT(tile_queries);
HWY_EXPORT(accumulate);
HWY_EXPORT(gram_tile);
HWY_EXPORT(list_distances);
HWY_EXPORT(count_distances);

namespace {

constexpr std::size_t wanted_tasks = 64;  // few queries are split over chunks of centres
constexpr std::size_t least_chunk = 40 * block_size;
constexpr std::size_t pack_rows = 170 * panel_size;

std::size_t queries_per_tile() { return HWY_DYNAMIC_DISPATCH(tile_queries)(); }

std::size_t ceiling(std::size_t a, std::size_t b) { return (a + b - 1) / b; }

// Points are stored as (point - center) * scale, so that no width is left in the kernel.
struct Frame {
  std::vector<double> center;
  double scale;
};

// -r^2/2 in the kernel's units is log2 of an rbf kernel and (1 - k^-2) / 2 of a multiquadric.
Frame frame(const RadialKernel& kernel, View<const float> y) {
  const double log2_e = 1.4426950408889634;
  const bool rbf = kernel.form == RadialKernel::Form::rbf;
  Frame result{std::vector<double>(y.cols, 0.0), (rbf ? std::sqrt(log2_e) : 1.0) / kernel.width};
  for (std::size_t j = 0; j < y.rows; ++j) {
    for (std::size_t l = 0; l < y.cols; ++l) result.center[l] += static_cast<double>(y(j, l));
  }
  for (double& c : result.center) c /= static_cast<double>(std::max<std::size_t>(1, y.rows));
  return result;
}

Frame plain_frame(std::size_t d) { return {std::vector<double>(d, 0.0), 1.0}; }

float place(const Frame& frame, const float* point, std::size_t l) {
  return static_cast<float>((static_cast<double>(point[l]) - frame.center[l]) * frame.scale);
}

// One point into column i of [1 + d, width]: -|x|^2/2, then the coordinates.
void pack_point(const Frame& frame, const float* point, std::size_t width, float* column) {
  double norm = 0.0;
  for (std::size_t l = 0; l < frame.center.size(); ++l) {
    const float value = place(frame, point, l);
    column[(l + 1) * width] = value;
    norm += static_cast<double>(value) * static_cast<double>(value);
  }
  column[0] = static_cast<float>(-0.5 * norm);
}

// Rows [first, ...) of points, at most `width`, into [1 + d, width]; returns how many.
std::size_t pack_queries(const Frame& frame, View<const float> points, std::size_t first,
                         std::size_t width, float* to) {
  const std::size_t count = std::min(width, points.rows - first);
  if (count < width) std::fill_n(to, (points.cols + 1) * width, 0.0f);
  for (std::size_t i = 0; i < count; ++i) pack_point(frame, points.row(first + i), width, to + i);
  return count;
}

std::size_t panels_length(std::size_t rows, std::size_t d) {
  return ceiling(rows, panel_size) * panel_size * (d + 1);
}

// Rows [first, last) of points into panels; first is a multiple of the panel size.
void pack_panels(const Frame& frame, View<const float> points, std::size_t first, std::size_t last,
                 float* panels) {
  for (std::size_t j = first; j < last; j += panel_size) {
    pack_queries(frame, points, j, panel_size, panels + j * (points.cols + 1));
  }
}

// One thread's tile, sums and scratch.
class Workspace {
 public:
  Workspace(std::size_t d, std::size_t columns)
      : queries_(queries_per_tile()),
        floats_(host_memory(), queries_ * (d + 1 + 2 * block_size + columns + 1)),
        totals_(host_memory(), queries_ * columns) {
    floats_.clear();
    values_ = floats_.data() + queries_ * (d + 1);
  }
  float* x() const { return floats_.data(); }
  double* totals() const { return totals_.data(); }
  PairwiseTile tile(const RadialKernel& kernel, std::size_t d, const float* panels) const {
    const auto at_zero = static_cast<float>(kernel.at_zero());
    return {kernel, d, x(), panels, PairwiseTile::none, at_zero, values_};
  }
  PairwiseSum sum(View<const float> right) const {
    float* along = values_ + queries_ * block_size;
    float* zeros = along + queries_ * block_size;
    return {right, zeros + queries_, totals(), nullptr, {}, along, zeros};
  }

 private:
  std::size_t queries_;
  Buffer<float> floats_;  // [1 + d] x, [block_size] values and along, zeros, [columns] run; each of
                          // rows as long as a tile
  Buffer<double> totals_;
  float* values_;
};

// All memory is taken before the threads start: an exception must not leave one.
std::vector<Workspace> workspaces(int threads, std::size_t d, std::size_t columns) {
  std::vector<Workspace> result;
  for (int t = 0; t < threads; ++t) result.emplace_back(d, columns);
  return result;
}

// A product whose centres are packed and whose work is cut into tiles of queries and chunks of
// centres: a function of the problem alone, never of the number of threads.
class Product {
 public:
  Product(const PairwiseProblem& problem, bool curl_free)
      : problem_(problem),
        frame_(frame(problem.kernel, problem.y)),
        d_(problem.x.cols),
        columns_(curl_free ? d_ + 1 : problem.right.cols),
        tiles_(problem.out.empty() ? 0 : ceiling(problem.x.rows, queries_per_tile())),
        panels_(host_memory(), panels_length(problem.y.rows, d_)) {
    const std::size_t m = problem.y.rows;
    const std::size_t wanted = tiles_ == 0 ? 1 : ceiling(wanted_tasks, tiles_);
    chunks_ = std::clamp<std::size_t>(m / least_chunk, 1, wanted);
    if (chunks_ > 1) {
      partial_ = Buffer<double>(host_memory(), tiles_ * chunks_ * columns_ * queries_per_tile());
    }
    if (!curl_free) return;
    coefficients_ = Buffer<float>(host_memory(), panels_length(m, d_));
    points_ = Buffer<float>(host_memory(), m * (d_ + 1));
  }

  std::size_t columns() const { return columns_; }
  std::size_t pack_tasks() const { return ceiling(problem_.y.rows, pack_rows); }
  std::size_t tile_tasks() const { return tiles_ * chunks_; }

  void pack(std::size_t task) const {
    const std::size_t first = task * pack_rows;
    const std::size_t last = std::min(first + pack_rows, problem_.y.rows);
    pack_panels(frame_, problem_.y, first, last, panels_.data());
    if (points_.empty()) return;
    for (std::size_t j = first; j < last; ++j) pack_curl_free(j);
  }

  void multiply(std::size_t task, const Workspace& work) const {
    const std::size_t index = task / chunks_, chunk = task % chunks_;
    const std::size_t first = index * queries_per_tile();
    pack_queries(frame_, problem_.x, first, queries_per_tile(), work.x());
    PairwiseTile tile = work.tile(problem_.kernel, d_, panels_.data());
    if (problem_.same_points) tile.diagonal = first;
    PairwiseSum sum = work.sum(problem_.right);
    if (chunks_ > 1) sum.total = partial(index, chunk);
    if (!points_.empty()) {
      sum.coefficients = coefficients_.data();
      sum.points = View<const float>(points_.data(), problem_.y.rows, d_ + 1);
    }
    std::fill_n(sum.total, columns_ * queries_per_tile(), 0.0);
    HWY_DYNAMIC_DISPATCH(accumulate)(tile, sum, bound(chunk), bound(chunk + 1));
    if (chunks_ == 1) write(first, sum.total);
  }

  // Adds the chunks in their order.
  void reduce() const {
    if (chunks_ == 1) return;
    const std::size_t size = columns_ * queries_per_tile();
    for (std::size_t index = 0; index < tiles_; ++index) {
      double* total = partial(index, 0);
      for (std::size_t chunk = 1; chunk < chunks_; ++chunk) {
        for (std::size_t k = 0; k < size; ++k) total[k] += partial(index, chunk)[k];
      }
      write(index * queries_per_tile(), total);
    }
  }

 private:
  double* partial(std::size_t tile, std::size_t chunk) const {
    return partial_.data() + (tile * chunks_ + chunk) * columns_ * queries_per_tile();
  }
  std::size_t bound(std::size_t chunk) const {
    const std::size_t m = problem_.y.rows;
    return std::min(m, ceiling(m, block_size) * chunk / chunks_ * block_size);
  }

  // Centre j with its coefficients: c into a panel with -y.c before it, and the row y, 1.
  void pack_curl_free(std::size_t j) const {
    const float* c = problem_.right.row(j);
    float* panel = coefficients_.data() + j / panel_size * panel_size * (d_ + 1) + j % panel_size;
    float* point = points_.data() + j * (d_ + 1);
    double along = 0.0;
    for (std::size_t l = 0; l < d_; ++l) {
      point[l] = place(frame_, problem_.y.row(j), l);
      panel[(l + 1) * panel_size] = c[l];
      along += static_cast<double>(point[l]) * static_cast<double>(c[l]);
    }
    point[d_] = 1.0f;
    panel[0] = static_cast<float>(-along);
  }

  void write(std::size_t first, const double* total) const {
    const std::size_t queries = queries_per_tile();
    const std::size_t last = std::min(first + queries, problem_.x.rows);
    const double scale = 1.0 / (problem_.kernel.width * problem_.kernel.width);
    for (std::size_t i = first; i < last; ++i) {
      float* out = problem_.out.row(i);
      const double* sum = total + (i - first);
      for (std::size_t c = 0; c < problem_.out.cols; ++c) {
        double value = sum[c * queries];
        if (!points_.empty()) {
          const float x = place(frame_, problem_.x.row(i), c);
          value = scale * (value - static_cast<double>(x) * sum[d_ * queries]);
        }
        out[c] = static_cast<float>(value);
      }
    }
  }

  const PairwiseProblem& problem_;
  Frame frame_;
  std::size_t d_, columns_, tiles_, chunks_ = 1;
  Buffer<float> panels_;        // of y
  Buffer<float> coefficients_;  // curl-free: panels of right
  Buffer<float> points_;        // curl-free: [m, d + 1]
  Buffer<double> partial_;      // [tiles, chunks, columns, queries] where there are several chunks
};

struct Task {
  std::size_t problem, part;
};

// parts[p] tasks for each problem p.
template <class Parts>
std::vector<Task> tasks_of(std::size_t problems, const Parts& parts) {
  std::vector<Task> tasks;
  for (std::size_t p = 0; p < problems; ++p) {
    for (std::size_t part = 0; part < parts(p); ++part) tasks.push_back({p, part});
  }
  return tasks;
}

// Calls act(task, thread) for all tasks.
template <class Act>
void in_parallel(int threads, const std::vector<Task>& tasks, const Act& act) {
  const int count = static_cast<int>(tasks.size());
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
  for (int t = 0; t < count; ++t)
    act(tasks[static_cast<std::size_t>(t)], static_cast<std::size_t>(omp_get_thread_num()));
}

void multiply_all(std::span<const PairwiseProblem> problems, bool curl_free, int threads) {
  std::vector<Product> products;
  products.reserve(problems.size());
  std::size_t most_d = 0, most_columns = 0;
  for (const PairwiseProblem& problem : problems) {
    products.emplace_back(problem, curl_free);
    most_d = std::max(most_d, problem.x.cols);
    most_columns = std::max(most_columns, products.back().columns());
  }
  const std::vector<Workspace> work = workspaces(threads, most_d, most_columns);
  const std::vector<Task> packing =
      tasks_of(products.size(), [&](std::size_t p) { return products[p].pack_tasks(); });
  in_parallel(threads, packing, [&](Task t, std::size_t) { products[t.problem].pack(t.part); });
  const std::vector<Task> tiles =
      tasks_of(products.size(), [&](std::size_t p) { return products[p].tile_tasks(); });
  in_parallel(threads, tiles, [&](Task t, std::size_t thread) {
    products[t.problem].multiply(t.part, work[thread]);
  });
  for (const Product& product : products) product.reduce();
}

// A Gram matrix by tiles of columns: rows are the centres, so that they come out contiguously.
class Gram {
 public:
  explicit Gram(const GramProblem& problem)
      : problem_(problem),
        frame_(frame(problem.kernel, problem.y)),
        panels_(host_memory(), panels_length(problem.x.rows, problem.x.cols)) {}

  std::size_t pack_tasks() const { return ceiling(problem_.x.rows, pack_rows); }
  std::size_t tile_tasks() const {
    return problem_.out.empty() ? 0 : ceiling(problem_.y.rows, queries_per_tile());
  }
  void pack(std::size_t task) const {
    const std::size_t first = task * pack_rows;
    const std::size_t last = std::min(first + pack_rows, problem_.x.rows);
    pack_panels(frame_, problem_.x, first, last, panels_.data());
  }
  void fill(std::size_t task, const Workspace& work) const {
    const std::size_t first = task * queries_per_tile();
    const std::size_t columns =
        pack_queries(frame_, problem_.y, first, queries_per_tile(), work.x());
    PairwiseTile tile = work.tile(problem_.kernel, problem_.x.cols, panels_.data());
    if (problem_.same_points) tile.diagonal = first;
    tile.at_diagonal += problem_.ridge;
    HWY_DYNAMIC_DISPATCH(gram_tile)(tile, problem_.out, first, columns);
  }

 private:
  const GramProblem& problem_;
  Frame frame_;
  Buffer<float> panels_;  // of x
};

constexpr std::size_t sample_rows = 256;
constexpr std::size_t most_bins = 4096;
constexpr std::int32_t beyond_finite = 0x7f800001;  // bit pattern above that of infinity

// At most `most` rows spread over all.
View<const float> spread(View<const float> points, std::size_t most) {
  const std::size_t step = std::max<std::size_t>(1, ceiling(points.rows, most));
  return {points.data, ceiling(points.rows, step), points.cols, points.stride * step};
}

std::int32_t bits(float value) { return std::bit_cast<std::int32_t>(value); }

// Finds the squared distance of a rank by counting bit patterns, which are ordered as the
// non-negative floats are. The range that must hold it starts around the quantile of a sample, so
// that most passes only compare; a wrong guess costs a pass, never the answer.
class Selection {
 public:
  explicit Selection(const DistanceQuantileProblem& problem, int threads)
      : problem_(problem),
        frame_(plain_frame(problem.x.cols)),
        panels_(host_memory(), panels_length(problem.y.rows, problem.x.cols)),
        sample_(std::min(sample_rows, problem.x.rows) * std::min(sample_rows, problem.y.rows)),
        counts_(static_cast<std::size_t>(threads), std::vector<std::uint64_t>(most_bins + 1)),
        work_(workspaces(threads, problem.x.cols, 0)) {}

  void operator()() {
    list_sample();
    const std::size_t pairs = problem_.x.rows * problem_.y.rows;
    if (sample_.size() == pairs) {
      *problem_.distance = std::sqrt(sampled(problem_.rank));
      return;
    }
    const double share = static_cast<double>(problem_.rank) / static_cast<double>(pairs);
    std::int32_t low = bits(sampled_quantile(share - 0.05));
    std::int32_t high = bits(sampled_quantile(share + 0.05)) + 1;
    pack_panels(frame_, problem_.y, 0, problem_.y.rows, panels_.data());
    while (high - low > 1) narrow(low, high);
    *problem_.distance = std::sqrt(std::bit_cast<float>(low));
  }

 private:
  void list_sample() {
    const View<const float> x = spread(problem_.x, sample_rows);
    const View<const float> y = spread(problem_.y, sample_rows);
    sample_.resize(x.rows * y.rows);
    pack_panels(frame_, y, 0, y.rows, panels_.data());
    float* out = sample_.data();
    for (std::size_t first = 0; first < x.rows; first += queries_per_tile()) {
      const std::size_t valid =
          pack_queries(frame_, x, first, queries_per_tile(), work_.front().x());
      HWY_DYNAMIC_DISPATCH(list_distances)(tile(work_.front()), y.rows, valid, out);
      out += valid * y.rows;
    }
  }
  float sampled(std::size_t rank) {
    const auto chosen = sample_.begin() + static_cast<std::ptrdiff_t>(rank);
    std::nth_element(sample_.begin(), chosen, sample_.end());
    return *chosen;
  }
  float sampled_quantile(double share) {
    const double last = static_cast<double>(sample_.size() - 1);
    return sampled(static_cast<std::size_t>(std::clamp(share, 0.0, 1.0) * last));
  }
  PairwiseTile tile(const Workspace& work) const {
    return work.tile({}, problem_.x.cols, panels_.data());
  }

  // One pass over all pairs; the new [low, high) holds the answer too or, if the old one did not,
  // the values on the side where it is.
  void narrow(std::int32_t& low, std::int32_t& high) {
    int shift = 0;
    while (((high - low - 1) >> shift) >= static_cast<std::int32_t>(most_bins)) ++shift;
    const std::size_t bins = static_cast<std::size_t>((high - low - 1) >> shift) + 1;
    for (auto& count : counts_) std::fill(count.begin(), count.end(), std::uint64_t{0});
    count_pairs(low, shift, bins);
    std::vector<std::uint64_t>& total = counts_.front();
    for (std::size_t t = 1; t < counts_.size(); ++t) {
      for (std::size_t b = 0; b <= bins; ++b) total[b] += counts_[t][b];
    }
    std::uint64_t before = total[0];
    if (problem_.rank < before) {
      high = std::exchange(low, 0);
      return;
    }
    for (std::size_t b = 0; b < bins; ++b) {
      before += total[b + 1];
      if (problem_.rank >= before) continue;
      low += static_cast<std::int32_t>(b) << shift;
      high = std::min(high, low + (std::int32_t{1} << shift));
      return;
    }
    low = std::exchange(high, beyond_finite);
  }

  void count_pairs(std::int32_t low, int shift, std::size_t bins) {
    const std::size_t queries = queries_per_tile();
    const std::vector<Task> tiles =
        tasks_of(1, [&](std::size_t) { return ceiling(problem_.x.rows, queries); });
    in_parallel(static_cast<int>(work_.size()), tiles, [&](Task t, std::size_t thread) {
      std::vector<std::uint64_t>& count = counts_[thread];
      const Workspace& work = work_[thread];
      const std::size_t valid =
          pack_queries(frame_, problem_.x, t.part * queries, queries, work.x());
      HWY_DYNAMIC_DISPATCH(count_distances)
      (tile(work), problem_.y.rows, valid, {low, shift, bins, count.data(), count.data() + 1});
    });
  }

  const DistanceQuantileProblem& problem_;
  Frame frame_;
  Buffer<float> panels_;                            // of y
  std::vector<float> sample_;                       // squared distances
  std::vector<std::vector<std::uint64_t>> counts_;  // by thread: below the range, then by bins
  std::vector<Workspace> work_;
};

}  // namespace

void Pairwise::run_product(std::span<const PairwiseProblem> problems) const {
  multiply_all(problems, false, threads_);
}

void Pairwise::run_curl_free(std::span<const PairwiseProblem> problems) const {
  multiply_all(problems, true, threads_);
}

void Pairwise::run_gram(std::span<const GramProblem> problems) const {
  std::vector<Gram> grams;
  std::size_t most_d = 0;
  for (const GramProblem& problem : problems) {
    grams.emplace_back(problem);
    most_d = std::max(most_d, problem.x.cols);
  }
  const std::vector<Workspace> work = workspaces(threads_, most_d, 0);
  const std::vector<Task> packing =
      tasks_of(grams.size(), [&](std::size_t p) { return grams[p].pack_tasks(); });
  in_parallel(threads_, packing, [&](Task t, std::size_t) { grams[t.problem].pack(t.part); });
  const std::vector<Task> tiles =
      tasks_of(grams.size(), [&](std::size_t p) { return grams[p].tile_tasks(); });
  in_parallel(threads_, tiles,
              [&](Task t, std::size_t thread) { grams[t.problem].fill(t.part, work[thread]); });
}

void Pairwise::run_quantile(std::span<const DistanceQuantileProblem> problems) const {
  for (const DistanceQuantileProblem& problem : problems) Selection(problem, threads_)();
}

}  // namespace lodestein::kernels::cpu

#endif  // HWY_ONCE
