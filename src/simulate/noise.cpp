#include "simulate/noise.hpp"

#include <cmath>
#include <limits>
#include <numbers>

#include "core/wishart.hpp"

namespace lodestein {
namespace {

using std::numbers::pi;
using std::numbers::sqrt2;
using std::numbers::sqrt3;

constexpr double infinity = std::numeric_limits<double>::infinity();

double draw_laplace(Draws& draws) {
  const double u = draws.uniform() - 0.5;
  return std::copysign(std::log1p(-2.0 * std::abs(u)) / sqrt2, -u);
}

// Normal over the root of a chi-square, scaled to variance 1.
double draw_student(double degrees, Draws& draws) {
  const double normal = draws.normal();
  return normal * std::sqrt(0.5 * (degrees - 2.0) / draw_gamma(0.5 * degrees, draws));
}

double student_log_density(double degrees, double value) {
  const double half = 0.5 * (degrees + 1.0);
  return std::lgamma(half) - std::lgamma(0.5 * degrees) - 0.5 * std::log(pi * (degrees - 2.0)) -
         half * std::log1p(value * value / (degrees - 2.0));
}

}  // namespace

double draw_noise(const NoiseLaw& law, Draws& draws) {
  switch (law.family) {
    case NoiseFamily::gaussian:
      return draws.normal();
    case NoiseFamily::laplace:
      return draw_laplace(draws);
    case NoiseFamily::student:
      return draw_student(law.degrees, draws);
    case NoiseFamily::uniform:
      return draws.uniform(-sqrt3, sqrt3);
    case NoiseFamily::exponential:
      return -std::log(draws.uniform()) - 1.0;
  }
  return 0.0;
}

double noise_log_density(const NoiseLaw& law, double value) {
  switch (law.family) {
    case NoiseFamily::gaussian:
      return -0.5 * (std::log(2.0 * pi) + value * value);
    case NoiseFamily::laplace:
      return -0.5 * std::log(2.0) - sqrt2 * std::abs(value);
    case NoiseFamily::student:
      return student_log_density(law.degrees, value);
    case NoiseFamily::uniform:
      return std::abs(value) <= sqrt3 ? -std::log(2.0 * sqrt3) : -infinity;
    case NoiseFamily::exponential:
      return value >= -1.0 ? -1.0 - value : -infinity;
  }
  return -infinity;
}

double noise_score(const NoiseLaw& law, double value) {
  if (law.family == NoiseFamily::laplace) return std::copysign(sqrt2, -value);
  if (law.family == NoiseFamily::student)
    return -(law.degrees + 1.0) * value / (law.degrees - 2.0 + value * value);
  return -value;
}

bool has_score(NoiseFamily family) {
  return family != NoiseFamily::uniform && family != NoiseFamily::exponential;
}

}  // namespace lodestein
