#pragma once

#include <vector>

namespace lodestein {

/// Increasing function: a cubic spline whose coefficients increase, continued by straight lines.
struct MonotoneCurve {
  std::vector<double> knots;         ///< [k + 4], ascending, the first and the last four times
  std::vector<double> coefficients;  ///< [k], strictly ascending, of the B-splines

  double operator()(double x) const;
};

}  // namespace lodestein
