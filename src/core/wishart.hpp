#pragma once

#include <Eigen/Dense>
#include <cstddef>

#include "lodestein/core/matrix.hpp"
#include "lodestein/core/random.hpp"

namespace lodestein {

/// Gamma variate with the given shape > 0 and scale 1. Source: Marsaglia and Tsang 2000.
double draw_gamma(double shape, Draws& draws);

/// Lower trapezoidal A with A A^T ~ Wishart(degrees, I): below the diagonal standard normals, on it
/// roots of chi-squares with degrees - i degrees of freedom. [p, min(p, degrees)]. Source: Bartlett
/// 1933.
Eigen::MatrixXd draw_wishart_root(Eigen::Index p, std::size_t degrees, Draws& draws);

struct SampleMoments {
  Matrix mean;        ///< [1, p]
  Matrix covariance;  ///< [p, p], divided by the number of samples
};

/// Mean and covariance of `samples` > p draws from N(0, covariance), from their exact law: the mean
/// is N(0, covariance / N) and, independently, N S ~ Wishart(N - 1, covariance). Source: Bartlett
/// 1933. Cost: p^3.
SampleMoments draw_sample_moments(ConstMatrixView covariance, std::size_t samples,
                                  const RandomStream& stream);

}  // namespace lodestein
