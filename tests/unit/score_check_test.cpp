#include <gtest/gtest.h>

#include <cmath>

#include "core/eigen.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/score/check.hpp"
#include "lodestein/score/difference.hpp"
#include "score/whitening.hpp"

namespace lodestein {
namespace {

// s(x) = -factor x: the score of N(0, I) for factor 1.
class Linear final : public Score::Model {
 public:
  Linear(std::size_t d, double factor) : d_(d), factor_(factor) {}
  std::size_t dimension() const override { return d_; }
  Matrix evaluate(ConstMatrixView x) const override { return to_matrix(-factor_ * as_eigen(x)); }
  std::vector<double> divergence(ConstMatrixView x) const override {
    return std::vector<double>(x.rows(), -factor_ * static_cast<double>(d_));
  }

 private:
  std::size_t d_;
  double factor_;
};

Score linear(std::size_t d, double factor) {
  return {std::make_shared<Linear>(d, factor), {.environment = "e", .estimator = "linear"}};
}

Matrix normal_samples(std::size_t n, std::size_t d) {
  Matrix x(n, d);
  const RandomStream stream(Seed{11}, Purpose::test);
  for (std::size_t k = 0; k < n; ++k) {
    Draws draws = stream.at(k);
    for (std::size_t j = 0; j < d; ++j) x(k, j) = draws.normal();
  }
  return x;
}

TEST(ScoreCheck, HyvarinenLossOfTheTrueScoreIsMinusHalfItsSquare) {
  const Matrix x = normal_samples(20000, 3);
  const MeanEstimate loss = hyvarinen_loss(linear(3, 1.0), x);
  // E = 3/2 - 3; the standard error is sqrt(3/2 / N) = .0087. |z| > 5 has probability 6e-7.
  EXPECT_NEAR(loss.value, -1.5, 5 * loss.standard_error);
  EXPECT_NEAR(loss.standard_error, std::sqrt(1.5 / 20000), 5e-4);
  EXPECT_LT(loss.value, hyvarinen_loss(linear(3, 1.3), x).value);
  EXPECT_LT(loss.value, hyvarinen_loss(linear(3, 0.7), x).value);
}

TEST(ScoreCheck, SteinTestAcceptsTheTrueScoreAndRejectsAWrongOne) {
  const Matrix x = normal_samples(20000, 3);
  // A true score has p < 1e-4 once in 10^4 seeds; this seed is fixed.
  EXPECT_GT(stein_test(linear(3, 1.0), x, Seed{1}).p_value, 1e-4);
  EXPECT_LT(stein_test(linear(3, 1.2), x, Seed{1}).p_value, 1e-6);
  EXPECT_EQ(stein_test(linear(3, 1.0), x, Seed{1}, 5).violations.size(), 5u);
}

TEST(ScoreCheck, BadInputIsNamed) {
  EXPECT_THROW(hyvarinen_loss(linear(3, 1.0), Matrix(5, 2)), DimensionMismatch);
  EXPECT_THROW(hyvarinen_loss(linear(3, 1.0), Matrix(1, 3)), InvalidArgument);
  EXPECT_THROW(stein_test(linear(3, 1.0), Matrix(1, 3), Seed{}), InvalidArgument);
  EXPECT_THROW(stein_test(linear(3, 1.0), Matrix(9, 3), Seed{}, 0), InvalidArgument);
  EXPECT_EQ(linear(3, 1.0).evaluate(Matrix(0, 3)).rows(), 0u);
}

TEST(ScoreCheck, EveryRefusalSaysWhat) {
  const auto message = [](auto work) -> std::string {
    try {
      work();
    } catch (const InvalidArgument& error) {
      return error.what();
    }
    return "nothing thrown";
  };
  const Score score = linear(3, 1.0);
  const auto expect = [](const std::string& text, const char* part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  expect(message([&] { hyvarinen_loss(score, Matrix(1, 3)); }),
         "Hyvarinen loss needs at least 2 samples, got 1");
  expect(message([&] { stein_test(score, Matrix(1, 3), Seed{}); }),
         "Stein's test needs at least 2 samples, got 1");
  expect(message([&] { stein_test(score, Matrix(9, 3), Seed{}, 0); }),
         "at least one test function");
  expect(message([&] { hyvarinen_loss(score, Matrix(5, 2)); }), "2 columns");
  expect(message([&] { stein_test(score, Matrix(5, 2), Seed{}); }), "2 columns");
}

// Two points at +-1 and s = -x: terms 1/2 - 1 each.
TEST(ScoreCheck, HyvarinenLossByHand) {
  const MeanEstimate same = hyvarinen_loss(linear(1, 1.0), Matrix{{1.0}, {-1.0}});
  EXPECT_DOUBLE_EQ(same.value, -0.5);
  EXPECT_DOUBLE_EQ(same.standard_error, 0.0);
  // Terms -1/2 and 1 at 1 and 2: mean 1/4, the error half their distance.
  const MeanEstimate other = hyvarinen_loss(linear(1, 1.0), Matrix{{1.0}, {2.0}});
  EXPECT_DOUBLE_EQ(other.value, 0.25);
  EXPECT_DOUBLE_EQ(other.standard_error, 0.75);
}

TEST(ScoreCheck, SteinTestIsBonferroniOfTheLargestViolationAndKeyedByTheSeed) {
  const Matrix x = normal_samples(400, 2);
  for (const std::size_t functions : {1u, 7u}) {
    const SteinTest test = stein_test(linear(2, 1.1), x, Seed{2}, functions);
    ASSERT_EQ(test.violations.size(), functions);
    double largest = 0.0;
    for (const MeanEstimate& v : test.violations)
      largest = std::max(largest, std::abs(v.value) / v.standard_error);
    EXPECT_DOUBLE_EQ(test.largest, largest);
    const double one = std::erfc(largest / std::sqrt(2.0));
    EXPECT_DOUBLE_EQ(test.p_value, std::min(1.0, static_cast<double>(functions) * one));
  }
  EXPECT_EQ(stein_test(linear(2, 1.0), x, Seed{2}).largest,
            stein_test(linear(2, 1.0), x, Seed{2}).largest);
  EXPECT_NE(stein_test(linear(2, 1.0), x, Seed{2}).largest,
            stein_test(linear(2, 1.0), x, Seed{3}).largest);
}

// In units of standard deviations: scaling data and score changes no test.
TEST(ScoreCheck, SteinTestDoesNotDependOnUnits) {
  const Matrix x = normal_samples(400, 2);
  Matrix scaled = x;
  for (std::size_t k = 0; k < 400; ++k)
    for (std::size_t j = 0; j < 2; ++j) scaled(k, j) *= 1000.0;
  const SteinTest test = stein_test(linear(2, 1.1), x, Seed{4}, 5);
  const SteinTest other = stein_test(linear(2, 1.1e-6), scaled, Seed{4}, 5);
  EXPECT_NEAR(other.p_value, test.p_value, 1e-9);
  Matrix constant = x;
  for (std::size_t k = 0; k < 400; ++k) constant(k, 1) = 5.0;
  EXPECT_TRUE(std::isfinite(stein_test(linear(2, 1.0), constant, Seed{4}).p_value));
}

TEST(Whitening, GivesUnitCovarianceAndTransportsScores) {
  Matrix x = normal_samples(500, 3);
  for (std::size_t k = 0; k < x.rows(); ++k) {
    x(k, 1) = 1e3 * x(k, 1) + 2.0 * x(k, 0) + 40.0;
    x(k, 2) = 1e-3 * x(k, 2) - x(k, 0);
  }
  const Whitening whitening = whiten("e", {x});
  const std::vector<float> y = whitening.apply(x);
  Eigen::Map<const Eigen::Matrix<float, Eigen::Dynamic, 3, Eigen::RowMajor>> map(
      y.data(), static_cast<Eigen::Index>(x.rows()), 3);
  const Eigen::MatrixXd second = (map.transpose() * map).cast<double>() / 500.0;
  EXPECT_LT((second - Eigen::MatrixXd::Identity(3, 3)).norm(), 1e-4);
  // s_y = -y is the Gaussian score: s_x = -covariance^-1 (x - mean).
  std::vector<float> minus(y.size());
  for (std::size_t i = 0; i < y.size(); ++i) minus[i] = -y[i];
  const Matrix s = whitening.scores(minus);
  const Eigen::MatrixXd centred = as_eigen(x).rowwise() - whitening.mean.transpose();
  const Eigen::MatrixXd expected = -centred * whitening.forward * whitening.forward;
  EXPECT_LT((as_eigen(s) - expected).norm(), 1e-5 * expected.norm());
}

TEST(Whitening, BadInputIsNamed) {
  const auto message = [](const Matrix& x) {
    try {
      whiten("environment 'ko'", {x});
    } catch (const InvalidArgument& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  Matrix constant = normal_samples(50, 3), twin = constant, broken = constant;
  for (std::size_t k = 0; k < 50; ++k) {
    constant(k, 1) = 2.0;
    twin(k, 2) = twin(k, 0);
  }
  broken(7, 0) = std::nan("");
  EXPECT_NE(message(constant).find("environment 'ko': column 2 is constant"), std::string::npos);
  EXPECT_NE(message(twin).find("has rank 2"), std::string::npos);
  EXPECT_NE(message(broken).find("not finite"), std::string::npos);
  EXPECT_NE(message(normal_samples(3, 3)).find("at least 4"), std::string::npos);
}

}  // namespace
}  // namespace lodestein
