// What the network operations of this backend share.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/cpu/panel.hpp"
#include "kernels/memory.hpp"
#include "kernels/network_pass.hpp"

namespace lodestein::kernels::cpu {

constexpr std::uint32_t panel_rows = 64;  // samples that pass together; activations stay in L2
constexpr std::size_t chunk_rows = 128;   // whose gradients are summed in fp32

using Pass = NetworkPass<PanelMachine>;
using Floats = Buffer<float>;

inline PassLayout layout_of(const NetworkShape& shape, PassKind kind) {
  return {shape, kind, PanelMachine::unit(), panel_rows};
}

/// First row of part k of n rows in `parts` parts.
inline std::size_t part_start(std::size_t n, std::size_t parts, std::size_t k) {
  return n * k / parts;
}

/// Inlined: rows are often of few floats.
inline void copy_floats(const float* from, std::uint32_t count, float* to) {
  std::uint32_t j = 0;
  for (; j + 4 <= count; j += 4) std::memcpy(to + j, from + j, 4 * sizeof(float));
  for (; j < count; ++j) std::memcpy(to + j, from + j, sizeof(float));
}

/// Rows of x, at most panel_rows and picked by row_of(i), into a panel.
template <class RowOf>
void load_rows(View<const float> x, std::size_t column, std::uint32_t cols, std::uint32_t rows,
               std::uint32_t stride, const RowOf& row_of, float* to) {
  const float* picked[panel_rows];
  for (std::uint32_t i = 0; i < rows; ++i) {  // all are asked for before the first is waited for
    picked[i] = x.row(row_of(i)) + column;
    __builtin_prefetch(picked[i]);
    __builtin_prefetch(picked[i] + cols - 1);
  }
  std::fill_n(to, std::size_t{rows} * stride, 0.0f);
  for (std::uint32_t i = 0; i < rows; ++i, to += stride) copy_floats(picked[i], cols, to);
}

inline double sum(const float* values, std::uint32_t count) {
  double total = 0.0;
  for (std::uint32_t i = 0; i < count; ++i) total += double{values[i]};
  return total;
}

/// Sum over the panels of rows [first, last): the values' total; gradients are added by the pass.
/// load(first, rows) fills the samples and gives the panel's source.
template <class Load>
double sum_losses(const PanelMachine& machine, const Pass& pass, const PassLayout& layout,
                  Loss loss, std::uint32_t slices, float sigma, float scale, bool reverse,
                  std::size_t first, std::size_t last, const Load& load) {
  double total = 0.0;
  for (std::size_t row = first; row < last; row += panel_rows) {
    const auto rows = static_cast<std::uint32_t>(std::min<std::size_t>(panel_rows, last - row));
    const auto source = load(row, rows);
    PanelLoss(machine, pass, layout, source, slices, sigma, scale, reverse)(loss, rows);
    total += sum(pass.values(), rows);
  }
  return total;
}

}  // namespace lodestein::kernels::cpu
