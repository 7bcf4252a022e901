#pragma once

#include <vector>

#include "lodestein/score/check.hpp"

namespace lodestein {

/// Mean of two or more independent terms.
MeanEstimate mean_of(const std::vector<double>& terms);

/// 1/2 |s|^2 + div s at each row of x, whose mean is the Hyvarinen loss.
std::vector<double> hyvarinen_terms(const Score& score, ConstMatrixView x);

/// log(1 + e^t).
double softplus(double t);

}  // namespace lodestein
