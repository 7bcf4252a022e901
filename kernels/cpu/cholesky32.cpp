#include "kernels/cpu/cholesky32.hpp"

#include <omp.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>

#include "kernels/cpu/panel.hpp"
#include "kernels/memory.hpp"

// Right-looking, by tiles of 128 x 128: diagonal tiles are factored and inverted in fp64, all else
// is the product of PanelMachine, which runs at the speed of the machine's fused multiply-adds.

namespace lodestein::kernels::cpu {
namespace {

constexpr std::size_t tile = 128;
constexpr std::size_t tile_values = tile * tile;
constexpr std::size_t side_columns = 32;  // right-hand sides of one task

std::uint32_t u32(std::size_t value) { return static_cast<std::uint32_t>(value); }
std::size_t tile_count(std::size_t n) { return (n + tile - 1) / tile; }
std::size_t tile_size(std::size_t n, std::size_t k) { return std::min(tile, n - k * tile); }

using Block = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

Block diagonal_tile(const View<const float>& a, std::size_t k) {
  const auto size = static_cast<Eigen::Index>(tile_size(a.rows, k));
  Block block = Block::Zero(size, size);
  for (Eigen::Index i = 0; i < size; ++i) {
    for (Eigen::Index j = 0; j <= i; ++j)
      block(i, j) = static_cast<double>(
          a(k * tile + static_cast<std::size_t>(i), k * tile + static_cast<std::size_t>(j)));
  }
  return block;
}

Block inverse_of(const Block& lower) {
  return lower.triangularView<Eigen::Lower>().solve(Block::Identity(lower.rows(), lower.cols()));
}

// Status of the tile; its factor, and the factor's inverse transposed by rows of a tile.
int factor_diagonal(const View<float>& a, std::size_t k, float* inverse) {
  Block block = diagonal_tile(a, k);
  const Eigen::Index bad = Eigen::internal::llt_inplace<double, Eigen::Lower>::blocked(block);
  for (Eigen::Index i = 0; i < (bad < 0 ? block.rows() : bad); ++i) {
    if (!(block(i, i) > 0.0) || !std::isfinite(block(i, i))) return static_cast<int>(i) + 1;
  }
  if (bad >= 0) return static_cast<int>(bad) + 1;
  const Block inverted = inverse_of(block);
  for (Eigen::Index i = 0; i < block.rows(); ++i) {
    for (Eigen::Index j = 0; j <= i; ++j) {
      const auto row = static_cast<std::size_t>(i), column = static_cast<std::size_t>(j);
      a(k * tile + row, k * tile + column) = static_cast<float>(block(i, j));
      inverse[column * tile + row] = static_cast<float>(inverted(i, j));
    }
  }
  return 0;
}

class Factor {
 public:
  Factor(const View<float>& a, int threads)
      : a_(a),
        threads_(threads),
        tiles_(tile_count(a.rows)),
        inverse_(host_memory(), tile_values),
        packed_(host_memory(), tiles_ * tile_values),
        scratch_(host_memory(), static_cast<std::size_t>(threads) * tile_values) {
    packed_.clear();
  }

  int run() {
    for (std::size_t k = 0; k < tiles_; ++k) {
      inverse_.clear();
      const int status = factor_diagonal(a_, k, inverse_.data());
      if (status != 0) return static_cast<int>(k * tile) + status;
      update_rest(k);
    }
    return 0;
  }

 private:
  void update_rest(std::size_t k) {
    const int rest = static_cast<int>(tiles_ - k) - 1;
#pragma omp parallel num_threads(threads_)
    {
      float* scratch =
          scratch_.data() + static_cast<std::size_t>(omp_get_thread_num()) * tile_values;
#pragma omp for schedule(dynamic, 1)
      for (int t = 0; t < rest; ++t) finish_panel(k, k + 1 + static_cast<std::size_t>(t), scratch);
#pragma omp for schedule(dynamic, 1)
      for (int t = 0; t < rest * rest; ++t) {
        const std::size_t i = k + 1 + static_cast<std::size_t>(t / rest);
        const std::size_t j = k + 1 + static_cast<std::size_t>(t % rest);
        if (i >= j) update(i, j, k, scratch);
      }
    }
  }

  // L_ik = A_ik L_kk^-T, and -L_ik^T into packed tile i.
  void finish_panel(std::size_t k, std::size_t i, float* scratch) const {
    const std::size_t rows = tile_size(a_.rows, i);
    float* to = a_.row(i * tile) + k * tile;
    for (std::size_t r = 0; r < rows; ++r)
      std::copy_n(to + r * a_.stride, tile, scratch + r * tile);
    machine_.multiply(u32(rows), tile, tile, scratch, tile, 1, inverse_.data(), tile, nullptr, 0,
                      to, u32(a_.stride));
    float* packed = packed_.data() + i * tile_values;
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t c = 0; c < tile; ++c) packed[c * tile + r] = -to[r * a_.stride + c];
    }
  }

