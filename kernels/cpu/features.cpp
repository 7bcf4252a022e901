// Compiled once per vector instruction set by Highway's foreach_target.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/features.cpp"
#include "kernels/cpu/features.hpp"

#include <cmath>
#include <cstdint>

#include "hwy/foreach_target.h"  // must come before highway.h
#include "hwy/highway.h"
#include "kernels/cpu/cosine-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace lodestein::kernels::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::ScalableTag<float>;
using Vec = hn::Vec<Tag>;
constexpr Tag tag;

// cos(x + quarters pi / 2) for |x| <= 10^4 within 2e-7: x = n pi / 2 + r, |r| <= pi / 4, with pi /
// 2 in three parts of which the first two have so few bits that their products with n are exact
// even without fused multiply-adds.
HWY_INLINE Vec shifted_cosine(Vec x, int quarters) {
  const hn::RebindToSigned<Tag> integers;
  const Vec n = hn::Round(hn::Mul(x, hn::Set(tag, 0.636619772f)));
  Vec r = hn::NegMulAdd(n, hn::Set(tag, 1.5703125f), x);
  r = hn::NegMulAdd(n, hn::Set(tag, 4.837512969970703125e-4f), r);
  r = hn::NegMulAdd(n, hn::Set(tag, 7.54978995489188216e-8f), r);
  const auto quadrant = hn::Add(hn::ConvertTo(integers, n), hn::Set(integers, quarters));
  return cosine_of_reduced(tag, r, quadrant);
}

void shifted_cosines(std::size_t count, int quarters, float* values) {
  for (std::size_t i = 0; i < count; i += hn::Lanes(tag))
    hn::StoreU(shifted_cosine(hn::LoadU(tag, values + i), quarters), tag, values + i);
}

// out [rows, cols] = products of `degree` entries of each row of x; factors [degree, stride] are
// their columns.
void monomials(const float* x, std::size_t x_stride, std::size_t rows, const std::int32_t* factors,
               std::size_t stride, unsigned degree, std::size_t cols, float* out,
               std::size_t out_stride) {
  const hn::RebindToSigned<Tag> integers;
  for (std::size_t j = 0; j < cols; j += hn::Lanes(tag)) {
    for (std::size_t s = 0; s < rows; ++s) {
      Vec value = hn::Set(tag, 1.0f);
      for (unsigned f = 0; f < degree; ++f) {
        const auto columns = hn::LoadU(integers, factors + f * stride + j);
        value = hn::Mul(value, hn::GatherIndex(tag, x + s * x_stride, columns));
      }
      hn::StoreU(value, tag, out + s * out_stride + j);
    }
  }
}

// x [rows, cols] of rows one after the other, each times the root of its weight.
void scale_rows(const float* roots, std::size_t rows, std::size_t cols, float* x) {
  for (std::size_t s = 0; s < rows; ++s, x += cols) {
    const Vec root = hn::Set(tag, roots[s]);
    for (std::size_t j = 0; j < cols; j += hn::Lanes(tag))
      hn::StoreU(hn::Mul(root, hn::LoadU(tag, x + j)), tag, x + j);
  }
}

// Rows of a register tile two vectors wide: 24 accumulators of 32 registers, or 12 of 16. Tiles of
// `rest_rows` do what is left; together they end with the panel (32 = 2 12 + 8 = 5 6 + 2).
constexpr std::size_t tile_rows = HWY_LANES(float) >= 16 ? 12 : 6;
constexpr std::size_t rest_rows = tile_rows == 12 ? 4 : 2;

