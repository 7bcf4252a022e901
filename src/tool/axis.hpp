#pragma once

#include <string>
#include <vector>

namespace lodestein::tool {

/// Maps numbers to pixels, linearly or by logarithm, and knows where to put its ticks.
class Axis {
 public:
  /// `values` are what the axis must show (finite ones count); logarithmic axes need positive ones.
  /// It ends a little beyond them; ticks are round numbers.
  Axis(const std::vector<double>& values, bool logarithmic, double first_pixel, double last_pixel);
  /// Ticks at the values themselves, as befits a setting that takes few of them.
  static Axis of_settings(std::vector<double> values, bool logarithmic, double first_pixel,
                          double last_pixel);

  /// Numbers beyond the axis come out at its ends.
  double pixel(double value) const;
  const std::vector<double>& ticks() const { return ticks_; }
  /// "50k", "0.05": short, and with as many digits as tell the ticks apart.
  std::string label(double value) const;

 private:
  Axis(bool logarithmic, double first_pixel, double last_pixel)
      : logarithmic_(logarithmic), first_pixel_(first_pixel), last_pixel_(last_pixel) {}
  double scaled(double value) const;

  bool logarithmic_;
  double first_pixel_, last_pixel_;
  double low_ = 0.0, high_ = 1.0;  ///< scaled
  std::vector<double> ticks_;
};

}  // namespace lodestein::tool
