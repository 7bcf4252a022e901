#pragma once

#include <Eigen/Dense>
#include <vector>

#include "lodestein/core/finding.hpp"
#include "lodestein/unmix/independent_support.hpp"

namespace lodestein::unmix {

/// Fills in `fill` and `thinness` of the sides of latents z [N, n], and says where they don't look
/// like those of a box. Two tests, each with level 0.01 over all latents:
///
/// - A corner of two latents, half of a square with sides a quarter, a half or three quarters of
///   theirs: the number of samples there is Poisson with at least a tenth of the mean that
///   independent latents of the same marginals have (null). Fewer than that allows is an empty
///   corner.
/// - An end: distances of the outermost twentieth of the samples from where it begins have
///   mean(e^2) / mean(e)^2 of at most 3/2, as where the density falls linearly to 0 at the end
///   (null); 4/3 if it ends abruptly, towards 2 without an end.
///
/// Cost: N log N for each latent, N for each pair.
std::vector<Finding> check_box(const Eigen::MatrixXd& z, std::vector<BoxSide>& sides);

}  // namespace lodestein::unmix
