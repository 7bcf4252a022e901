#include "tool/chart.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "tool/html.hpp"
#include "tool/text.hpp"

namespace lodestein::tool {
namespace {

constexpr std::size_t label_length = 22;
constexpr double character_width = 7.6;  // of the 12 px label font, capitals included

std::size_t longest(const std::vector<std::string>& labels) {
  std::size_t length = 0;
  for (const std::string& label : labels) length = std::max(length, character_count(label));
  return std::min(length, label_length + 1);
}

double largest_magnitude(const double* begin, const double* end) {
  double largest = 0.0;
  for (; begin != end; ++begin)
    if (std::isfinite(*begin)) largest = std::max(largest, std::abs(*begin));
  return largest;
}

/// Where things stand in a heat map, in pixels.
struct Grid {
  double cell_width, cell_height, left, top, width, height;
  bool values_shown;

  explicit Grid(const HeatMap& map) {
    const auto rows = static_cast<double>(map.rows.size());
    const auto columns = static_cast<double>(map.columns.size());
    values_shown = map.columns.size() <= 12;
    cell_width = values_shown ? 58.0 : 20.0;
    cell_height = values_shown ? 30.0 : 22.0;
    left = 12.0 + character_width * static_cast<double>(longest(map.rows));
    const double slant = character_width * static_cast<double>(longest(map.columns));
    top = 14.0 + 0.72 * slant;
    width = left + cell_width * columns + 0.72 * slant;
    height = top + cell_height * rows + 34.0;
  }
  double x(std::size_t column) const { return left + cell_width * static_cast<double>(column); }
  double y(std::size_t row) const { return top + cell_height * static_cast<double>(row); }
};

std::string axis_labels(const HeatMap& map, const Grid& grid) {
  std::string svg;
  for (std::size_t i = 0; i < map.rows.size(); ++i)
    svg += fmt::format(
        "<text class=\"label\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>\n",
        grid.left - 8.0, grid.y(i) + grid.cell_height / 2.0 + 4.0,
        escaped(shortened(map.rows[i], label_length)));
  for (std::size_t j = 0; j < map.columns.size(); ++j)
    svg += fmt::format(
        "<text class=\"label\" transform=\"translate({:.1f},{:.1f}) rotate(-45)\">{}</text>\n",
        grid.x(j) + grid.cell_width / 2.0, grid.top - 7.0,
        escaped(shortened(map.columns[j], label_length)));
  return svg;
}

// No wider than a cell; the whole number is in its title.
std::string text_in_cell(double value) {
  constexpr std::size_t longest = 8;
  const std::string text = number(value);
  return text.size() <= longest ? text : fmt::format("{:.0e}", value);
}

std::string cell(const HeatMap& map, const Grid& grid, std::size_t i, std::size_t j, double top) {
  const double value = map.values(i, j);
  const double strength = top > 0.0 && std::isfinite(value) ? std::abs(value) / top : 0.0;
  std::string svg = fmt::format(
      "<g><title>{}, {}: {}</title><rect class=\"cell {}\" x=\"{:.1f}\" y=\"{:.1f}\" "
      "width=\"{:.1f}\" height=\"{:.1f}\" fill-opacity=\"{:.3f}\"/>",
      escaped(map.rows[i]), escaped(map.columns[j]), number(value),
      value < 0.0 ? "negative" : "positive", grid.x(j) + 1.0, grid.y(i) + 1.0,
      grid.cell_width - 2.0, grid.cell_height - 2.0, strength);
  if (grid.values_shown)
    svg += fmt::format(
        "<text class=\"value{}\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>",
        strength > 0.6 ? " on-colour" : "", grid.x(j) + grid.cell_width / 2.0,
        grid.y(i) + grid.cell_height / 2.0 + 4.0, text_in_cell(value));
  return svg + "</g>\n";
}

std::string legend(const HeatMap& map, const Grid& grid, double top) {
  const bool both = map.scale == ColourScale::signed_values;
  const std::string low = both ? (map.colour_by_row ? "− row's largest" : "−" + number(top)) : "0";
  const std::string high = map.colour_by_row ? "+ row's largest" : number(top);
  const double y = grid.height - 20.0;
  double x = grid.left + character_width * static_cast<double>(character_count(low)) + 6.0;
  std::string svg = fmt::format("<text class=\"label\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n",
                                grid.left, y + 10.0, low);
  for (int step = both ? -4 : 0; step <= 4; ++step, x += 12.0)
    svg += fmt::format(
        "<rect class=\"cell {}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"12\" "
        "height=\"12\" fill-opacity=\"{:.2f}\"/>\n",
        step < 0 ? "negative" : "positive", x, y, std::abs(step) / 4.0);
  return svg + fmt::format("<text class=\"label\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n", x + 6.0,
                           y + 10.0, high);
}

std::string svg_open(const std::string& title, double width, double height) {
  return fmt::format(
      "<svg class=\"chart\" role=\"img\" aria-label=\"{}\" width=\"{:.0f}\" "
      "height=\"{:.0f}\" viewBox=\"0 0 {:.0f} {:.0f}\">\n",
      escaped(title), width, height, width, height);
}

std::vector<double> positive_finite(const std::vector<double>& values) {
  std::vector<double> kept;
  std::copy_if(values.begin(), values.end(), std::back_inserter(kept),
               [](double value) { return std::isfinite(value) && value > 0.0; });
  return kept;
}

/// A logarithmic axis over whole decades.
struct LogAxis {
  double low, high, top, bottom;

