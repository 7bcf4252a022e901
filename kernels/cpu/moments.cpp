// Compiled once per vector instruction set by Highway's foreach_target.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/moments.cpp"
#include "kernels/cpu/moments.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "hwy/foreach_target.h"  // must come before highway.h
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace lodestein::kernels::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr std::size_t tile_rows = 4;  // columns of x broadcast at once
// Vectors of columns multiplied at once: 24 accumulators of 32 registers, or 12 of 16.
constexpr std::size_t tile_vectors = HWY_LANES(double) >= 8 ? 6 : 3;

// One register tile: c[i, j] += sum_k left(k, i) right(k, j) for a few columns i and vectors
// of columns j of a packed block [rows, stride] that starts on a vector boundary.
template <std::size_t Vectors>
void update_tile(const double* HWY_RESTRICT left, const double* HWY_RESTRICT right,
                 std::size_t rows, std::size_t stride, double* HWY_RESTRICT c,
                 std::size_t c_stride) {
  const hn::ScalableTag<double> tag;
  const std::size_t lanes = hn::Lanes(tag);
  hn::Vec<decltype(tag)> sum[tile_rows][Vectors];
  for (std::size_t i = 0; i < tile_rows; ++i) {
    for (std::size_t v = 0; v < Vectors; ++v)
      sum[i][v] = hn::LoadU(tag, c + i * c_stride + v * lanes);
  }
  for (std::size_t k = 0; k < rows; ++k) {
    hn::Vec<decltype(tag)> b[Vectors];
    for (std::size_t v = 0; v < Vectors; ++v) b[v] = hn::LoadU(tag, right + k * stride + v * lanes);
    for (std::size_t i = 0; i < tile_rows; ++i) {
      const auto a = hn::Set(tag, left[k * stride + i]);
      for (std::size_t v = 0; v < Vectors; ++v) sum[i][v] = hn::MulAdd(a, b[v], sum[i][v]);
    }
  }
  for (std::size_t i = 0; i < tile_rows; ++i) {
    for (std::size_t v = 0; v < Vectors; ++v)
      hn::StoreU(sum[i][v], tag, c + i * c_stride + v * lanes);
  }
}

// Upper triangle (by tiles) of c += block^T block.
void rank_k_update(const double* block, std::size_t rows, std::size_t padded, double* c) {
  const hn::ScalableTag<double> tag;
  const std::size_t lanes = hn::Lanes(tag);
  for (std::size_t i = 0; i + tile_rows <= padded; i += tile_rows) {
    std::size_t j = i / lanes * lanes;
    const auto tiles = [&]<std::size_t Vectors>() {
      for (; j + Vectors * lanes <= padded; j += Vectors * lanes) {
        update_tile<Vectors>(block + i, block + j, rows, padded, c + i * padded + j, padded);
      }
    };
    tiles.template operator()<tile_vectors>();
    tiles.template operator()<2>();
    tiles.template operator()<1>();
  }
}

std::size_t vector_lanes() { return hn::Lanes(hn::ScalableTag<double>()); }

}  // namespace HWY_NAMESPACE
}  // namespace lodestein::kernels::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include <omp.h>

#include <cmath>

