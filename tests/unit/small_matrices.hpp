#pragma once

#include <vector>

#include "lodestein/core/matrix.hpp"
#include "lodestein/core/random.hpp"

namespace lodestein::testing {

inline Matrix random_matrix(std::size_t rows, std::size_t cols, Draws& draws) {
  Matrix result(rows, cols);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < cols; ++j) result(i, j) = draws.normal();
  }
  return result;
}

/// Column j of the result is column order[j].
inline Matrix picked_columns(const Matrix& matrix, const std::vector<std::size_t>& order) {
  Matrix result(matrix.rows(), order.size());
  for (std::size_t i = 0; i < matrix.rows(); ++i) {
    for (std::size_t j = 0; j < order.size(); ++j) result(i, j) = matrix(i, order[j]);
  }
  return result;
}

/// scale * column + shift.
inline void rescale_column(Matrix& matrix, std::size_t column, double scale, double shift) {
  for (std::size_t i = 0; i < matrix.rows(); ++i) {
    matrix(i, column) = scale * matrix(i, column) + shift;
  }
}

}  // namespace lodestein::testing
