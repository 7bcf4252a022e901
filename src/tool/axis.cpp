#include "tool/axis.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace lodestein::tool {
namespace {

/// 1, 2 or 5 times a power of ten, such that at most about five of them span `range`.
double round_step(double range) {
  const double raw = range / 4.0, decade = std::pow(10.0, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (raw <= factor * decade * (1.0 + 1e-9)) return factor * decade;
  return 10.0 * decade;
}

/// Powers of ten, with 2 and 5 times them where there are few; every second or third of many.
std::vector<double> decade_ticks(double low, double high) {
  const int first = static_cast<int>(std::floor(low)), last = static_cast<int>(std::ceil(high));
  const int every = std::max(1, (last - first) / 4);
  std::vector<double> ticks;
  for (int decade = first; decade <= last; decade += every)
    for (const double factor : {1.0, 2.0, 5.0}) {
      if (factor > 1.0 && high - low > 2.0) continue;
      const double value = factor * std::pow(10.0, decade);
      if (std::log10(value) >= low - 1e-9 && std::log10(value) <= high + 1e-9)
        ticks.push_back(value);
    }
  return ticks;
}

constexpr int least_digits = 3, most_digits = 15;

std::string text_of(double value, int digits) {
  const double size = std::abs(value);
  if (size >= 1e6) return fmt::format("{:.{}g}M", value / 1e6, digits);
  if (size >= 1e3) return fmt::format("{:.{}g}k", value / 1e3, digits);
  return fmt::format("{:.{}g}", value, digits);
}

/// Drops ticks whose labels would touch the one before.
std::vector<double> apart(const std::vector<double>& ticks, const Axis& axis) {
  constexpr double least_pixels = 34.0;
  std::vector<double> kept;
  for (const double tick : ticks)
    if (kept.empty() || std::abs(axis.pixel(tick) - axis.pixel(kept.back())) >= least_pixels)
      kept.push_back(tick);
  return kept;
}

std::vector<double> usable(const std::vector<double>& values, bool logarithmic) {
  std::vector<double> kept;
  for (const double value : values)
    if (std::isfinite(value) && (!logarithmic || value > 0.0)) kept.push_back(value);
  if (kept.empty()) kept = {logarithmic ? 0.1 : 0.0, 1.0};
  return kept;
}

}  // namespace

Axis::Axis(const std::vector<double>& values, bool logarithmic, double first_pixel,
           double last_pixel)
    : Axis(logarithmic, first_pixel, last_pixel) {
  const std::vector<double> kept = usable(values, logarithmic);
  const auto [least, most] = std::minmax_element(kept.begin(), kept.end());
  if (logarithmic) {
    const double margin = std::max(0.08, 0.06 * (std::log10(*most) - std::log10(*least)));
    low_ = std::log10(*least) - margin;
    high_ = std::log10(*most) + margin;
    ticks_ = decade_ticks(low_, high_);
    return;
  }
  // Values that differ by rounding only are one value.
  const double size = std::max(std::abs(*least), std::abs(*most));
  const bool one_value = !(*most - *least > 1e-9 * size);
  const double around = size > 0.0 ? size : 1.0;
  const double range = one_value ? around : *most - *least;
  const double step = round_step(range), margin = one_value ? step : 0.04 * range;
  low_ = *least - margin;
  high_ = *most + margin;
  for (double count = std::ceil(low_ / step); count * step <= high_; count += 1.0)
    ticks_.push_back(count * step + 0.0);  // no -0
}

Axis Axis::of_settings(std::vector<double> values, bool logarithmic, double first_pixel,
                       double last_pixel) {
  values = usable(values, logarithmic);
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  Axis axis(logarithmic, first_pixel, last_pixel);
  axis.low_ = axis.scaled(values.front());
  axis.high_ = axis.scaled(values.back());
  const double margin = axis.high_ > axis.low_ ? 0.08 * (axis.high_ - axis.low_) : 1.0;
  axis.low_ -= margin;
  axis.high_ += margin;
  axis.ticks_ = apart(values, axis);
  return axis;
}

double Axis::scaled(double value) const { return logarithmic_ ? std::log10(value) : value; }

double Axis::pixel(double value) const {
  if (logarithmic_ && !(value > 0.0)) return first_pixel_;
  const double share = std::clamp((scaled(value) - low_) / (high_ - low_), 0.0, 1.0);
  return first_pixel_ + share * (last_pixel_ - first_pixel_);
}

std::string Axis::label(double value) const {
  int digits = least_digits;
  for (std::size_t t = 1; t < ticks_.size(); ++t)
    while (digits < most_digits && text_of(ticks_[t - 1], digits) == text_of(ticks_[t], digits))
      ++digits;
  return text_of(value, digits);
}

}  // namespace lodestein::tool
