#include "evaluate/fast_ica.hpp"

#include <cmath>

namespace lodestein {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr std::uint64_t starts = 5;
constexpr int most_steps = 200;
constexpr double tolerance = 1e-8;               // of 1 - |cosine| between steps
constexpr double normal_contrast = 0.374567207;  // E log cosh of a standard normal

/// The nearest orthogonal matrix.
MatrixXd decorrelated(const MatrixXd& w) {
  const Eigen::JacobiSVD<MatrixXd> svd(w, Eigen::ComputeFullU | Eigen::ComputeFullV);
  return svd.matrixU() * svd.matrixV().transpose();
}

MatrixXd start_of(Index n, Seed seed, std::uint64_t start) {
  Draws draws = RandomStream(seed, Purpose::restart).at(start);
  MatrixXd w(n, n);
  for (double& value : w.reshaped()) value = draws.normal();
  return decorrelated(w);
}

/// E[g(s) y^T] - E[g'(s)] W with s = W y and g = tanh.
MatrixXd step(const MatrixXd& white, const MatrixXd& w) {
  const MatrixXd g = (white * w.transpose()).unaryExpr([](double s) { return std::tanh(s); });
  const auto samples = static_cast<double>(white.rows());
  const VectorXd slope = (1.0 - g.array().square()).colwise().mean().matrix().transpose();
  const MatrixXd moved = g.transpose() * white / samples;
  return decorrelated(moved - slope.asDiagonal() * w);
}

MatrixXd converged(const MatrixXd& white, MatrixXd w) {
  for (int s = 0; s < most_steps; ++s) {
    const MatrixXd next = step(white, w);
    const VectorXd cosines = (next.array() * w.array()).rowwise().sum().abs().matrix();
    w = next;
    if (1.0 - cosines.minCoeff() < tolerance) break;
  }
  return w;
}

/// Sum over components of the squared distance of E log cosh from that of a normal.
double contrast(const MatrixXd& white, const MatrixXd& w) {
  const MatrixXd s = white * w.transpose();
  // log cosh s = |s| + log1p(exp(-2 |s|)) - log 2, which doesn't overflow.
  const auto log_cosh = (s.array().abs() + (-2.0 * s.array().abs()).exp().log1p() - std::log(2.0));
  return (log_cosh.colwise().mean() - normal_contrast).square().sum();
}

}  // namespace

MatrixXd fast_ica(const MatrixXd& white, Seed seed) {
  MatrixXd best;
  double largest = -1.0;
  for (std::uint64_t start = 0; start < starts; ++start) {
    const MatrixXd w = converged(white, start_of(white.cols(), seed, start));
    const double value = contrast(white, w);
    if (!(value > largest)) continue;
    largest = value;
    best = w;
  }
  return best;
}

}  // namespace lodestein
