#pragma once

#include <string>
#include <vector>

#include "tool/line_chart.hpp"
#include "tool/sweep_summary.hpp"

namespace lodestein::tool {

/// Panels of one metric against one field, on one scale.
struct Figure {
  std::string field, metric;  ///< the metric by its title
  std::string setting;        ///< of the other fields where it is the same in all panels
  std::vector<LineChart> panels;
  std::size_t left_out = 0;  ///< panels beyond what a page bears
};

/// The series of a page: methods, then published values. A series' style is its place.
struct SweepLegend {
  std::vector<std::string> names;
  std::size_t methods = 0;

  explicit SweepLegend(const std::vector<SweepGroup>& groups);
  Series series(const std::string& name, bool published) const;
};

/// Metric `metric` of sweep_metrics() against every numeric field that varies, most values first:
/// a panel for each combination of the other fields, as far as there is more than one point in it.
std::vector<Figure> figures_against_fields(const SweepGroup& group, std::size_t metric,
                                           const SweepLegend& legend);

/// A metric against seconds per fit, a point for each setting.
LineChart time_against_quality(const SweepGroup& group, std::size_t metric,
                               const SweepLegend& legend);

}  // namespace lodestein::tool
