#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "lodestein/core/random.hpp"
#include "unmix/multiquadrics.hpp"

namespace lodestein::unmix {
namespace {

constexpr std::size_t p = 3, rows = 24, real_rows = 21;
constexpr double smoothing = 0.01;

// Arrays over samples; padding is 0.
struct Arrays {
  std::vector<std::vector<double>> data;
  std::vector<double*> pointers;
  explicit Arrays(std::size_t count, std::uint32_t draw = 0) : data(count) {
    Draws draws = RandomStream(Seed{7}, Purpose::test).at(draw);
    for (auto& column : data) {
      column.assign(rows, 0.0);
      if (draw > 0)
        for (std::size_t r = 0; r < real_rows; ++r) column[r] = draws.normal();
      pointers.push_back(column.data());
    }
  }
  Arrays(const Arrays&) = delete;
  Arrays& operator=(const Arrays&) = delete;
  std::vector<const double*> read() const { return {pointers.begin(), pointers.end()}; }
  double operator()(std::size_t j, std::size_t r) const { return data[j][r]; }
};

class Multiquadrics : public ::testing::Test {
 protected:
  Multiquadrics() : x_(p + 1, 1), phi_(multiquadric_units) {
    for (std::size_t r = 0; r < real_rows; ++r) x_.data[p][r] = 1.0;
    Draws draws = RandomStream(Seed{8}, Purpose::test).at(0);
    for (std::size_t k = 0; k < multiquadric_units; ++k) {
      double w[2][p + 1];
      for (auto& row : w)
        for (double& entry : row) entry = draws.normal();
      std::size_t at = k;
      for (std::size_t j = 0; j <= p; ++j) {
        for (std::size_t l = j; l <= p; ++l, at += multiquadric_units)
          forms_[at] = (w[0][j] * w[0][l] + w[1][j] * w[1][l]) * (l == j ? 1.0 : 2.0);
      }
    }
    multiquadrics(x_.read(), forms_.data(), smoothing, rows, phi_.pointers);
  }

  double expected(std::size_t k, std::size_t r) const {
    double sum = smoothing;
    std::size_t at = k;
    for (std::size_t j = 0; j <= p; ++j) {
      for (std::size_t l = j; l <= p; ++l, at += multiquadric_units)
        sum += forms_[at] * x_(j, r) * x_(l, r);
    }
    return std::sqrt(sum);
  }

  Arrays x_, phi_;
  std::vector<double> forms_ = std::vector<double>(form_size(p + 1) * multiquadric_units);
};

TEST_F(Multiquadrics, FollowTheFormulaAndAreZeroInThePadding) {
  for (std::size_t k = 0; k < multiquadric_units; ++k) {
    for (std::size_t r = 0; r < real_rows; ++r) EXPECT_NEAR(phi_(k, r), expected(k, r), 1e-13);
    for (std::size_t r = real_rows; r < rows; ++r) EXPECT_EQ(phi_(k, r), 0.0);
  }
}

TEST_F(Multiquadrics, SlopesAreDerivatives) {
  const double theta[] = {0.3, -1.0, 2.0, 0.7};
  const Arrays g(1, 2), c(multiquadric_units), slope(p, 3), before(p, 3);
  multiquadric_slopes(x_.read(), phi_.read(), forms_.data(), theta, g.pointers[0], rows, c.pointers,
                      slope.pointers);
  constexpr double step = 1e-6;
  for (std::size_t r = 0; r < real_rows; ++r) {
    for (std::size_t k = 0; k < multiquadric_units; ++k)
      EXPECT_NEAR(c(k, r), g(0, r) * theta[k] / phi_(k, r), 1e-12);
    for (std::size_t j = 0; j < p; ++j) {
      double change = 0.0;
      const double value = x_(j, r);
      for (std::size_t k = 0; k < multiquadric_units; ++k) {
        x_.data[j][r] = value + step;
        const double up = expected(k, r);
        x_.data[j][r] = value - step;
        change += theta[k] * (up - expected(k, r)) / (2.0 * step);
      }
      x_.data[j][r] = value;
      EXPECT_NEAR(slope(j, r), before(j, r) + g(0, r) * change, 1e-7);
    }
  }
  for (std::size_t r = real_rows; r < rows; ++r) EXPECT_EQ(slope(0, r), before(0, r));
}

TEST_F(Multiquadrics, SumsAreAddedUp) {
  const Arrays c(multiquadric_units, 4);
  std::vector<double> sums(forms_.size(), 1.0);
  add_form_sums(x_.read(), c.read(), rows, sums.data());
  std::size_t at = 0;
  for (std::size_t j = 0; j <= p; ++j) {
    for (std::size_t l = j; l <= p; ++l) {
      for (std::size_t k = 0; k < multiquadric_units; ++k, ++at) {
        double sum = 1.0;
        for (std::size_t r = 0; r < rows; ++r) sum += x_(j, r) * x_(l, r) * c(k, r);
        EXPECT_NEAR(sums[at], sum, 1e-12);
      }
    }
  }
}

TEST(ColumnProducts, OfAllSizes) {
  for (const std::size_t a_count : {1u, 3u, 4u, 9u}) {
    for (const std::size_t b_count : {1u, 5u, 8u}) {
      const Arrays a(a_count, 5), b(b_count, 6);
      std::vector<double> sums(a_count * b_count, 2.0), squares(a_count * a_count, 2.0);
      add_products(a.read(), b.read(), rows, sums.data());
      add_squares(a.read(), rows, squares.data());
      const auto product = [](const Arrays& left, std::size_t i, const Arrays& right,
                              std::size_t j) {
        double sum = 2.0;
        for (std::size_t r = 0; r < rows; ++r) sum += left(i, r) * right(j, r);
        return sum;
      };
      for (std::size_t i = 0; i < a_count; ++i) {
        for (std::size_t j = 0; j < b_count; ++j)
          EXPECT_NEAR(sums[i * b_count + j], product(a, i, b, j), 1e-12);
        for (std::size_t j = 0; j <= i; ++j)
          EXPECT_NEAR(squares[i * a_count + j], product(a, i, a, j), 1e-12);
      }
    }
  }
}

TEST(Combine, IsAProductOfMatrices) {
  const Arrays y(3, 9), out(2);
  const double h[] = {1.0, -2.0, 0.5, 0.0, 3.0, 1.0};
  combine(y.read(), h, rows, out.pointers);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t i = 0; i < 2; ++i) {
      const double sum = h[3 * i] * y(0, r) + h[3 * i + 1] * y(1, r) + h[3 * i + 2] * y(2, r);
      EXPECT_NEAR(out(i, r), sum, 1e-14);
    }
  }
}

}  // namespace
}  // namespace lodestein::unmix
