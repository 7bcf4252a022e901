#pragma once

#include <cstddef>
#include <initializer_list>
#include <vector>

namespace lodestein {

/// Read-only look at a row-major matrix [rows, cols] whose rows start `stride` numbers apart.
class ConstMatrixView {
 public:
  ConstMatrixView() = default;
  ConstMatrixView(const double* data, std::size_t rows, std::size_t cols, std::size_t stride)
      : data_(data), rows_(rows), cols_(cols), stride_(stride) {}
  ConstMatrixView(const double* data, std::size_t rows, std::size_t cols)
      : ConstMatrixView(data, rows, cols, cols) {}

  std::size_t rows() const { return rows_; }
  std::size_t cols() const { return cols_; }
  std::size_t stride() const { return stride_; }
  bool empty() const { return rows_ == 0 || cols_ == 0; }
  const double* data() const { return data_; }
  const double* row(std::size_t i) const { return data_ + i * stride_; }
  double operator()(std::size_t i, std::size_t j) const { return data_[i * stride_ + j]; }

 private:
  const double* data_ = nullptr;
  std::size_t rows_ = 0, cols_ = 0, stride_ = 0;
};

/// Writable look at a row-major matrix [rows, cols].
class MatrixView {
 public:
  MatrixView() = default;
  MatrixView(double* data, std::size_t rows, std::size_t cols, std::size_t stride)
      : data_(data), rows_(rows), cols_(cols), stride_(stride) {}
  MatrixView(double* data, std::size_t rows, std::size_t cols)
      : MatrixView(data, rows, cols, cols) {}

  std::size_t rows() const { return rows_; }
  std::size_t cols() const { return cols_; }
  std::size_t stride() const { return stride_; }
  bool empty() const { return rows_ == 0 || cols_ == 0; }
  double* data() const { return data_; }
  double* row(std::size_t i) const { return data_ + i * stride_; }
  double& operator()(std::size_t i, std::size_t j) const { return data_[i * stride_ + j]; }
  operator ConstMatrixView() const { return {data_, rows_, cols_, stride_}; }

 private:
  double* data_ = nullptr;
  std::size_t rows_ = 0, cols_ = 0, stride_ = 0;
};

/// Owning row-major matrix [rows, cols] of doubles; rows of a sample matrix are samples.
class Matrix {
 public:
  Matrix() = default;
  Matrix(std::size_t rows, std::size_t cols, double value = 0.0)
      : rows_(rows), cols_(cols), values_(rows * cols, value) {}
  /// @throws DimensionMismatch if the rows have unequal lengths.
  Matrix(std::initializer_list<std::initializer_list<double>> rows);
  explicit Matrix(ConstMatrixView view);

  static Matrix identity(std::size_t n);

  std::size_t rows() const { return rows_; }
  std::size_t cols() const { return cols_; }
  bool empty() const { return values_.empty(); }
  double* data() { return values_.data(); }
  const double* data() const { return values_.data(); }
  double* row(std::size_t i) { return values_.data() + i * cols_; }
  const double* row(std::size_t i) const { return values_.data() + i * cols_; }
  double& operator()(std::size_t i, std::size_t j) { return values_[i * cols_ + j]; }
  double operator()(std::size_t i, std::size_t j) const { return values_[i * cols_ + j]; }

  MatrixView view() { return {data(), rows_, cols_}; }
  ConstMatrixView view() const { return {data(), rows_, cols_}; }
  operator ConstMatrixView() const { return view(); }
  operator MatrixView() { return view(); }

  friend bool operator==(const Matrix&, const Matrix&) = default;

 private:
  std::size_t rows_ = 0, cols_ = 0;
  std::vector<double> values_;
};

/// Product a b. [r, k] [k, c] -> [r, c]. @throws DimensionMismatch. Cost: r k c multiply-adds.
Matrix multiply(ConstMatrixView a, ConstMatrixView b);

/// Transpose. [r, c] -> [c, r].
Matrix transpose(ConstMatrixView a);

/// The rows of `from` that are listed, in that order; they must be there.
Matrix picked_rows(ConstMatrixView from, const std::vector<std::size_t>& rows);

/// Moore-Penrose pseudo-inverse by SVD, singular values below rows*eps*largest dropped.
/// [r, c] -> [c, r].
Matrix pseudo_inverse(ConstMatrixView a);

}  // namespace lodestein
