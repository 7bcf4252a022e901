#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace lodestein::tool {

/// A value at a setting, with its interval (NaN: none) and what hovering says.
struct Mark {
  double x = 0.0, y = 0.0;
  double low = 0.0, high = 0.0;
  std::string hover;
};

/// `style` chooses colour and shape; styles repeat after `series_styles`. Reference series, which
/// stand for published values, are drawn hollow in the colour of text.
struct Series {
  std::string name;
  std::size_t style = 0;
  bool reference = false;
  bool connected = true;  ///< marks joined by a line, in the order of x
  std::vector<Mark> marks;
};
inline constexpr std::size_t series_styles = 8;

struct LineChart {
  std::string title;  ///< above the chart and for screen readers
  std::string x_name, y_name;
  bool log_x = false, log_y = false;
  bool x_is_setting = true;     ///< ticks at the marks' own x
  std::vector<double> y_range;  ///< must be on the y axis: makes panels comparable
  std::vector<Series> series;
};

/// Inline SVG of one panel; marks say their value on hover. The classes s0, s1, ... and reference
/// carry the colours of the page's style, and let it hide a method.
std::string line_chart_svg(const LineChart& chart);

/// The mark of a series by itself, for legends.
std::string series_key_svg(const Series& series);

}  // namespace lodestein::tool
