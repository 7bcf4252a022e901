#include "core/wishart.hpp"

#include <algorithm>
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

Eigen::MatrixXd draw_wishart_root(Eigen::Index p, std::size_t degrees, Draws& draws) {
  const auto width = std::min(p, static_cast<Eigen::Index>(degrees));
  Eigen::MatrixXd a = Eigen::MatrixXd::Zero(p, width);
  for (Eigen::Index i = 0; i < p; ++i) {
    for (Eigen::Index j = 0; j < std::min(i, width); ++j) a(i, j) = draws.normal();
    if (i >= width) continue;
    const double left = static_cast<double>(degrees) - static_cast<double>(i);
    a(i, i) = std::sqrt(2.0 * draw_gamma(0.5 * left, draws));
  }
  return a;
}

// N S = (L A)(L A)^T with L L^T the covariance.
SampleMoments draw_sample_moments(ConstMatrixView covariance, std::size_t samples,
                                  const RandomStream& stream) {
  const auto p = static_cast<Eigen::Index>(covariance.rows());
  const double scale = 1.0 / std::sqrt(static_cast<double>(samples));
  const Eigen::MatrixXd root = as_eigen(covariance).llt().matrixL();
  Draws draws = stream.at(0), mean_draws = stream.at(1);
  const Eigen::MatrixXd factor = scale * root * draw_wishart_root(p, samples - 1, draws);
  Eigen::VectorXd normal(p);
  for (double& value : normal) value = mean_draws.normal();
  return {to_matrix((scale * root * normal).transpose().eval()),
          to_matrix((factor * factor.transpose()).eval())};
}

}  // namespace lodestein
