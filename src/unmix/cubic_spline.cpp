#include "unmix/cubic_spline.hpp"

#include <algorithm>

#include "lodestein/unmix/monotone_curve.hpp"

namespace lodestein {
namespace unmix {

SplineValues cubic_splines(const std::vector<double>& knots, double x) {
  // The interval [knots[i], knots[i + 1]) around x; the last one has its end.
  const auto inner = std::upper_bound(knots.begin() + 4, knots.end() - 4, x);
  const auto i = static_cast<std::size_t>(inner - knots.begin()) - 1;
  SplineValues result{i - 3, {1.0, 0.0, 0.0, 0.0}};
  auto& b = result.values;
  for (std::size_t p = 1; p <= 3; ++p) {  // of degree p from those of degree p - 1
    double carried = 0.0;
    for (std::size_t r = 0; r < p; ++r) {
      const double right = knots[i + 1 + r], left = knots[i + 1 + r - p];
      const double share = b[r] / (right - left);
      b[r] = carried + (right - x) * share;
      carried = (x - left) * share;
    }
    b[p] = carried;
  }
  return result;
}

std::vector<double> clamped_knots(const std::vector<double>& breakpoints) {
  std::vector<double> knots(3, breakpoints.front());
  knots.insert(knots.end(), breakpoints.begin(), breakpoints.end());
  knots.insert(knots.end(), 3, breakpoints.back());
  return knots;
}

std::vector<double> identity_coefficients(const std::vector<double>& knots) {
  std::vector<double> means;
  for (std::size_t k = 0; k + 4 < knots.size(); ++k)
    means.push_back((knots[k + 1] + knots[k + 2] + knots[k + 3]) / 3.0);
  return means;
}

}  // namespace unmix

double MonotoneCurve::operator()(double x) const {
  const std::size_t last = coefficients.size() - 1;
  if (x < knots.front()) {
    const double slope = 3.0 * (coefficients[1] - coefficients[0]) / (knots[4] - knots[3]);
    return coefficients[0] + slope * (x - knots.front());
  }
  if (x > knots.back()) {
    const double slope =
        3.0 * (coefficients[last] - coefficients[last - 1]) / (knots[last + 1] - knots[last]);
    return coefficients[last] + slope * (x - knots.back());
  }
  const unmix::SplineValues at = unmix::cubic_splines(knots, x);
  double sum = 0.0;
  for (std::size_t r = 0; r < 4; ++r) sum += at.values[r] * coefficients[at.first + r];
  return sum;
}

}  // namespace lodestein
