#pragma once

#include <Eigen/Dense>

#include "lodestein/unmix/gscale.hpp"

namespace lodestein::unmix {

/// z = encoder (y - result.centre), the largest entry of each row made positive.
void set_encoder(GscaleResult& result, Eigen::MatrixXd encoder);

/// E|d_j| of pair m relative to E|d_m|, in z at variance 1. [n, n].
Matrix relative_leakage(const LatentMap& map, ConstMatrixView points,
                        const std::vector<Matrix>& pairs);

}  // namespace lodestein::unmix
