// Seeds are fixed, so a test here passes always or never; the bounds leave room for other seeds.
#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <cmath>
#include <vector>

#include "core/eigen.hpp"
#include "lodestein/score/score_matching.hpp"

namespace lodestein {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr Index d = 5, units = 8;

// z_j = f_j(z_1 .. z_{j-1}) + sd_j e with f_j a network of 8 tanh units, x = Q z with Q orthogonal.
class TanhModel {
 public:
  explicit TanhModel(std::uint32_t number) {
    Draws draws = RandomStream(Seed{41}, Purpose::test, number).at(0);
    MatrixXd raw(d, d);
    for (Index i = 0; i < raw.size(); ++i) raw.data()[i] = draws.normal();
    rotation_ = Eigen::HouseholderQR<MatrixXd>(raw).householderQ();
    for (Index j = 0; j < d; ++j) {
      MatrixXd w(units, j + 2);  // weights, bias, output
      for (Index i = 0; i < w.size(); ++i) w.data()[i] = draws.normal();
      w.rightCols(1) /= std::sqrt(double{units});
      networks_.push_back(w);
    }
  }

  /// `target` is cut from its parents and gets standard deviation 2; -1: observational.
  Matrix sample(std::size_t n, Index target, std::uint32_t number) const {
    const RandomStream stream(Seed{42}, Purpose::test, number);
    Matrix x(n, d);
    for (std::size_t k = 0; k < n; ++k) {
      Draws draws = stream.at(k);
      VectorXd z(d);
      for (Index j = 0; j < d; ++j) {
        const double noise = draws.normal();
        z(j) = j == target ? 2.0 * noise : mean(j, z) + noise;
      }
      as_eigen(x).row(static_cast<Index>(k)) = rotation_ * z;
    }
    return x;
  }

  /// s_0 - s_target
  Matrix difference(ConstMatrixView x, Index target) const {
    Matrix result(x.rows(), d);
    for (std::size_t k = 0; k < x.rows(); ++k) {
      const VectorXd z = rotation_.transpose() * as_eigen(x).row(static_cast<Index>(k)).transpose();
      VectorXd s = VectorXd::Zero(d);
      const double residual = z(target) - mean(target, z);
      s(target) = -residual + z(target) / 4.0;
      const MatrixXd& w = networks_[static_cast<std::size_t>(target)];
      for (Index u = 0; u < units; ++u) {
        const double t = std::tanh(activation(w, u, target, z));
        for (Index i = 0; i < target; ++i)
          s(i) += residual * w(u, target + 1) * (1.0 - t * t) * w(u, i);
      }
      as_eigen(result).row(static_cast<Index>(k)) = rotation_ * s;
    }
    return result;
  }

 private:
  static double activation(const MatrixXd& w, Index unit, Index j, const VectorXd& z) {
    double sum = w(unit, j);
    for (Index i = 0; i < j; ++i) sum += w(unit, i) * z(i);
    return sum;
  }
  double mean(Index j, const VectorXd& z) const {
    const MatrixXd& w = networks_[static_cast<std::size_t>(j)];
    double sum = 0.0;
    for (Index u = 0; u < units && j > 0; ++u)
      sum += w(u, j + 1) * std::tanh(activation(w, u, j, z));
    return sum;
  }

  MatrixXd rotation_;
  std::vector<MatrixXd> networks_;
};

// Relative error of the difference of two scores at observational points, mean over models.
double difference_error(const ScoreMatchingOptions& options, std::size_t n) {
  constexpr std::uint32_t models = 3;
  double sum = 0.0;
  for (std::uint32_t k = 0; k < models; ++k) {
    const TanhModel model(k);
    const Index target = 4;
    Dataset data;
    data.features.assign(d, "x");
    data.environments.push_back({"observational", {}, model.sample(n, -1, 10 * k)});
    data.environments.push_back({"wide", {}, model.sample(n, target, 10 * k + 1)});
    const std::vector<Score> s = score_matching_scores(Backend::cpu(), data, options, Seed{k});
    const Matrix fresh = model.sample(5000, -1, 10 * k + 2);
    const Matrix truth = model.difference(fresh, target);
    const MatrixXd estimate = as_eigen(s[0].evaluate(fresh)) - as_eigen(s[1].evaluate(fresh));
    sum += (estimate - as_eigen(truth)).norm() / as_eigen(truth).norm() / models;
  }
  return sum;
}

// 10^4 samples, 1500 steps: .42 with the exact trace and .45 with the published slices; other
// measurements of the like give .59 and .58. Spread over models: 20 to 40 %.
TEST(ScoreMatchingLaw, PublishedAccuracyIsReproduced) {
  ScoreMatchingOptions sliced = ScoreMatchingOptions::published(0.0);
  sliced.least_steps = 1500;
  ScoreMatchingOptions exact = sliced;
  exact.objective = ScoreObjective::exact;
  const double exact_error = difference_error(exact, 10000);
  const double sliced_error = difference_error(sliced, 10000);
  EXPECT_GT(exact_error, 0.25);
  EXPECT_LT(exact_error, 0.75);
  EXPECT_GT(sliced_error, 0.25);
  EXPECT_LT(sliced_error, 0.75);
  EXPECT_LT(exact_error, 1.15 * sliced_error);
}

}  // namespace
}  // namespace lodestein
