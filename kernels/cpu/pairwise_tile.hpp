#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/pairwise.hpp"

namespace lodestein::kernels::cpu {

/// Centres whose points are stored together: panel p holds [1 + d, panel_size], first a start value
/// per centre, then the coordinates. The last panel is filled up with zeros.
constexpr std::size_t panel_size = 6;
/// Centres whose kernel values are kept at a time: a multiple of panel_size.
constexpr std::size_t block_size = 48;
/// Centres summed in fp32 before the sum moves on to fp64.
constexpr std::size_t run_size = 20 * block_size;

/// A tile of queries against centres. Queries are stored as [1 + d, queries]: start values, then
/// coordinates; the start values plus the dot product are -r^2/2 in units of the kernel's width.
struct PairwiseTile {
  RadialKernel kernel;  ///< its width is in the points
  std::size_t d;
  const float* x;        ///< [1 + d, queries]
  const float* y;        ///< panels
  std::size_t diagonal;  ///< index of the centre that is the first query, or none
  float at_diagonal;     ///< value of a point with itself
  float* values;         ///< [block_size, queries]

  static constexpr std::size_t none = SIZE_MAX / 2;
};

/// What is added up over the centres of a tile.
struct PairwiseSum {
  View<const float> right;  ///< [m, r]
  float* run;               ///< [columns, queries], zero between calls
  double* total;            ///< [columns, queries], added to
  // Curl-free products only:
  const float* coefficients;  ///< panels of right, with -y.c as start values; null: plain product
  View<const float> points;   ///< [m, d + 1]: y, 1
  float* along;               ///< [block_size, queries]
  const float* zeros;         ///< [queries]
};

/// Bit patterns of squared distances within [low, low + (bins << shift)) are counted by bins.
struct DistanceCount {
  std::int32_t low;
  int shift;
  std::size_t bins;
  std::uint64_t* below;  ///< [1], added to
  std::uint64_t* bin;    ///< [bins], added to
};

}  // namespace lodestein::kernels::cpu
