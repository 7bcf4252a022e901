#pragma once

#include <algorithm>
#include <cstddef>

namespace lodestein::kernels::cpu {

/// Rows of a block come in multiples of it. Those past the matrix's last row repeat it with weight
/// 0.
constexpr std::size_t row_unit = 4;

/// Rows of a matrix while they are multiplied, centred and scaled by the root of their weight.
struct Block {
  double* values = nullptr;         ///< [rows, stride]
  const double* roots = nullptr;    ///< [rows]
  std::size_t first = 0, last = 0;  ///< of the matrix's rows
  std::size_t rows = 0;             ///< last - first + 1, rounded up
  std::size_t stride = 0, environment_stride = 0;

  std::size_t source_row(std::size_t r) const { return std::min(first + r, last); }
};

}  // namespace lodestein::kernels::cpu
