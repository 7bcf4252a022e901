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

inline constexpr std::size_t series_colours = 8;
inline constexpr std::size_t colour_of_text = series_colours;

/// Reference series, which stand for published values, are drawn hollow.
struct Series {
  std::string name;
  std::size_t number = 0;  ///< on the page: its class s0, s1, ... by which the page can hide it
  std::size_t colour = 0;  ///< colour and shape, 0 .. series_colours - 1, or colour_of_text
  std::size_t round = 0;   ///< of the colours: with each, shapes and dashes are others
  bool reference = false;
  bool connected = true;  ///< marks joined by a line, in the order of x
  std::vector<Mark> marks;
};

struct LineChart {
  std::string title;  ///< above the chart and for screen readers
  std::string x_name, y_name;
  bool log_x = false, log_y = false;
  bool x_is_setting = true;     ///< ticks at the marks' own x
  std::vector<double> y_range;  ///< must be on the y axis: makes panels comparable
  std::vector<Series> series;
};

/// Inline SVG of one panel; marks say their value on hover, colours are the page's style.
std::string line_chart_svg(const LineChart& chart);

/// The mark of a series by itself, for legends.
std::string series_key_svg(const Series& series);

}  // namespace lodestein::tool
