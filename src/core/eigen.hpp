#pragma once

#include <Eigen/Dense>
#include <algorithm>
#include <vector>

#include "lodestein/core/matrix.hpp"

namespace lodestein {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using ConstMap = Eigen::Map<const RowMajor, 0, Eigen::OuterStride<>>;
using Map = Eigen::Map<RowMajor, 0, Eigen::OuterStride<>>;

/// Eigen's look at our matrices; no copy.
inline ConstMap as_eigen(ConstMatrixView m) {
  return {m.data(), static_cast<Eigen::Index>(m.rows()), static_cast<Eigen::Index>(m.cols()),
          Eigen::OuterStride<>(static_cast<Eigen::Index>(m.stride()))};
}
inline Map as_eigen(MatrixView m) {
  return {m.data(), static_cast<Eigen::Index>(m.rows()), static_cast<Eigen::Index>(m.cols()),
          Eigen::OuterStride<>(static_cast<Eigen::Index>(m.stride()))};
}
inline ConstMap as_eigen(const Matrix& m) { return as_eigen(m.view()); }
inline Map as_eigen(Matrix& m) { return as_eigen(m.view()); }

/// Rounded to fp32, row by row.
inline std::vector<float> to_floats(const RowMajor& values) {
  return {values.data(), values.data() + values.size()};
}

/// The other way round; values.size() is a multiple of `cols`.
inline RowMajor from_floats(const std::vector<float>& values, Eigen::Index cols) {
  RowMajor result(static_cast<Eigen::Index>(values.size()) / cols, cols);
  std::copy(values.begin(), values.end(), result.data());
  return result;
}

/// Copy of a vector expression.
template <class Derived>
std::vector<double> to_vector(const Eigen::MatrixBase<Derived>& expression) {
  std::vector<double> result(static_cast<std::size_t>(expression.size()));
  Eigen::Map<Eigen::VectorXd>(result.data(), expression.size()) = expression;
  return result;
}

/// Copy of an Eigen expression.
template <class Derived>
Matrix to_matrix(const Eigen::MatrixBase<Derived>& expression) {
  Matrix result(static_cast<std::size_t>(expression.rows()),
                static_cast<std::size_t>(expression.cols()));
  as_eigen(result) = expression;
  return result;
}

}  // namespace lodestein