namespace lodestein::kernels::cpu {

HWY_EXPORT(rank_k_update);
HWY_EXPORT(vector_lanes);

namespace {

constexpr std::size_t block_rows = 128;  // rows packed at a time, so that a block stays in L2
constexpr std::size_t most_chunks = 16;  // partial sums per environment
constexpr std::size_t partial_bytes = 1 << 26;  // all partial sums of one environment
constexpr std::size_t pilot_rows = 64;          // rows whose mean is the shift

// A column of ones is packed beside the d columns, so that the sums come out with the products.
std::size_t padded_size(std::size_t d) {
  const std::size_t unit = std::max<std::size_t>(4, HWY_DYNAMIC_DISPATCH(vector_lanes)());
  return (d + 1 + unit - 1) / unit * unit;
}

// Depends on the problem only, never on the number of threads.
std::size_t chunk_count(std::size_t rows, std::size_t padded) {
  const std::size_t fit = std::max<std::size_t>(1, partial_bytes / (8 * padded * padded));
  return std::clamp<std::size_t>(rows / 1024, 1, std::min(most_chunks, fit));
}

using Products = std::vector<double>;  // [padded, padded], upper tiles

std::vector<double> pilot_mean(View<const double> x) {
  const std::size_t rows = std::min(pilot_rows, x.rows);
  std::vector<double> mean(x.cols, 0.0);
  for (std::size_t k = 0; k < rows; ++k) {
    for (std::size_t j = 0; j < x.cols; ++j) mean[j] += x(k, j);
  }
  for (double& m : mean) m /= static_cast<double>(rows);
  return mean;
}

// Rows [first, last) shifted, scaled by the root of their weight, packed and multiplied.
void accumulate(const MomentsProblem& problem, const std::vector<double>& shift, std::size_t first,
                std::size_t last, std::size_t padded, std::vector<double>& block,
                Products& products) {
  const View<const double> x = problem.samples;
  const std::size_t d = x.cols;
  std::fill(block.begin(), block.end(), 0.0);
  for (std::size_t start = first; start < last; start += block_rows) {
    const std::size_t rows = std::min(block_rows, last - start);
    for (std::size_t k = 0; k < rows; ++k) {
      const double* source = x.row(start + k);
      const double root = problem.weights == nullptr ? 1.0 : std::sqrt(problem.weights[start + k]);
      double* packed = block.data() + k * padded;
      for (std::size_t j = 0; j < d; ++j) packed[j] = root * (source[j] - shift[j]);
      packed[d] = root;
    }
    HWY_DYNAMIC_DISPATCH(rank_k_update)(block.data(), rows, padded, products.data());
  }
}

void finish(const MomentsProblem& problem, const std::vector<double>& shift,
            const Products& products, std::size_t padded) {
  const std::size_t d = problem.samples.cols;
  const double scale = 1.0 / products[d * padded + d];  // the ones: sum of weights
  std::vector<double> offset(d);
  for (std::size_t j = 0; j < d; ++j) {
    offset[j] = products[j * padded + d] * scale;
    problem.mean[j] = shift[j] + offset[j];
  }
  for (std::size_t i = 0; i < d; ++i) {
    for (std::size_t j = i; j < d; ++j) {
      const double value = products[i * padded + j] * scale - offset[i] * offset[j];
      problem.covariance(i, j) = problem.covariance(j, i) = value;
    }
  }
}

struct Task {
  std::size_t problem, chunk, chunks;
};

}  // namespace

std::string instruction_set() {
  return hwy::TargetName(static_cast<int64_t>(hwy::SupportedTargets() & -hwy::SupportedTargets()));
}

void Moments::run(std::span<const MomentsProblem> problems) const {
  std::vector<std::vector<double>> shifts(problems.size());
  std::vector<std::vector<Products>> partials(problems.size());
  std::vector<Task> tasks;
  std::size_t largest_block = 0;
  for (std::size_t p = 0; p < problems.size(); ++p) {
    const View<const double> x = problems[p].samples;
    if (x.cols == 0) continue;
    shifts[p] = pilot_mean(x);
    const std::size_t chunks = chunk_count(x.rows, padded_size(x.cols));
    const std::size_t padded = padded_size(x.cols);
    partials[p].assign(chunks, Products(padded * padded, 0.0));
    largest_block = std::max(largest_block, block_rows * padded);
    for (std::size_t c = 0; c < chunks; ++c) tasks.push_back({p, c, chunks});
  }
  // All memory is taken before the threads start: an exception must not leave one.
  std::vector<std::vector<double>> blocks(static_cast<std::size_t>(threads_),
                                          std::vector<double>(largest_block));
  const int count = static_cast<int>(tasks.size());
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads_)
  for (int t = 0; t < count; ++t) {
    const Task task = tasks[static_cast<std::size_t>(t)];
    const MomentsProblem& problem = problems[task.problem];
    const std::size_t rows = problem.samples.rows;
    accumulate(problem, shifts[task.problem], rows * task.chunk / task.chunks,
               rows * (task.chunk + 1) / task.chunks, padded_size(problem.samples.cols),
               blocks[static_cast<std::size_t>(omp_get_thread_num())],
               partials[task.problem][task.chunk]);
  }
  for (std::size_t p = 0; p < problems.size(); ++p) {
    if (partials[p].empty()) continue;
    Products& total = partials[p].front();
    for (std::size_t c = 1; c < partials[p].size(); ++c) {
      for (std::size_t i = 0; i < total.size(); ++i) total[i] += partials[p][c][i];
    }
    finish(problems[p], shifts[p], total, padded_size(problems[p].samples.cols));
  }
}

}  // namespace lodestein::kernels::cpu

#endif  // HWY_ONCE
