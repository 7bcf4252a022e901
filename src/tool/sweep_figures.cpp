#include "tool/sweep_figures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "tool/text.hpp"

namespace lodestein::tool {
namespace {

constexpr std::size_t most_panels = 12;
constexpr double wide_span = 20.0;  // largest over smallest value that makes a scale logarithmic
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

bool spans(const std::vector<double>& values, double least_ratio) {
  if (values.size() < 2) return false;
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  return *low > 0.0 && *high / *low >= least_ratio;
}

/// "likelihood\nsamples = 1000\nSHD: 0.1, 95 % interval 0.05 to 0.15\n..."
std::string hover_text(const SweepGroup& group, const SweepPoint& point, const std::string& name,
                       const std::string& title, const std::string& value) {
  const std::string setting = point_text(group, point);
  return fmt::format("{}\n{}{}{}: {}", name, setting, setting.empty() ? "" : "\n", title, value);
}

std::string measured_text(const SweepEntry& entry, const Summary& s) {
  std::string text = number(s.mean);
  if (std::isfinite(s.low))
    text += fmt::format(", 95 % interval {} to {}", number(s.low), number(s.high));
  text += "\n" + counted(s.count, "model");
  if (entry.failed > 0) text += fmt::format(", {} failed", entry.failed);
  return text + fmt::format("\n{} s per fit", number(entry.seconds.mean));
}

using Points = std::vector<const SweepPoint*>;

/// Whether field x alone tells what field `other` is, e.g. where d = n.
bool follows_from(const SweepGroup& group, std::size_t other, std::size_t x) {
  std::map<std::string, std::string> seen;
  return std::all_of(group.points.begin(), group.points.end(), [&](const SweepPoint& point) {
    const std::string value = to_text(point.values[other]);
    return seen.emplace(to_text(point.values[x]), value).first->second == value;
  });
}

std::vector<std::size_t> panel_fields(const SweepGroup& group, std::size_t x) {
  std::vector<std::size_t> fields;
  for (std::size_t i = 0; i < group.fields.size(); ++i)
    if (i != x && !follows_from(group, i, x)) fields.push_back(i);
  return fields;
}

std::string panel_title(const SweepGroup& group, const std::vector<std::size_t>& fields,
                        const SweepPoint& point) {
  std::vector<std::string> parts;
  for (const std::size_t i : fields)
    parts.push_back(fmt::format("{} = {}", group.fields[i], to_text(point.values[i])));
  return joined(parts);
}

/// Points that agree in `fields`, where x varies among them.
std::vector<Points> panels_of(const SweepGroup& group, std::size_t x,
                              const std::vector<std::size_t>& fields) {
  std::vector<Points> panels;
  std::map<std::string, std::size_t> known;
  for (const SweepPoint& point : group.points) {
    const auto [at, inserted] = known.emplace(panel_title(group, fields, point), panels.size());
    if (inserted) panels.emplace_back();
    panels[at->second].push_back(&point);
  }
  const auto one_point = [&](const Points& panel) {
    return std::all_of(panel.begin(), panel.end(), [&](const SweepPoint* point) {
      return point->values[x] == panel.front()->values[x];
    });
  };
  panels.erase(std::remove_if(panels.begin(), panels.end(), one_point), panels.end());
  return panels;
}

Series method_series(const SweepGroup& group, const Points& panel, std::size_t x,
                     std::size_t method, std::size_t metric, const SweepLegend& legend) {
  Series series = legend.series(group.methods[method], false);
  const std::string title = metric_title(sweep_metrics()[metric].name);
  for (const SweepPoint* point : panel) {
    const SweepEntry& entry = point->entries[method];
    const Summary& s = entry.metrics[metric];
    if (s.count > 0)
      series.marks.push_back(
          {*number_of(point->values[x]), s.mean, s.low, s.high,
           hover_text(group, *point, series.name, title, measured_text(entry, s))});
  }
  return series;
}

Series published_series(const SweepGroup& group, const Points& panel, std::size_t x,
                        const std::string& label, const std::string& metric,
                        const SweepLegend& legend) {
  Series series = legend.series(label, true);
  for (const SweepPoint* point : panel)
    if (const PublishedValue* published = published_at(*point, metric, label))
      series.marks.push_back({*number_of(point->values[x]), published->value, nan, nan,
                              hover_text(group, *point, label, metric_title(metric),
                                         number(published->value) + "\n" + published->source)});
  return series;
}

std::vector<Series> panel_series(const SweepGroup& group, const Points& panel, std::size_t x,
                                 std::size_t metric, const SweepLegend& legend) {
  std::vector<Series> all;
  for (std::size_t m = 0; m < group.methods.size(); ++m)
    all.push_back(method_series(group, panel, x, m, metric, legend));
  const std::string& name = sweep_metrics()[metric].name;
  for (const std::string& label : published_labels(group, name))
    all.push_back(published_series(group, panel, x, label, name, legend));
  all.erase(std::remove_if(all.begin(), all.end(),
                           [](const Series& series) { return series.marks.empty(); }),
            all.end());
  return all;
}

/// What all panels' scale must show. A wide interval must not flatten what it surrounds, nor go
/// below the 0 at which errors end.
void share_scale(std::vector<LineChart>& panels) {
  std::vector<double> means, ends;
  for (const LineChart& panel : panels)
    for (const Series& series : panel.series)
      for (const Mark& mark : series.marks) {
        means.push_back(mark.y);
        if (std::isfinite(mark.low)) ends.insert(ends.end(), {mark.low, mark.high});
      }
  if (means.empty()) return;
  const bool logarithmic = spans(means, wide_span);
  const auto [low, high] = std::minmax_element(means.begin(), means.end());
  const double room = 0.5 * (*high - *low);
  const double least = *low >= 0.0 ? std::max(0.0, *low - room) : *low - room;
  std::vector<double> range = means;
  if (!logarithmic && *low >= 0.0 && *low < 0.7 * *high) range.push_back(0.0);
  for (const double end : ends)
    range.push_back(logarithmic ? std::clamp(end, *low / 1.5, *high * 1.5)
                                : std::clamp(end, least, *high + room));
  for (LineChart& panel : panels) {
    panel.y_range = range;
    panel.log_y = logarithmic;
  }
}

/// Panels are titled by those of the fields in which they differ.
void name_panels(const SweepGroup& group, const std::vector<std::size_t>& fields,
                 const std::vector<Points>& panels, Figure& figure) {
  std::vector<std::size_t> same, differing;
  for (const std::size_t i : fields) {
    const bool constant = std::all_of(panels.begin(), panels.end(), [&](const Points& panel) {
      return panel.front()->values[i] == panels.front().front()->values[i];
    });
    (constant ? same : differing).push_back(i);
  }
  figure.setting = panels.empty() ? "" : panel_title(group, same, *panels.front().front());
  for (std::size_t p = 0; p < panels.size(); ++p) {
    const std::string title = panel_title(group, differing, *panels[p].front());
    figure.panels[p].title = title.empty() ? figure.metric : title;
  }
}

Figure figure_against(const SweepGroup& group, std::size_t x, std::size_t metric,
                      const SweepLegend& legend) {
  Figure figure{.field = group.fields[x],
                .metric = metric_title(sweep_metrics()[metric].name),
                .setting = "",
                .panels = {}};
  const std::vector<std::size_t> fields = panel_fields(group, x);
  const std::vector<Points> panels = panels_of(group, x, fields);
  for (const Points& panel : panels)
    figure.panels.push_back({.title = "",
                             .x_name = figure.field,
                             .y_name = figure.metric,
                             .log_x = spans(group.numbers(x), 10.0),
                             .y_range = {},
                             .series = panel_series(group, panel, x, metric, legend)});
  name_panels(group, fields, panels, figure);
  figure.panels.erase(std::remove_if(figure.panels.begin(), figure.panels.end(),
                                     [](const LineChart& chart) { return chart.series.empty(); }),
                      figure.panels.end());
  if (figure.panels.size() > most_panels) {
    figure.left_out = figure.panels.size() - most_panels;
    figure.panels.resize(most_panels);
  }
  share_scale(figure.panels);
  return figure;
}

}  // namespace

SweepLegend::SweepLegend(const std::vector<SweepGroup>& groups) {
  const auto add = [&](const std::string& name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  for (const SweepGroup& group : groups)
    for (const std::string& method : group.methods) add(method);
  methods = names.size();
  for (const SweepGroup& group : groups)
    for (const SweepPoint& point : group.points)
      for (const SweepReference& reference : point.references) add(reference.label);
}

Series SweepLegend::series(const std::string& name, bool published) const {
  const auto number = std::find(names.begin(), names.end(), name) - names.begin();
  auto method = static_cast<std::size_t>(number);
  if (published) {
    const auto end = names.begin() + static_cast<std::ptrdiff_t>(methods);
    const auto of = std::find_if(names.begin(), end, [&](const std::string& candidate) {
      return published_of(name, candidate);
    });
    method = static_cast<std::size_t>(of - names.begin());
  }
  const bool of_method = method < methods;
  return {.name = name,
          .number = static_cast<std::size_t>(number),
          .colour = of_method ? method % series_colours : colour_of_text,
          .round = of_method ? method / series_colours : 0,
          .reference = published,
          .marks = {}};
}

std::vector<Figure> figures_against_fields(const SweepGroup& group, std::size_t metric,
                                           const SweepLegend& legend) {
  std::vector<std::size_t> axes;
  for (std::size_t i = 0; i < group.fields.size(); ++i)
    if (group.numbers(i).size() > 1) axes.push_back(i);
  std::stable_sort(axes.begin(), axes.end(), [&](std::size_t a, std::size_t b) {
    return group.numbers(a).size() > group.numbers(b).size();
  });
  std::vector<Figure> figures;
  for (const std::size_t x : axes) {
    Figure figure = figure_against(group, x, metric, legend);
    if (!figure.panels.empty()) figures.push_back(std::move(figure));
  }
  return figures;
}

LineChart time_against_quality(const SweepGroup& group, std::size_t metric,
                               const SweepLegend& legend) {
  const std::string title = metric_title(sweep_metrics()[metric].name);
  LineChart chart{.title = title,
                  .x_name = "seconds per fit",
                  .y_name = title,
                  .log_x = true,
                  .x_is_setting = false,
                  .y_range = {},
                  .series = {}};
  for (std::size_t m = 0; m < group.methods.size(); ++m) {
    Series series = legend.series(group.methods[m], false);
    series.connected = false;
    for (const SweepPoint& point : group.points) {
      const SweepEntry& entry = point.entries[m];
      const Summary& s = entry.metrics[metric];
      if (s.count > 0 && entry.seconds.mean > 0.0)
        series.marks.push_back(
            {entry.seconds.mean, s.mean, s.low, s.high,
             hover_text(group, point, series.name, title, measured_text(entry, s))});
    }
    if (!series.marks.empty()) chart.series.push_back(std::move(series));
  }
  std::vector<LineChart> alone{std::move(chart)};
  share_scale(alone);
  return std::move(alone.front());
}

}  // namespace lodestein::tool
