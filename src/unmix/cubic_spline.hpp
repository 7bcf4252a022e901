#pragma once

#include <array>
#include <cstddef>
#include <vector>

namespace lodestein::unmix {

/// The four cubic B-splines that aren't 0 at x, the first of them number `first`.
struct SplineValues {
  std::size_t first = 0;
  std::array<double, 4> values{};
};

/// At x within [knots.front(), knots.back()]; knots as in MonotoneCurve.
SplineValues cubic_splines(const std::vector<double>& knots, double x);

/// Knots with these strictly ascending breakpoints.
std::vector<double> clamped_knots(const std::vector<double>& breakpoints);

/// Coefficients of the identity: means of three knots each.
std::vector<double> identity_coefficients(const std::vector<double>& knots);

}  // namespace lodestein::unmix
