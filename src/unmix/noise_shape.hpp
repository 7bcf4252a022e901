#pragma once

#include <Eigen/Dense>
#include <string>
#include <vector>

#include "lodestein/core/intervention.hpp"
#include "lodestein/data/dataset.hpp"
#include "lodestein/unmix/diagnosis.hpp"
#include "unmix/identify.hpp"

namespace lodestein::unmix {

/// Geary's ratio E|r| / sqrt(E r^2) of centred numbers r: their shape, whatever their scale; .798
/// for a Gaussian, less with heavy tails. With its standard error, by the delta method.
/// Source: Geary 1935.
struct NoiseShape {
  double ratio = 0.0, error = 0.0;
};
NoiseShape noise_shape(const std::vector<double>& values);

/// Adds the finding "changed-noise": environments in which the noise of the latent that they hit
/// has another shape than in the observational one. A single-node intervention that reaches every
/// sample only rescales it, in linear models with any noise. Two-sided test of the two ratios, at a
/// level of .001 for all environments together (Bonferroni). `basis` [n, d] maps x to y.
/// Cost: one pass over the samples for each latent and environment.
void find_changed_noise(const Dataset& dataset, const LinearProblem& problem,
                        const Eigen::MatrixXd& basis, const Identified& fit,
                        Intervention intervention, Diagnosis& diagnosis);

}  // namespace lodestein::unmix
