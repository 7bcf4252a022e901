#pragma once

#include <string>
#include <vector>

#include "lodestein/score/difference.hpp"

namespace lodestein {

namespace kernels {
class Operations;
}

/// Differences of one environment at the chosen points, as the operation wants them.
struct WeightedDifferences {
  std::vector<float> values;    ///< [n, d]
  std::vector<double> weights;  ///< [n]
};

WeightedDifferences differences_at(const ScoreDifferences& differences, std::size_t m,
                                   const Dataset& dataset, MomentPoints points);

/// @throws InvalidArgument naming the environment if the weights are all nearly 0.
void check_overlap(const WeightedDifferences& at, const std::string& environment);

/// Blocks R^ij of `environments` sets of differences, stored one after the other in at.values, at
/// the same points. No weights: all 1. [K d, K d].
Matrix moments_of(const kernels::Operations& operations, const WeightedDifferences& at,
                  std::size_t environments, std::size_t d);

}  // namespace lodestein