  // A_ij -= L_ik L_jk^T, in the lower triangle only.
  void update(std::size_t i, std::size_t j, std::size_t k, float* scratch) const {
    const std::size_t rows = tile_size(a_.rows, i), cols = tile_size(a_.rows, j);
    const float* left = a_.row(i * tile) + k * tile;
    const float* right = packed_.data() + j * tile_values;
    float* to = a_.row(i * tile) + j * tile;
    if (i != j) {
      machine_.multiply(u32(rows), tile, u32(cols), left, u32(a_.stride), 1, right, tile, to,
                        u32(a_.stride), to, u32(a_.stride));
      return;
    }
    machine_.multiply(u32(rows), tile, tile, left, u32(a_.stride), 1, right, tile, nullptr, 0,
                      scratch, tile);
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t c = 0; c <= r; ++c) to[r * a_.stride + c] += scratch[r * tile + c];
    }
  }

  const View<float> a_;
  const int threads_;
  const std::size_t tiles_;
  Buffer<float> inverse_, packed_, scratch_;
  PanelMachine machine_;
};

// -L_kk^-1 of every tile.
Buffer<float> negative_inverses(const View<const float>& l) {
  Buffer<float> inverses(host_memory(), tile_count(l.rows) * tile_values);
  inverses.clear();
  for (std::size_t k = 0; k < tile_count(l.rows); ++k) {
    const Block inverted = inverse_of(diagonal_tile(l, k));
    float* to = inverses.data() + k * tile_values;
    for (Eigen::Index i = 0; i < inverted.rows(); ++i) {
      for (Eigen::Index j = 0; j <= i; ++j)
        to[static_cast<std::size_t>(i) * tile + static_cast<std::size_t>(j)] =
            static_cast<float>(-inverted(i, j));
    }
  }
  return inverses;
}

// Both triangles for the right-hand sides x [n, side_columns]. Signs alternate, since
// PanelMachine only adds: what is solved already is stored negated.
void solve_chunk(const View<const float>& l, const float* inverses, float* x, float* rest) {
  const PanelMachine machine;
  const std::size_t n = l.rows, tiles = tile_count(n);
  const auto finish = [&](std::size_t k, bool transposed) {
    machine.multiply(u32(tile_size(n, k)), u32(tile_size(n, k)), side_columns,
                     inverses + k * tile_values, transposed ? 1 : tile, transposed ? tile : 1, rest,
                     side_columns, nullptr, 0, x + k * tile * side_columns, side_columns);
  };
  for (std::size_t k = 0; k < tiles; ++k) {
    machine.multiply(u32(tile_size(n, k)), u32(k * tile), side_columns, l.row(k * tile),
                     u32(l.stride), 1, x, side_columns, x + k * tile * side_columns, side_columns,
                     rest, side_columns);
    finish(k, false);
  }
  for (std::size_t e = 0; e < n * side_columns; ++e) x[e] = -x[e];
  for (std::size_t k = tiles; k-- > 0;) {
    const std::size_t end = k * tile + tile_size(n, k);
    const float* below = end < n ? l.row(end) + k * tile : nullptr;
    machine.multiply(u32(tile_size(n, k)), u32(n - end), side_columns, below, 1, u32(l.stride),
                     x + end * side_columns, side_columns, x + k * tile * side_columns,
                     side_columns, rest, side_columns);
    finish(k, true);
  }
  for (std::size_t e = 0; e < n * side_columns; ++e) x[e] = -x[e];
}

}  // namespace

int factor32(const View<float>& a, int threads) {
  return a.rows == 0 ? 0 : Factor(a, threads).run();
}

void solve32(const View<const float>& l, const View<float>& right, int threads) {
  const std::size_t n = l.rows, chunks = (right.cols + side_columns - 1) / side_columns;
  const Buffer<float> inverses = negative_inverses(l);
  const std::size_t room = (n + tile) * side_columns;
  Buffer<float> x(host_memory(), chunks * room);
  x.clear();
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
  for (int t = 0; t < static_cast<int>(chunks); ++t) {
    const std::size_t first = static_cast<std::size_t>(t) * side_columns;
    const std::size_t count = std::min(side_columns, right.cols - first);
    float* mine = x.data() + static_cast<std::size_t>(t) * room;
    for (std::size_t i = 0; i < n; ++i)
      std::copy_n(right.row(i) + first, count, mine + i * side_columns);
    solve_chunk(l, inverses.data(), mine, mine + n * side_columns);
    for (std::size_t i = 0; i < n; ++i)
      std::copy_n(mine + i * side_columns, count, right.row(i) + first);
  }
}

}  // namespace lodestein::kernels::cpu
