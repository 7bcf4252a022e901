#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "lodestein/core/finding.hpp"
#include "lodestein/score/check.hpp"

namespace lodestein {

/// One estimator in a comparison.
struct Candidate {
  std::string name;
  double loss = 0.0;    ///< on the held-out rows
  std::string problem;  ///< why it could not be fitted; empty if it was
};

struct Choice {
  std::size_t winner = 0;
  Finding why;
};

/// Walks from the simplest candidate, which comes first, to the richest: one takes the lead if it
/// is better than the leader by more than `errors` standard errors and rounding. gain(a, b): how
/// much less the loss of b is than that of a. At least one candidate was fitted.
Choice choose(const std::vector<Candidate>& candidates, const std::string& criterion, double errors,
              const std::function<MeanEstimate(std::size_t, std::size_t)>& gain);

}  // namespace lodestein
