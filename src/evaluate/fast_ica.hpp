#pragma once

#include <Eigen/Dense>

#include "lodestein/core/random.hpp"

namespace lodestein {

/// Independent components by the symmetric fixed-point iteration with the contrast log cosh
/// (Hyvarinen 1999): an orthogonal W such that the columns of `white` W^T are as far from normal
/// as this contrast tells, the best of five random starts. `white` [N, n] has mean 0 and
/// covariance I. Same seed, same bits. Cost: 4 N n^2 flops a step, at most 200 steps a start.
Eigen::MatrixXd fast_ica(const Eigen::MatrixXd& white, Seed seed = {});

}  // namespace lodestein
