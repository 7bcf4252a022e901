#include "simulate/wishart.hpp"

#include <Eigen/Dense>
#include <cmath>

#include "core/eigen.hpp"

namespace lodestein {

double draw_gamma(double shape, Draws& draws) {
  if (shape < 1.0) {
    const double boost = std::pow(draws.uniform(), 1.0 / shape);
    return boost * draw_gamma(shape + 1.0, draws);
  }
  const double d = shape - 1.0 / 3.0;
  const double c = 1.0 / std::sqrt(9.0 * d);
  while (true) {
    const double x = draws.normal();
    const double root = 1.0 + c * x;
    if (root <= 0.0) continue;
    const double v = root * root * root;
    if (std::log(draws.uniform()) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
  }
}

// N S = (L A)(L A)^T with L L^T the covariance, A lower triangular, A_ii^2 chi-square with
// N - 1 - i degrees of freedom, A_ij standard normal below the diagonal.
SampleMoments draw_sample_moments(ConstMatrixView covariance, std::size_t samples,
                                  const RandomStream& stream) {
  const auto p = static_cast<Eigen::Index>(covariance.rows());
  const double count = static_cast<double>(samples);
  const Eigen::MatrixXd root = as_eigen(covariance).llt().matrixL();
  Draws draws = stream.at(0);
  Eigen::MatrixXd a = Eigen::MatrixXd::Zero(p, p);
  for (Eigen::Index i = 0; i < p; ++i) {
    for (Eigen::Index j = 0; j < i; ++j) a(i, j) = draws.normal();
    const double degrees = count - 1.0 - static_cast<double>(i);
    a(i, i) = std::sqrt(2.0 * draw_gamma(0.5 * degrees, draws));
  }
  Draws mean_draws = stream.at(1);
  Eigen::VectorXd normal(p);
  for (Eigen::Index i = 0; i < p; ++i) normal(i) = mean_draws.normal();
  const Eigen::MatrixXd factor = root * a / std::sqrt(count);
  return {to_matrix((root * normal / std::sqrt(count)).transpose().eval()),
          to_matrix((factor * factor.transpose()).eval())};
}

}  // namespace lodestein
