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

/// Calls work(first, last) for all of 0 to `count` in groups of neighbours whose sizes, size(i),
/// add up to at most `most`; what is larger is a group of its own.
template <class Size, class Work>
void by_groups(std::size_t count, std::size_t most, const Size& size, const Work& work) {
  for (std::size_t first = 0, last = 0; first < count; first = last) {
    std::size_t total = 0;
    do {
      total += size(last++);
    } while (last < count && total + size(last) <= most);
    work(first, last);
  }
}

}  // namespace lodestein
