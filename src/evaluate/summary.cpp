#include "lodestein/evaluate/summary.hpp"

#include <cmath>
#include <limits>

#include "lodestein/core/error.hpp"

namespace lodestein {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double pi = 3.14159265358979323846;
constexpr double normal_quantile = 1.959963984540054;  // of 97.5 %
constexpr std::size_t practically_normal = 100000;     // the two differ by 2e-5 there

/// P(|T| <= t) for t = sqrt(v) tan(angle): a finite sum for whole degrees of freedom v.
double central_probability(double angle, std::size_t v) {
  const double sine = std::sin(angle), cosine = std::cos(angle);
  const bool odd = v % 2 == 1;
  double term = odd ? cosine : 1.0, sum = v > 1 ? term : 0.0;
  for (std::size_t k = odd ? 3 : 2; k + 1 < v; k += 2) {
    term *= static_cast<double>(k - 1) / static_cast<double>(k) * cosine * cosine;
    sum += term;
  }
  return odd ? 2.0 / pi * (angle + sine * sum) : sine * sum;
}

}  // namespace

double student_quantile(std::size_t degrees_of_freedom) {
  if (degrees_of_freedom == 0) throw InvalidArgument("student_quantile: 0 degrees of freedom");
  if (degrees_of_freedom > practically_normal) return normal_quantile;
  double low = 0.0, high = pi / 2.0;
  for (int step = 0; step < 60; ++step) {
    const double middle = 0.5 * (low + high);
    (central_probability(middle, degrees_of_freedom) < 0.95 ? low : high) = middle;
  }
  return std::sqrt(static_cast<double>(degrees_of_freedom)) * std::tan(low);
}

Summary summarise(const std::vector<double>& values) {
  Summary result{.count = 0, .mean = nan, .standard_error = nan, .low = nan, .high = nan};
  double sum = 0.0;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    sum += value;
    ++result.count;
  }
  if (result.count == 0) return result;
  const auto count = static_cast<double>(result.count);
  result.mean = sum / count;
  if (result.count < 2) return result;
  double squares = 0.0;
  for (const double value : values)
    if (std::isfinite(value)) squares += (value - result.mean) * (value - result.mean);
  result.standard_error = std::sqrt(squares / (count - 1.0) / count);
  const double half = student_quantile(result.count - 1) * result.standard_error;
  result.low = result.mean - half;
  result.high = result.mean + half;
  return result;
}

Summary summarise_rate(std::size_t successes, std::size_t count) {
  if (successes > count) throw InvalidArgument("summarise_rate: more successes than trials");
  if (count == 0) return {.count = 0, .mean = nan, .standard_error = nan, .low = nan, .high = nan};
  const auto n = static_cast<double>(count);
  const double p = static_cast<double>(successes) / n;
  const double z = normal_quantile, widening = 1.0 + z * z / n;
  const double centre = (p + z * z / (2.0 * n)) / widening;
  const double half = z / widening * std::sqrt(p * (1.0 - p) / n + z * z / (4.0 * n * n));
  return {.count = count,
          .mean = p,
          .standard_error = std::sqrt(p * (1.0 - p) / n),
          .low = successes == 0 ? 0.0 : centre - half,
          .high = successes == count ? 1.0 : centre + half};
}

}  // namespace lodestein
