#pragma once

#include <string>
#include <vector>

#include "lodestein/score/difference.hpp"

namespace lodestein {

/// Score differences that are minus the gradients of log-ratios log p_m / p_0.
class RatioModel : public ScoreDifferences::Model {
 public:
  /// log p_m / p_0 at the rows of x. [N, d] -> [N]
  virtual std::vector<double> log_ratio(ConstMatrixView x, std::size_t m) const = 0;
  std::vector<double> overlap(ConstMatrixView x, std::size_t m) const final;
};

/// P(1 - P) for P = 1 / (1 + exp(-log ratio)).
double overlap_of(double log_ratio);

/// Fills in held-out losses and what they say about the environments. `held_out`: points that the
/// model was not fitted on, [K + 1] environments, the observational one first.
void judge(const RatioModel& model, const std::vector<Matrix>& held_out,
           DifferenceSummary& summary);

}  // namespace lodestein
