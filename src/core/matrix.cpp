#include "lodestein/core/matrix.hpp"

#include <algorithm>
#include <string>

#include "core/eigen.hpp"
#include "lodestein/core/error.hpp"

namespace lodestein {

Matrix::Matrix(std::initializer_list<std::initializer_list<double>> rows)
    : Matrix(rows.size(), rows.size() == 0 ? 0 : rows.begin()->size()) {
  std::size_t i = 0;
  for (const auto& row : rows) {
    if (row.size() != cols_) {
      throw DimensionMismatch("matrix literal: row " + std::to_string(i) + " has " +
                              std::to_string(row.size()) + " numbers, row 0 has " +
                              std::to_string(cols_));
    }
    std::copy(row.begin(), row.end(), this->row(i++));
  }
}

Matrix::Matrix(ConstMatrixView view) : Matrix(view.rows(), view.cols()) {
  for (std::size_t i = 0; i < rows_; ++i) std::copy_n(view.row(i), cols_, row(i));
}

Matrix Matrix::identity(std::size_t n) {
  Matrix result(n, n);
  for (std::size_t i = 0; i < n; ++i) result(i, i) = 1.0;
  return result;
}

Matrix multiply(ConstMatrixView a, ConstMatrixView b) {
  if (a.cols() != b.rows()) {
    throw DimensionMismatch("multiply: left has " + std::to_string(a.cols()) +
                            " columns, right has " + std::to_string(b.rows()) + " rows");
  }
  return to_matrix((as_eigen(a) * as_eigen(b)).eval());
}

Matrix transpose(ConstMatrixView a) { return to_matrix(as_eigen(a).transpose()); }

Matrix picked_rows(ConstMatrixView from, const std::vector<std::size_t>& rows) {
  Matrix result(rows.size(), from.cols());
  for (std::size_t k = 0; k < rows.size(); ++k)
    std::copy_n(from.row(rows[k]), from.cols(), result.row(k));
  return result;
}

Matrix pseudo_inverse(ConstMatrixView a) {
  if (a.empty()) return Matrix(a.cols(), a.rows());
  const Eigen::JacobiSVD<Eigen::MatrixXd> svd(as_eigen(a),
                                              Eigen::ComputeThinU | Eigen::ComputeThinV);
  const auto& singular = svd.singularValues();
  const double cut = static_cast<double>(std::max(a.rows(), a.cols())) *
                     Eigen::NumTraits<double>::epsilon() * singular(0);
  const Eigen::VectorXd inverse =
      singular.unaryExpr([cut](double s) { return s > cut ? 1 / s : 0.0; });
  return to_matrix((svd.matrixV() * inverse.asDiagonal() * svd.matrixU().transpose()).eval());
}

}  // namespace lodestein
