#include "tool/line_chart.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tool/axis.hpp"
#include "tool/html.hpp"

namespace lodestein::tool {
namespace {

constexpr double width = 316.0, height = 232.0;
constexpr double left = 52.0, right = width - 10.0, top = 30.0, bottom = height - 42.0;
constexpr std::size_t dashes = 3;  // of lines, in the page's style
constexpr double dodge = 5.0;      // pixels between series at the same x

struct Frame {
  Axis x, y;

  static std::vector<double> all_x(const LineChart& chart) {
    std::vector<double> values;
    for (const Series& series : chart.series)
      for (const Mark& mark : series.marks) values.push_back(mark.x);
    return values;
  }
  static std::vector<double> all_y(const LineChart& chart) {
    std::vector<double> values = chart.y_range;
    for (const Series& series : chart.series)
      for (const Mark& mark : series.marks) values.push_back(mark.y);
    return values;
  }
  explicit Frame(const LineChart& chart)
      : x(chart.x_is_setting ? Axis::of_settings(all_x(chart), chart.log_x, left, right)
                             : Axis(all_x(chart), chart.log_x, left, right)),
        y(all_y(chart), chart.log_y, bottom, top) {}
};

std::string axis_lines(const LineChart& chart, const Frame& frame) {
  std::string svg;
  for (const double tick : frame.y.ticks())
    svg += fmt::format(
        "<line class=\"grid\" x1=\"{0:.1f}\" x2=\"{1:.1f}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\"/>"
        "<text class=\"label\" x=\"{3:.1f}\" y=\"{4:.1f}\" text-anchor=\"end\">{5}</text>\n",
        left, right, frame.y.pixel(tick), left - 7.0, frame.y.pixel(tick) + 4.0,
        frame.y.label(tick));
  for (const double tick : frame.x.ticks())
    svg += fmt::format(
        "<text class=\"label\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>\n",
        frame.x.pixel(tick), bottom + 16.0, frame.x.label(tick));
  return svg + fmt::format(
                   "<text class=\"title\" x=\"{:.1f}\" y=\"15\">{}</text>\n"
                   "<text class=\"label\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}"
                   "</text>\n",
                   left - 7.0, escaped(shortened(chart.title, 48)), 0.5 * (left + right),
                   height - 8.0, escaped(chart.x_name));
}

std::string polygon(double x, double y, const std::vector<std::pair<double, double>>& corners) {
  std::string points;
  for (const auto& [dx, dy] : corners) points += fmt::format("{:.1f},{:.1f} ", x + dx, y + dy);
  points.pop_back();
  return fmt::format("<polygon points=\"{}\"/>", points);
}

constexpr std::size_t shapes_a_round = 3;  // prime to the number of shapes: each colour meets all

/// Colour is never the only difference between two methods.
std::string shape(const Series& series, double x, double y) {
  if (series.reference && series.round == 0)
    return polygon(x, y, {{0, -5.5}, {5.5, 0}, {0, 5.5}, {-5.5, 0}});
  switch ((series.colour + shapes_a_round * series.round) % series_colours) {
    case 0:
      return fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\"/>", x, y);
    case 1:
      return polygon(x, y, {{-3.7, -3.7}, {3.7, -3.7}, {3.7, 3.7}, {-3.7, 3.7}});
    case 2:
      return polygon(x, y, {{0, -5}, {4.8, 3.6}, {-4.8, 3.6}});
    case 3:
      return polygon(x, y, {{0, 5}, {4.8, -3.6}, {-4.8, -3.6}});
    case 4:
      return polygon(x, y, {{0, -5}, {5, 0}, {0, 5}, {-5, 0}});
    case 5:
      return polygon(x, y, {{-5, -2.4}, {5, -2.4}, {5, 2.4}, {-5, 2.4}});
    case 6:
      return polygon(x, y, {{-2.4, -5}, {2.4, -5}, {2.4, 5}, {-2.4, 5}});
    default:
      return polygon(x, y, {{0, -5}, {4.8, -1.5}, {3, 4}, {-3, 4}, {-4.8, -1.5}});
  }
}

std::string style_class(const Series& series) {
  return fmt::format("s{} c{} d{}{}", series.number, series.colour, series.round % dashes,
                     series.reference ? " reference" : "");
}

std::string interval_line(const Mark& mark, const Frame& frame, double x) {
  if (!std::isfinite(mark.low) || !std::isfinite(mark.high)) return "";
  return fmt::format(
      "<line class=\"interval\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1:.1f}\" y2=\"{2:.1f}\"/>", x,
      frame.y.pixel(mark.low), frame.y.pixel(mark.high));
}

std::string series_svg(const Series& series, const Frame& frame, double shift) {
  std::vector<Mark> marks = series.marks;
  std::stable_sort(marks.begin(), marks.end(),
                   [](const Mark& a, const Mark& b) { return a.x < b.x; });
  std::string line, points;
  for (const Mark& mark : marks) {
    if (!std::isfinite(mark.y)) continue;
    const double x = frame.x.pixel(mark.x) + shift, y = frame.y.pixel(mark.y);
    line += fmt::format("{}{:.1f},{:.1f}", line.empty() ? "" : " ", x, y);
    points += fmt::format("<g class=\"mark\"><title>{}</title>{}{}</g>\n", escaped(mark.hover),
                          interval_line(mark, frame, x), shape(series, x, y));
  }
  if (points.empty()) return "";
  const std::string joined =
      series.connected ? fmt::format("<polyline points=\"{}\"/>\n", line) : "";
  return fmt::format("<g class=\"series {}\">\n{}{}</g>\n", style_class(series), joined, points);
}

}  // namespace

std::string line_chart_svg(const LineChart& chart) {
  const Frame frame(chart);
  std::string svg = fmt::format(
      "<svg class=\"chart panel\" role=\"img\" aria-label=\"{0}\" width=\"{1:.0f}\" "
      "height=\"{2:.0f}\" viewBox=\"0 0 {1:.0f} {2:.0f}\">\n",
      escaped(fmt::format("{} against {}: {}", chart.y_name, chart.x_name, chart.title)), width,
      height);
  svg += axis_lines(chart, frame);
  const auto own = std::count_if(chart.series.begin(), chart.series.end(),
                                 [](const Series& series) { return !series.reference; });
  double shift = -0.5 * dodge * static_cast<double>(own - 1);
  for (const Series& series : chart.series) {
    const bool shifted = chart.x_is_setting && !series.reference;
    svg += series_svg(series, frame, shifted ? shift : 0.0);
    if (shifted) shift += dodge;
  }
  return svg + "</svg>\n";
}

std::string series_key_svg(const Series& series) {
  return fmt::format(
      "<svg class=\"key-mark\" aria-hidden=\"true\" width=\"26\" height=\"14\" viewBox=\"0 0 26 "
      "14\"><g class=\"series {}\"><polyline points=\"1,7 25,7\"/><g class=\"mark\">{}</g></g>"
      "</svg>",
      style_class(series), shape(series, 13.0, 7.0));
}

}  // namespace lodestein::tool
