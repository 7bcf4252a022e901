#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "lodestein/core/error.hpp"
#include "lodestein/core/matrix.hpp"
#include "lodestein/core/random.hpp"
#include "small_matrices.hpp"
#include "tests/unit/simulate_support.hpp"

namespace lodestein {
namespace {

using test::message_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

Matrix normal_matrix(std::size_t rows, std::size_t cols, std::uint64_t number) {
  Draws draws = RandomStream(Seed{31}, Purpose::test).at(number);
  return lodestein::testing::random_matrix(rows, cols, draws);
}

double largest_difference(const Matrix& a, const Matrix& b) {
  EXPECT_EQ(a.rows(), b.rows());
  EXPECT_EQ(a.cols(), b.cols());
  if (a.rows() != b.rows() || a.cols() != b.cols()) return INFINITY;
  double largest = 0.0;
  for (std::size_t i = 0; i < a.rows(); ++i) {
    for (std::size_t j = 0; j < a.cols(); ++j)
      largest = std::max(largest, std::abs(a(i, j) - b(i, j)));
  }
  return largest;
}

// Rank-deficient [rows, cols] of the given rank.
Matrix of_rank(std::size_t rows, std::size_t cols, std::size_t rank, std::uint64_t number) {
  return multiply(normal_matrix(rows, rank, number), normal_matrix(rank, cols, number + 1));
}

TEST(CoreMatrix, IsRowMajorAndKnowsItsShape) {
  const Matrix m{{1, 2, 3}, {4, 5, 6}};
  EXPECT_EQ(m.rows(), 2u);
  EXPECT_EQ(m.cols(), 3u);
  EXPECT_FALSE(m.empty());
  for (std::size_t k = 0; k < 6; ++k) EXPECT_EQ(m.data()[k], static_cast<double>(k + 1));
  EXPECT_EQ(m(1, 0), 4.0);
  EXPECT_EQ(m.row(1), m.data() + 3);
  EXPECT_EQ(Matrix(2, 2, 7.0), (Matrix{{7, 7}, {7, 7}}));
  EXPECT_EQ(Matrix::identity(2), (Matrix{{1, 0}, {0, 1}}));
}

TEST(CoreMatrix, MayHaveNoRowsOrColumns) {
  EXPECT_TRUE(Matrix().empty());
  EXPECT_TRUE(Matrix(0, 3).empty());
  EXPECT_TRUE(Matrix(3, 0).empty());
  EXPECT_TRUE(ConstMatrixView().empty());
  EXPECT_EQ(Matrix(3, 0).rows(), 3u);
  EXPECT_EQ(Matrix::identity(0), Matrix());
  EXPECT_NE(Matrix(0, 3), Matrix(3, 0));
  EXPECT_EQ((Matrix{}), Matrix(0, 0));
}

TEST(CoreMatrix, RefusesRaggedRowsNamingTheRow) {
  EXPECT_THAT(message_of<DimensionMismatch>([] {
                Matrix{{1, 2}, {3, 4}, {5}};
              }),
              AllOf(HasSubstr("row 2 has 1 numbers"), HasSubstr("row 0 has 2")));
}

TEST(CoreMatrix, ViewsSeeABlockThroughTheirStride) {
  Matrix m(4, 5);
  std::iota(m.data(), m.data() + 20, 0.0);
  const MatrixView block(m.row(1) + 2, 2, 3, m.cols());
  EXPECT_EQ(block.stride(), 5u);
  EXPECT_EQ(block(0, 0), 7.0);
  EXPECT_EQ(block(1, 2), 14.0);
  EXPECT_EQ(block.row(1), m.row(2) + 2);
  block(1, 0) = -1.0;
  EXPECT_EQ(m(2, 2), -1.0);
  const ConstMatrixView readable = block;
  EXPECT_EQ(Matrix(readable), (Matrix{{7, 8, 9}, {-1, 13, 14}}));
}

TEST(CoreMatrix, MultiplyIsTheSumOfProducts) {
  for (const std::size_t inner : {0u, 1u, 7u, 33u}) {
    const Matrix a = normal_matrix(13, inner, 1), b = normal_matrix(inner, 5, 2);
    Matrix expected(13, 5);
    for (std::size_t i = 0; i < 13; ++i) {
      for (std::size_t j = 0; j < 5; ++j) {
        for (std::size_t k = 0; k < inner; ++k) expected(i, j) += a(i, k) * b(k, j);
      }
    }
    EXPECT_LE(largest_difference(multiply(a, b), expected), 1e-13) << inner;
  }
}

TEST(CoreMatrix, MultiplyTakesStridedViews) {
  const Matrix wide = normal_matrix(6, 9, 3);
  const ConstMatrixView left(wide.data() + 2, 6, 4, 9), right(wide.data() + 1, 4, 3, 9);
  EXPECT_EQ(multiply(left, right), multiply(Matrix(left), Matrix(right)));
}

TEST(CoreMatrix, MultiplyRefusesShapesThatDisagree) {
  EXPECT_THAT(message_of<DimensionMismatch>([] { multiply(Matrix(2, 3), Matrix(4, 2)); }),
              AllOf(HasSubstr("3 columns"), HasSubstr("4 rows")));
}

TEST(CoreMatrix, TransposeReversesAProduct) {
  const Matrix a = normal_matrix(4, 6, 5), b = normal_matrix(6, 3, 6);
  EXPECT_EQ(transpose(transpose(a)), a);
  EXPECT_LE(largest_difference(transpose(multiply(a, b)), multiply(transpose(b), transpose(a))),
            1e-14);
  EXPECT_EQ(transpose(Matrix(0, 3)), Matrix(3, 0));
}

// The four conditions that define the Moore-Penrose inverse.
void expect_pseudo_inverse(const Matrix& a) {
  const Matrix p = pseudo_inverse(a);
  const Matrix ap = multiply(a, p), pa = multiply(p, a);
  EXPECT_LE(largest_difference(multiply(ap, a), a), 1e-11);
  EXPECT_LE(largest_difference(multiply(pa, p), p), 1e-11);
  EXPECT_LE(largest_difference(transpose(ap), ap), 1e-11);
  EXPECT_LE(largest_difference(transpose(pa), pa), 1e-11);
}

TEST(CoreMatrix, PseudoInverseSatisfiesMooreAndPenrose) {
  expect_pseudo_inverse(normal_matrix(5, 5, 7));
  expect_pseudo_inverse(normal_matrix(9, 4, 8));
  expect_pseudo_inverse(normal_matrix(4, 9, 9));
  expect_pseudo_inverse(of_rank(8, 6, 3, 10));
  expect_pseudo_inverse(Matrix(3, 2));  // zero
}

TEST(CoreMatrix, PseudoInverseOfSpecialShapes) {
  const Matrix tall = normal_matrix(9, 4, 12);
  EXPECT_LE(largest_difference(multiply(pseudo_inverse(tall), tall), Matrix::identity(4)), 1e-12);
  EXPECT_EQ(pseudo_inverse(Matrix(0, 3)), Matrix(3, 0));
  EXPECT_EQ(pseudo_inverse(Matrix{{4}}), (Matrix{{0.25}}));
  // A singular value at rounding level is no direction.
  const Matrix nearly{{1, 0}, {0, 1e-17}};
  EXPECT_EQ(pseudo_inverse(nearly)(1, 1), 0.0);
}

}  // namespace
}  // namespace lodestein
