#pragma once

#include <vector>

#include "lodestein/score/estimate.hpp"

namespace lodestein {

std::vector<Score> choose_scores(const Backend& backend, const Dataset& dataset,
                                 const AutoScore& options, Seed seed, Observer& observer);
ScoreDifferences choose_differences(const Backend& backend, const Dataset& dataset,
                                    const AutoDifferences& options, Seed seed, Observer& observer);

/// Samples of the smallest environment, and of the largest.
struct SampleRange {
  std::size_t fewest = 0, most = 0;
};
SampleRange sample_range(const Dataset& dataset);

}  // namespace lodestein
