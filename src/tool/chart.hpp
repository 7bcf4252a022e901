#pragma once

#include <string>
#include <vector>

#include "lodestein/core/matrix.hpp"

namespace lodestein::tool {

/// signed_values: two colours about zero. magnitudes: one colour from zero up.
enum class ColourScale { signed_values, magnitudes };

struct HeatMap {
  std::string title;  ///< for screen readers
  std::vector<std::string> rows, columns;
  Matrix values;  ///< [rows, columns]
  ColourScale scale = ColourScale::signed_values;
  bool colour_by_row = false;  ///< each row's largest value has the full colour, else the map's
};

/// Inline SVG; every cell says its value on hover. Colours follow the page's light or dark theme.
std::string heat_map_svg(const HeatMap& map);

/// Bars of values > 0 on a logarithmic axis, the first `kept` in the accent colour.
std::string log_bar_chart_svg(const std::string& title, const std::vector<double>& values,
                              std::size_t kept);

/// A few small bars that fit a table cell.
std::string spark_bars_svg(const std::vector<double>& values);

}  // namespace lodestein::tool
