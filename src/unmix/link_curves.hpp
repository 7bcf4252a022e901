#pragma once

#include <Eigen/Dense>
#include <vector>

#include "core/eigen.hpp"
#include "lodestein/core/observer.hpp"
#include "lodestein/unmix/monotone_curve.hpp"

namespace lodestein::unmix {

/// Increasing splines of the columns of b [N, d] whose standardised values have the least variance
/// off n dimensions, with weights of the rows that sum to 1. Their values have weighted mean 0 and
/// variance 1. Starts from straight lines. Columns are not constant, n < d.
std::vector<MonotoneCurve> link_curves(const RowMajor& b, const Eigen::VectorXd& weights,
                                       Eigen::Index n, Observer& observer);

}  // namespace lodestein::unmix
