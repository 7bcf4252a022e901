#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "lodestein/core/error.hpp"
#include "lodestein/core/random.hpp"
#include "lodestein/evaluate/metrics.hpp"
#include "tests/unit/small_graphs.hpp"
#include "tests/unit/small_matrices.hpp"

namespace lodestein {
namespace {

using ::testing::ElementsAre;
using testing::identity_order;
using ::testing::IsEmpty;
using testing::random_matrix;

double total(const Matrix& cost, const std::vector<std::size_t>& columns) {
  double sum = 0.0;
  for (std::size_t i = 0; i < cost.rows(); ++i) sum += cost(i, columns[i]);
  return sum;
}

double brute_force(const Matrix& cost) {
  auto order = identity_order(cost.cols());
  double best = std::numeric_limits<double>::infinity();
  do best = std::min(best, total(cost, order));
  while (std::next_permutation(order.begin(), order.end()));
  return best;
}

bool one_to_one(std::vector<std::size_t> columns, std::size_t available) {
  std::sort(columns.begin(), columns.end());
  return std::adjacent_find(columns.begin(), columns.end()) == columns.end() &&
         (columns.empty() || columns.back() < available);
}

TEST(Assignment, EqualsBruteForceForRealCosts) {
  Draws draws = RandomStream(Seed{11}, Purpose::test).at(0);
  for (std::size_t rows = 1; rows <= 7; ++rows) {
    for (std::size_t cols = rows; cols <= 7; ++cols) {
      for (int trial = 0; trial < 8; ++trial) {
        const Matrix cost = random_matrix(rows, cols, draws);
        const auto columns = minimum_cost_assignment(cost);
        ASSERT_EQ(columns.size(), rows);
        ASSERT_TRUE(one_to_one(columns, cols));
        ASSERT_NEAR(total(cost, columns), brute_force(cost), 1e-12);
      }
    }
  }
}

TEST(Assignment, EqualsBruteForceForManyTies) {
  Draws draws = RandomStream(Seed{12}, Purpose::test).at(0);
  for (std::size_t rows = 1; rows <= 6; ++rows) {
    for (int trial = 0; trial < 30; ++trial) {
      Matrix cost(rows, 6);
      for (std::size_t i = 0; i < rows; ++i) {
        for (std::size_t j = 0; j < 6; ++j) cost(i, j) = static_cast<double>(draws.below(3)) - 1.0;
      }
      const auto columns = minimum_cost_assignment(cost);
      ASSERT_TRUE(one_to_one(columns, 6));
      ASSERT_EQ(total(cost, columns), brute_force(cost));
    }
  }
}

TEST(Assignment, FindsAHiddenPermutationOfSixtyRows) {
  Draws draws = RandomStream(Seed{13}, Purpose::test).at(0);
  const auto hidden = testing::random_order(60, draws);
  Matrix cost(60, 60);
  for (std::size_t i = 0; i < 60; ++i) {
    for (std::size_t j = 0; j < 60; ++j) cost(i, j) = j == hidden[i] ? -1.0 : draws.uniform();
  }
  EXPECT_EQ(minimum_cost_assignment(cost), hidden);
}

TEST(Assignment, ReadsAViewWithStride) {
  const Matrix wide{{0, 9, 7}, {9, 0, 7}};
  const auto view = ConstMatrixView(wide.data(), 2, 2, 3);
  EXPECT_THAT(minimum_cost_assignment(view), ElementsAre(0, 1));
}

TEST(Assignment, TakesNothingAndOne) {
  EXPECT_THAT(minimum_cost_assignment(Matrix()), IsEmpty());
  EXPECT_THAT(minimum_cost_assignment(Matrix(0, 3)), IsEmpty());
  EXPECT_THAT(minimum_cost_assignment(Matrix{{5}}), ElementsAre(0));
  EXPECT_THAT(minimum_cost_assignment(Matrix{{5, 4, 6}}), ElementsAre(1));
}

TEST(Assignment, RejectsTooManyRowsAndInfiniteCosts) {
  EXPECT_THROW(minimum_cost_assignment(Matrix(3, 2)), InvalidArgument);
  EXPECT_THROW(minimum_cost_assignment(Matrix{{0, std::nan("")}}), InvalidArgument);
  EXPECT_THROW(minimum_cost_assignment(Matrix{{0, HUGE_VAL}}), InvalidArgument);
}

double least_pairing(const Matrix& cost, std::vector<std::size_t> left) {
  if (left.empty()) return 0.0;
  double best = std::numeric_limits<double>::infinity();
  for (std::size_t k = 1; k < left.size(); ++k) {
    std::vector<std::size_t> rest;
    for (std::size_t j = 1; j < left.size(); ++j)
      if (j != k) rest.push_back(left[j]);
    best = std::min(best, cost(left[0], left[k]) + least_pairing(cost, rest));
  }
  return best;
}

TEST(Pairing, CostsAsLittleAsTheBestOfAll) {
  for (const std::size_t n : {0, 2, 4, 8}) {
    for (std::uint64_t number = 0; number < 10; ++number) {
      Draws draws = RandomStream(Seed{6}, Purpose::test).at(number);
      const Matrix cost = random_matrix(n, n, draws);
      const auto partner = minimum_cost_pairing(cost);
      ASSERT_EQ(partner.size(), n);
      double total = 0.0;
      for (std::size_t i = 0; i < n; ++i) {
        ASSERT_NE(partner[i], i);
        ASSERT_EQ(partner[partner[i]], i);
        if (i < partner[i]) total += cost(i, partner[i]);
      }
      std::vector<std::size_t> all(n);
      for (std::size_t i = 0; i < n; ++i) all[i] = i;
      EXPECT_DOUBLE_EQ(total, least_pairing(cost, all));
    }
  }
}

TEST(Pairing, RefusesWhatCannotBePaired) {
  EXPECT_THROW(minimum_cost_pairing(Matrix(3, 3)), InvalidArgument);
  EXPECT_THROW(minimum_cost_pairing(Matrix(2, 4)), InvalidArgument);
  EXPECT_THROW(minimum_cost_pairing(Matrix(26, 26)), InvalidArgument);
  EXPECT_THROW(minimum_cost_pairing(Matrix{{0, NAN}, {0, 0}}), InvalidArgument);
}

}  // namespace
}  // namespace lodestein