// tile [Rows, 2 vectors] = sum over `steps` rows of left^T right, all with rows `stride` apart.
template <std::size_t Rows>
HWY_INLINE void multiply_tile(const float* HWY_RESTRICT left, const float* HWY_RESTRICT right,
                              std::size_t steps, std::size_t stride, float* HWY_RESTRICT tile) {
  const std::size_t lanes = hn::Lanes(tag);
  Vec sum[Rows][2];
  for (std::size_t r = 0; r < Rows; ++r) sum[r][0] = sum[r][1] = hn::Zero(tag);
  for (std::size_t s = 0; s < steps; ++s, left += stride, right += stride) {
    const Vec first = hn::LoadU(tag, right), second = hn::LoadU(tag, right + lanes);
    for (std::size_t r = 0; r < Rows; ++r) {
      const Vec factor = hn::Set(tag, left[r]);
      sum[r][0] = hn::MulAdd(factor, first, sum[r][0]);
      sum[r][1] = hn::MulAdd(factor, second, sum[r][1]);
    }
  }
  for (std::size_t r = 0; r < Rows; ++r) {
    hn::StoreU(sum[r][0], tag, tile + r * stride);
    hn::StoreU(sum[r][1], tag, tile + r * stride + lanes);
  }
}

// tile [left_cols, right_cols] = left^T right of two panels of `stride` columns, of which multiples
// of `rest_rows` and of two vectors are done.
void multiply_panels(const float* left, std::size_t left_cols, const float* right,
                     std::size_t right_cols, std::size_t steps, std::size_t stride, float* tile) {
  for (std::size_t j = 0; j < right_cols; j += 2 * hn::Lanes(tag)) {
    std::size_t i = 0;
    for (; i + tile_rows <= left_cols; i += tile_rows)
      multiply_tile<tile_rows>(left + i, right + j, steps, stride, tile + i * stride + j);
    if (tile_rows > 8 && i + 4 < left_cols) {
      multiply_tile<8>(left + i, right + j, steps, stride, tile + i * stride + j);
      i += 8;
    }
    for (; i < left_cols; i += rest_rows)
      multiply_tile<rest_rows>(left + i, right + j, steps, stride, tile + i * stride + j);
  }
}

