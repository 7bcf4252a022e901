#pragma once

#include <Eigen/Dense>

#include "lodestein/unmix/gscale.hpp"

namespace lodestein::unmix {

/// z = encoder (y - result.centre), the largest entry of each row made positive.
void set_encoder(GscaleResult& result, Eigen::MatrixXd encoder);

}  // namespace lodestein::unmix
