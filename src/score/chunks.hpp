#pragma once

#include <algorithm>
#include <cstddef>

#include "lodestein/core/matrix.hpp"

namespace lodestein {

/// Calls work(first row, rows of x) for pieces of at most `chunk_rows` rows.
template <class Work>
void by_chunks(ConstMatrixView x, std::size_t chunk_rows, const Work& work) {
  for (std::size_t first = 0; first < x.rows(); first += chunk_rows) {
    const std::size_t rows = std::min(chunk_rows, x.rows() - first);
    work(first, ConstMatrixView(x.row(first), rows, x.cols(), x.stride()));
  }
}

/// As above where a row takes little memory.
template <class Work>
void by_chunks(ConstMatrixView x, const Work& work) {
  by_chunks(x, std::size_t{1} << 16, work);
}

}  // namespace lodestein
