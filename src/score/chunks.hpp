#pragma once

#include <algorithm>
#include <cstddef>

#include "lodestein/core/matrix.hpp"

namespace lodestein {

/// Calls work(first row, rows of x) for pieces of bounded size.
template <class Work>
void by_chunks(ConstMatrixView x, const Work& work) {
  constexpr std::size_t chunk_rows = std::size_t{1} << 16;
  for (std::size_t first = 0; first < x.rows(); first += chunk_rows) {
    const std::size_t rows = std::min(chunk_rows, x.rows() - first);
    work(first, ConstMatrixView(x.row(first), rows, x.cols(), x.stride()));
  }
}

}  // namespace lodestein
