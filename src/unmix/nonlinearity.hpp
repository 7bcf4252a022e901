#pragma once

#include <Eigen/Dense>

#include "lodestein/data/dataset.hpp"
#include "lodestein/unmix/diagnosis.hpp"
#include "unmix/identify.hpp"

namespace lodestein::unmix {

/// Adds the finding "nonlinear-latents": pairs of latents j before i in the fitted order where
/// observational z_i, less its regression on all latents before it, goes with the square of z_j.
/// In linear models it is i's noise, which is independent of them, whatever its law. Two-sided
/// self-normalised test of each pair, at a level of .001 for all of them together (Bonferroni).
/// Needs ten samples per latent. `basis` [n, d] maps x to y. Cost: N n (d + n^2).
/// Source: in the manner of Ramsey 1969, with standard errors after White 1980.
void find_nonlinearity(const Dataset& dataset, const Eigen::MatrixXd& basis, const Identified& fit,
                       Diagnosis& diagnosis);

}  // namespace lodestein::unmix
