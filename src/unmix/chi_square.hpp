#pragma once

#include <cmath>

namespace lodestein::unmix {

/// P(chi-square > value). Exact for one degree of freedom, else after Wilson and Hilferty 1931
/// (within 1e-3).
inline double chi_square_tail(double value, double degrees) {
  if (degrees == 1.0) return std::erfc(std::sqrt(0.5 * value));
  const double variance = 2.0 / (9.0 * degrees);
  const double normal = (std::cbrt(value / degrees) - (1.0 - variance)) / std::sqrt(variance);
  return 0.5 * std::erfc(normal / std::sqrt(2.0));
}

}  // namespace lodestein::unmix