  LogAxis(const std::vector<double>& values, double top_pixel, double bottom_pixel)
      : top(top_pixel), bottom(bottom_pixel) {
    const auto [least, most] = std::minmax_element(values.begin(), values.end());
    high = std::ceil(std::log10(*most) + 1e-9);
    // Eigenvalues that are zero but for rounding would squeeze all others together.
    low = std::max(std::floor(std::log10(*least)), high - 8.0);
    if (high - low < 1.0) low = high - 1.0;
  }
  double y(double value) const {
    const double share = (std::log10(value) - low) / (high - low);
    return bottom - std::clamp(share, 0.005, 1.0) * (bottom - top);
  }
};

std::string log_axis_lines(const LogAxis& axis, double left, double right) {
  std::string svg;
  const double step = std::max(1.0, std::ceil((axis.high - axis.low) / 5.0));
  for (double decade = axis.low; decade <= axis.high + 0.5; decade += step) {
    const double y =
        axis.bottom - (decade - axis.low) / (axis.high - axis.low) * (axis.bottom - axis.top);
    svg += fmt::format(
        "<line class=\"grid\" x1=\"{0:.1f}\" x2=\"{1:.1f}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\"/>"
        "<text class=\"label\" x=\"{3:.1f}\" y=\"{4:.1f}\" text-anchor=\"end\">{5:g}</text>\n",
        left, right, y, left - 8.0, y + 4.0, std::pow(10.0, decade));
  }
  return svg;
}

}  // namespace

std::string heat_map_svg(const HeatMap& map) {
  if (map.values.empty()) return "";
  const Grid grid(map);
  const double largest = largest_magnitude(
      map.values.data(), map.values.data() + map.rows.size() * map.columns.size());
  std::string svg = svg_open(map.title, grid.width, grid.height) + axis_labels(map, grid);
  for (std::size_t i = 0; i < map.rows.size(); ++i) {
    const double* row = map.values.row(i);
    const double top =
        map.colour_by_row ? largest_magnitude(row, row + map.columns.size()) : largest;
    for (std::size_t j = 0; j < map.columns.size(); ++j) svg += cell(map, grid, i, j, top);
  }
  return "<div class=\"scroll\">" + svg + legend(map, grid, largest) + "</svg></div>\n";
}

std::string log_bar_chart_svg(const std::string& title, const std::vector<double>& values,
                              std::size_t kept) {
  const std::vector<double> positive = positive_finite(values);
  if (positive.empty()) return "";
  constexpr double left = 64.0, top = 12.0, bottom = 190.0;
  const double pitch = std::clamp(640.0 / static_cast<double>(values.size()), 9.0, 44.0);
  const double right = left + pitch * static_cast<double>(values.size());
  const LogAxis axis(positive, top, bottom);
  std::string svg =
      svg_open(title, right + 12.0, bottom + 30.0) + log_axis_lines(axis, left, right);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double value = values[i];
    if (!(std::isfinite(value) && value > 0.0)) continue;
    const double y = axis.y(value);
    const double x = left + pitch * static_cast<double>(i);
    svg += fmt::format(
        "<g><title>{}: {}</title><rect class=\"bar{}\" x=\"{:.1f}\" y=\"{:.1f}\" "
        "width=\"{:.1f}\" height=\"{:.1f}\"/></g>\n",
        i + 1, number(value), i < kept ? "" : " dropped", x + pitch * 0.12, y, pitch * 0.76,
        bottom - y);
    if ((i + 1) % (pitch < 20.0 ? 5 : 1) == 0)
      svg += fmt::format(
          "<text class=\"label\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>\n",
          x + pitch / 2.0, bottom + 18.0, i + 1);
  }
  return "<div class=\"scroll\">" + svg + "</svg></div>\n";
}

std::string spark_bars_svg(const std::vector<double>& values) {
  constexpr std::size_t most = 8;
  constexpr double pitch = 9.0, height = 22.0;
  const std::size_t shown = std::min(values.size(), most);
  const double largest = largest_magnitude(values.data(), values.data() + shown);
  if (!(largest > 0.0)) return "";
  std::vector<std::string> texts;
  std::string bars;
  for (std::size_t i = 0; i < shown; ++i) {
    const double bar = std::isfinite(values[i]) ? std::abs(values[i]) / largest * height : 0.0;
    bars +=
        fmt::format("<rect class=\"bar\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"6\" height=\"{:.1f}\"/>",
                    pitch * static_cast<double>(i), height - bar, std::max(bar, 0.6));
    texts.push_back(number(values[i]));
  }
  return fmt::format(
      "<svg class=\"spark\" role=\"img\" width=\"{0:.0f}\" height=\"{1:.0f}\" "
      "viewBox=\"0 0 {0:.0f} {1:.0f}\"><title>{2}</title>{3}</svg>",
      pitch * static_cast<double>(shown), height, joined(texts), bars);
}

}  // namespace lodestein::tool