// out [rows, cols] += tile.
void add_tile(const float* tile, std::size_t tile_stride, std::size_t rows, std::size_t cols,
              double* out, std::size_t stride) {
  const hn::ScalableTag<double> doubles;
  const hn::Rebind<float, decltype(doubles)> halves;
  const std::size_t lanes = hn::Lanes(doubles);
  for (std::size_t i = 0; i < rows; ++i, tile += tile_stride, out += stride) {
    std::size_t j = 0;
    for (; j + lanes <= cols; j += lanes) {
      const auto value = hn::PromoteTo(doubles, hn::LoadU(halves, tile + j));
      hn::StoreU(hn::Add(hn::LoadU(doubles, out + j), value), doubles, out + j);
    }
    for (; j < cols; ++j) out[j] += static_cast<double>(tile[j]);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace lodestein::kernels::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include <omp.h>

#include <algorithm>
#include <vector>

#include "kernels/cpu/panel.hpp"
#include "kernels/feature_pass.hpp"

namespace lodestein::kernels::cpu {

HWY_EXPORT(shifted_cosines);
HWY_EXPORT(monomials);
HWY_EXPORT(multiply_panels);
HWY_EXPORT(scale_rows);
HWY_EXPORT(add_tile);

namespace {

constexpr std::size_t panel_rows = 256;
constexpr std::size_t panel_cols = 32;  // a panel is 32 KiB: it stays in L1 while others pass
constexpr std::size_t most_chunks = 16;
constexpr std::size_t least_chunk_rows = 1024;
constexpr std::size_t partial_bytes = std::size_t{1} << 29;  // all partial sums of one problem

// What a register tile does too much stays within the panel.
static_assert(panel_cols % (2 * HWY_LANES(float)) == 0);

std::size_t to_unit(std::size_t count) {
  const std::size_t unit = PanelMachine::unit();
  return (count + unit - 1) / unit * unit;
}

std::uint32_t narrow(std::size_t value) { return static_cast<std::uint32_t>(value); }

// Columns fall into groups of panel_cols: first those of monomials, then those of cosines. Holds
// what they are made from, laid out for vectors.
class PackedColumns {
 public:
  explicit PackedColumns(const FeatureColumns& columns) : columns_(columns) {
    const std::size_t monomials = columns.monomials, fourier = columns.frequencies.rows;
    monomial_groups_ = (monomials + panel_cols - 1) / panel_cols;
    groups_ = monomial_groups_ + (fourier + panel_cols - 1) / panel_cols;
    stride_ = monomial_groups_ * panel_cols;
    factors_.assign(columns.degree * stride_, static_cast<std::int32_t>(columns.dimension));
    for (std::size_t k = 0; k < monomials; ++k) {
      for (unsigned f = 0; f < columns.degree; ++f) {
        factors_[f * stride_ + k] =
            static_cast<std::int32_t>(columns.factors[k * columns.degree + f]);
      }
    }
    fourier_stride_ = (groups_ - monomial_groups_) * panel_cols;
    frequencies_.assign(columns.dimension * fourier_stride_, 0.0f);
    phases_.assign(fourier_stride_, 0.0f);
    for (std::size_t k = 0; k < fourier; ++k) {
      phases_[k] = columns.phases[k];
      for (std::size_t i = 0; i < columns.dimension; ++i)
        frequencies_[i * fourier_stride_ + k] = columns.frequencies(k, i);
    }
  }

  std::size_t groups() const { return groups_; }
  // The first column of a group and how many it has.
  std::size_t first(std::size_t group) const {
    return group <= monomial_groups_ ? std::min(group * panel_cols, columns_.monomials)
                                     : columns_.monomials + (group - monomial_groups_) * panel_cols;
  }
  std::size_t size(std::size_t group) const {
    return std::min(first(group + 1), columns_.count()) - first(group);
  }
  std::size_t panel_values() const { return groups_ * panel_rows * panel_cols; }
  static std::size_t point_values(const FeatureColumns& columns) {
    return panel_rows * (columns.dimension + 1);
  }

  // Rows [first, first + rows) of x with a 1 behind each into `points`, their columns into
  // `panels`, one of [panel_rows, panel_cols] a group.
  void fill(const View<const float>& x, std::size_t first_row, std::size_t rows, float* points,
            float* panels) const {
    const std::size_t d = columns_.dimension;
    for (std::size_t s = 0; s < rows; ++s) {
      std::copy_n(x.row(first_row + s), d, points + s * (d + 1));
      points[s * (d + 1) + d] = 1.0f;
    }
    for (std::size_t g = 0; g < groups_; ++g) {
      float* panel = panels + g * panel_rows * panel_cols;
      if (g < monomial_groups_) {
        HWY_DYNAMIC_DISPATCH(monomials)
        (points, d + 1, rows, factors_.data() + g * panel_cols, stride_, columns_.degree,
         to_unit(size(g)), panel, panel_cols);
      } else {
        fill_fourier((g - monomial_groups_) * panel_cols, rows, points, panel);
      }
    }
  }

 private:
  void fill_fourier(std::size_t column, std::size_t rows, const float* points, float* panel) const {
    const std::size_t d = columns_.dimension;
    PanelMachine().multiply(narrow(rows), narrow(d), panel_cols, points, narrow(d + 1), 1,
                            frequencies_.data() + column, narrow(fourier_stride_),
                            phases_.data() + column, 0, panel, panel_cols);
    HWY_DYNAMIC_DISPATCH(shifted_cosines)(rows * panel_cols, columns_.quarters, panel);
  }

  FeatureColumns columns_;
  std::size_t monomial_groups_ = 0, groups_ = 0, stride_ = 0, fourier_stride_ = 0;
  std::vector<std::int32_t> factors_;  // [degree, stride]
  std::vector<float> frequencies_;     // [d, fourier_stride]
  std::vector<float> phases_;
};

// One thread's memory, split into what a task needs.
class Scratch {
 public:
  explicit Scratch(float* memory) : next_(memory) {}
  float* take(std::size_t count) {
    float* taken = next_;
    next_ += (count + 63) / 64 * 64;
    return taken;
  }
  static std::size_t room(std::size_t count) { return (count + 63) / 64 * 64; }

 private:
  float* next_;
};

// Everything about one FeatureSums; none of it depends on the number of threads.
struct SumPlan {
  const FeatureSums& sums;
  PackedColumns columns;
  std::size_t count, targets, target_stride, second_values, cross_values, chunks;

  explicit SumPlan(const FeatureSums& s)
      : sums(s),
        columns(s.columns),
        count(s.columns.count()),
        targets(s.cross == nullptr ? 0 : s.target_count()),
        target_stride(to_unit(targets)),
        second_values(s.second == nullptr ? 0 : pairs_before(columns.groups()) * tile_size),
        cross_values(count * targets) {
    const std::size_t most =
        partial_bytes / (8 * std::max<std::size_t>(second_values + cross_values, 1));
    // Work on partial sums must stay small beside the products.
    const std::size_t chunk_rows = std::max(least_chunk_rows, 8 * count);
    chunks = std::clamp<std::size_t>(s.x.rows / chunk_rows, 1,
                                     std::clamp<std::size_t>(most, 1, most_chunks));
  }
  // Partial sums go tile by tile, those of a column of tiles from the top to the diagonal.
  static constexpr std::size_t tile_size = panel_cols * panel_cols;
  static std::size_t pairs_before(std::size_t right) { return right * (right + 1) / 2; }
  static std::size_t tile_place(std::size_t left, std::size_t right) {
    return (pairs_before(right) + left) * tile_size;
  }
  std::size_t first_row(std::size_t chunk) const {
    const std::size_t panels = (sums.x.rows + panel_rows - 1) / panel_rows;
    return std::min(panels * chunk / chunks * panel_rows, sums.x.rows);
  }
  std::size_t tile_values() const { return panel_cols * std::max(panel_cols, target_stride); }
  std::size_t scratch_values() const {
    return Scratch::room(columns.panel_values()) +
           Scratch::room(PackedColumns::point_values(sums.columns)) +
           Scratch::room(panel_rows * target_stride) + Scratch::room(panel_rows) +
           Scratch::room(tile_values());
  }
};

// Sums over one chunk of samples.
class ChunkSums {
 public:
  ChunkSums(const SumPlan& plan, float* memory, double* partial) : plan_(plan), out_(partial) {
    Scratch scratch(memory);
    panels_ = scratch.take(plan.columns.panel_values());
    points_ = scratch.take(PackedColumns::point_values(plan.sums.columns));
    targets_ = scratch.take(panel_rows * plan.target_stride);
    roots_ = scratch.take(panel_rows);
    tile_ = scratch.take(plan.tile_values());
  }
  void run(std::size_t chunk) {
    const std::size_t end = plan_.first_row(chunk + 1);
    for (std::size_t first = plan_.first_row(chunk); first < end; first += panel_rows) {
      const std::size_t rows = std::min(panel_rows, end - first);
      plan_.columns.fill(plan_.sums.x, first, rows, points_, panels_);
      if (plan_.targets > 0) add_cross(first, rows);
      if (plan_.second_values == 0) continue;
      if (plan_.sums.weights != nullptr) scale(first, rows);
      add_second(rows);
    }
  }

 private:
  float* panel(std::size_t group) const { return panels_ + group * panel_rows * panel_cols; }

  // tile = panel_group^T right
  void multiply(std::size_t group, std::size_t rows, const float* right, std::size_t cols,
                std::size_t stride) const {
    PanelMachine().multiply(narrow(plan_.columns.size(group)), narrow(rows), narrow(cols),
                            panel(group), 1, panel_cols, right, narrow(stride), nullptr, 0, tile_,
                            narrow(stride));
  }
  void add_cross(std::size_t first, std::size_t rows) const {
    const View<const float>& targets = plan_.sums.targets;
    const std::size_t stride = plan_.target_stride;
    std::fill_n(targets_, rows * stride, 0.0f);
    for (std::size_t s = 0; s < rows; ++s) {
      for (std::size_t t = 0; t < plan_.targets; ++t)
        targets_[s * stride + t] = targets.data == nullptr ? 1.0f : targets(first + s, t);
    }
    double* cross = out_ + plan_.second_values;
    for (std::size_t g = 0; g < plan_.columns.groups(); ++g) {
      multiply(g, rows, targets_, stride, stride);
      HWY_DYNAMIC_DISPATCH(add_tile)
      (tile_, stride, plan_.columns.size(g), plan_.targets,
       cross + plan_.columns.first(g) * plan_.targets, plan_.targets);
    }
  }
  void scale(std::size_t first, std::size_t rows) const {
    for (std::size_t s = 0; s < rows; ++s) roots_[s] = std::sqrt(plan_.sums.weights[first + s]);
    for (std::size_t g = 0; g < plan_.columns.groups(); ++g)
      HWY_DYNAMIC_DISPATCH(scale_rows)(roots_, rows, panel_cols, panel(g));
  }
  void add_second(std::size_t rows) const {
    const PackedColumns& columns = plan_.columns;
    for (std::size_t right = 0; right < columns.groups(); ++right) {
      for (std::size_t left = 0; left <= right; ++left) {
        HWY_DYNAMIC_DISPATCH(multiply_panels)
        (panel(left), columns.size(left), panel(right), columns.size(right), rows, panel_cols,
         tile_);
        HWY_DYNAMIC_DISPATCH(add_tile)
        (tile_, panel_cols, columns.size(left), columns.size(right),
         out_ + SumPlan::tile_place(left, right), panel_cols);
      }
    }
  }

  const SumPlan& plan_;
  double* out_;
  float *panels_, *points_, *targets_, *roots_, *tile_;
};

// Everything about one FeatureValues.
struct ValuePlan {
  const FeatureValues& values;
  PackedColumns columns;
  std::size_t stride, tiles;
  std::vector<float> coefficients;  // [columns, stride], 0 past the last

  explicit ValuePlan(const FeatureValues& v)
      : values(v),
        columns(v.columns),
        stride(to_unit(v.out.cols)),
        tiles((v.x.rows + panel_rows - 1) / panel_rows) {
    if (v.coefficients == nullptr) return;
    coefficients.assign(v.columns.count() * stride, 0.0f);
    for (std::size_t k = 0; k < v.columns.count(); ++k) {
      std::copy_n(v.coefficients + k * v.out.cols, v.out.cols, coefficients.data() + k * stride);
    }
  }
  std::size_t scratch_values() const {
    return Scratch::room(columns.panel_values()) +
           Scratch::room(PackedColumns::point_values(values.columns)) +
           Scratch::room(panel_rows * stride);
  }

  void run(std::size_t tile, float* memory) const {
    Scratch scratch(memory);
    float* panels = scratch.take(columns.panel_values());
    float* points = scratch.take(PackedColumns::point_values(values.columns));
    float* out = scratch.take(panel_rows * stride);
    const std::size_t first = tile * panel_rows;
    const std::size_t rows = std::min(panel_rows, values.x.rows - first);
    columns.fill(values.x, first, rows, points, panels);
    if (values.coefficients == nullptr) return copy_columns(panels, first, rows);
    std::fill_n(out, rows * stride, 0.0f);
    for (std::size_t g = 0; g < columns.groups(); ++g) {
      PanelMachine().multiply(narrow(rows), narrow(columns.size(g)), narrow(stride),
                              panels + g * panel_rows * panel_cols, panel_cols, 1,
                              coefficients.data() + columns.first(g) * stride, narrow(stride), out,
                              narrow(stride), out, narrow(stride));
    }
    for (std::size_t s = 0; s < rows; ++s)
      std::copy_n(out + s * stride, values.out.cols, values.out.row(first + s));
  }

 private:
  void copy_columns(const float* panels, std::size_t first, std::size_t rows) const {
    for (std::size_t g = 0; g < columns.groups(); ++g) {
      const std::size_t skip = g == 0 ? values.skipped : 0;
      const float* from = panels + g * panel_rows * panel_cols + skip;
      for (std::size_t s = 0; s < rows; ++s) {
        std::copy_n(from + s * panel_cols, columns.size(g) - skip,
                    values.out.row(first + s) + columns.first(g) + skip - values.skipped);
      }
    }
  }
};

// Calls run(plan, part, a thread's memory) for all parts of all plans. All memory is taken before
// the threads start: an exception must not leave one.
template <class Plan, class Parts, class Run>
void in_parallel(const std::vector<Plan>& plans, int threads, const Parts& parts, const Run& run) {
  struct Task {
    std::size_t plan, part;
  };
  std::vector<Task> tasks;
  std::size_t room = 0;
  for (std::size_t p = 0; p < plans.size(); ++p) {
    room = std::max(room, plans[p].scratch_values());
    for (std::size_t part = 0; part < parts(plans[p]); ++part) tasks.push_back({p, part});
  }
  std::vector<Buffer<float>> scratch;
  for (int t = 0; t < threads; ++t) scratch.emplace_back(host_memory(), room);
  const int count = static_cast<int>(tasks.size());
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
  for (int t = 0; t < count; ++t) {
    const Task task = tasks[static_cast<std::size_t>(t)];
    run(task.plan, task.part, scratch[static_cast<std::size_t>(omp_get_thread_num())].data());
  }
}

class Engine {
 public:
  explicit Engine(int threads) : threads_(threads) {}
  const Memory& memory() const { return host_memory(); }

  void evaluate(std::span<const FeatureValues> problems) const {
    const std::vector<ValuePlan> plans(problems.begin(), problems.end());
    in_parallel(
        plans, threads_, [](const ValuePlan& plan) { return plan.tiles; },
        [&](std::size_t p, std::size_t tile, float* scratch) { plans[p].run(tile, scratch); });
  }

  void sum(std::span<const FeatureSums> problems) const {
    const std::vector<SumPlan> plans(problems.begin(), problems.end());
    std::vector<std::vector<std::vector<double>>> partials;  // of each problem's chunks
    for (const SumPlan& plan : plans) {
      partials.emplace_back(plan.chunks,
                            std::vector<double>(plan.second_values + plan.cross_values, 0.0));
    }
    in_parallel(
        plans, threads_, [](const SumPlan& plan) { return plan.chunks; },
        [&](std::size_t p, std::size_t chunk, float* scratch) {
          ChunkSums(plans[p], scratch, partials[p][chunk].data()).run(chunk);
        });
    for (std::size_t p = 0; p < plans.size(); ++p) reduce(plans[p], partials[p]);
  }

  template <class Task>
  void each(std::span<const Task> tasks) const {
    for (const Task& task : tasks) {
      const auto count = static_cast<std::int64_t>(task.entries());
#pragma omp parallel for schedule(static) num_threads(threads_) if (count > 10000)
      for (std::int64_t e = 0; e < count; ++e) task(static_cast<std::size_t>(e));
    }
  }

 private:
  // Sums partials in the order of the chunks.
  void reduce(const SumPlan& plan, const std::vector<std::vector<double>>& partials) const {
    const double scale = 1.0 / static_cast<double>(plan.sums.x.rows);
    const auto total = [&](std::size_t place) {
      double sum = 0.0;
      for (const std::vector<double>& partial : partials) sum += partial[place];
      return sum * scale;
    };
    const PackedColumns& columns = plan.columns;
    const auto groups = static_cast<int>(plan.second_values == 0 ? 0 : columns.groups());
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads_) if (groups > 3)
    for (int group = 0; group < groups; ++group) {
      const auto right = static_cast<std::size_t>(group);
      for (std::size_t left = 0; left <= right; ++left) {
        for (std::size_t i = 0; i < columns.size(left); ++i) {
          double* row = plan.sums.second + (columns.first(left) + i) * plan.count;
          const std::size_t place = SumPlan::tile_place(left, right) + i * panel_cols;
          for (std::size_t j = 0; j < columns.size(right); ++j)
            row[columns.first(right) + j] = total(place + j);
        }
      }
    }
    for (std::size_t e = 0; e < plan.cross_values; ++e)
      plan.sums.cross[e] = total(plan.second_values + e);
  }
  int threads_;
};

}  // namespace

void Features::run_evaluate(std::span<const FeatureEvaluation> problems) const {
  const Engine engine(threads_);
  FeaturePass<Engine>(engine).evaluate(problems);
}

void Features::run_moments(std::span<const FeatureMoments> problems) const {
  const Engine engine(threads_);
  FeaturePass<Engine>(engine).moments(problems);
}

void Features::run_energy(std::span<const FeatureEnergy> problems) const {
  const Engine engine(threads_);
  FeaturePass<Engine>(engine).energy(problems);
}

}  // namespace lodestein::kernels::cpu

#endif  // HWY_ONCE
