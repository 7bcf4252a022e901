#include "tool/sweep_page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "lodestein/core/version.hpp"
#include "tool/html.hpp"
#include "tool/report_style.hpp"
#include "tool/sweep_figures.hpp"
#include "tool/sweep_findings.hpp"
#include "tool/sweep_style.hpp"
#include "tool/text.hpp"

namespace lodestein::tool {
namespace {

constexpr std::size_t time_panels = 3;  // one row

std::string method_switches(const SweepLegend& legend) {
  std::string html =
      "<div class=\"methods\" role=\"group\" aria-label=\"Methods shown in the charts\">\n";
  for (std::size_t i = 0; i < legend.names.size(); ++i)
    html += fmt::format("<label><input type=\"checkbox\" id=\"show{}\" checked>{}{}</label>\n", i,
                        series_key_svg(legend.series(legend.names[i], i >= legend.methods)),
                        escaped(legend.names[i]));
  return html + "</div>\n";
}

std::string switch_style(const SweepLegend& legend) {
  std::string css;
  for (std::size_t i = 0; i < legend.names.size(); ++i)
    css += fmt::format("main:has(#show{0}:not(:checked)) section .s{0} {{ display: none; }}\n", i);
  return css;
}

std::string page_header(const SweepTable& table, const std::string& source) {
  return fmt::format(
      "<header>\n<div class=\"brand\">lodestein</div>\n<h1>{}</h1>\n<p>{}</p>\n</header>\n",
      escaped(table.info.name), escaped(source));
}

std::string facts(const SweepTable& table, const SweepLegend& legend) {
  double seconds = 0.0;
  for (const StoredRow& row : table.rows) seconds += row.result.fit_seconds;
  const std::size_t run = table.info.done + table.info.failed;
  std::string html = "<dl class=\"facts\">\n";
  html += fact("Fits done", std::to_string(table.info.done));
  html += fact("Failed", std::to_string(table.info.failed));
  if (table.info.cells > run) html += fact("Not run yet", std::to_string(table.info.cells - run));
  html += fact("Methods", std::to_string(legend.methods));
  html += fact("Time in fits", fmt::format("{:.3g} s", seconds));
  return html + "</dl>\n";
}

std::string failed_text(const SweepEntry& entry) {
  if (entry.failed == 0) return "";
  return fmt::format("<br><span class=\"failed\">{} of {} failed</span>", entry.failed,
                     entry.done + entry.failed);
}

std::string entry_html(const SweepEntry& entry, const Summary& summary, bool rate) {
  if (entry.planned() == 0) return "";
  if (entry.planned() == entry.pending) return "<span class=\"quiet\">not run</span>";
  return escaped(estimate_text(summary, rate)) + failed_text(entry);
}

std::string column_html(const SweepPoint& point, const SweepColumn& column, std::size_t metric) {
  const std::string& name = sweep_metrics()[metric].name;
  if (column.method) {
    const SweepEntry& entry = point.entries[*column.method];
    return entry_html(entry, entry.metrics[metric], is_rate(name));
  }
  const PublishedValue* value = published_at(point, name, column.label);
  return value ? fmt::format("<span class=\"published\" title=\"{}\">{}</span>",
                             escaped(value->source), number(value->value))
               : "";
}

std::vector<std::string> numeric(const std::vector<std::string>& headers) {
  std::vector<std::string> marked;
  for (const std::string& header : headers) marked.push_back("#" + header);
  return marked;
}

/// Settings down, published values and methods across.
std::string metric_table(const SweepGroup& group, std::size_t metric) {
  const auto columns = sweep_columns(group, sweep_metrics()[metric].name);
  std::vector<std::string> headers = numeric(group.fields);
  for (const SweepColumn& column : columns) headers.push_back("#" + column.label);
  std::vector<std::vector<std::string>> rows;
  for (const SweepPoint& point : group.points) {
    auto& row = rows.emplace_back();
    for (const SweepValue& value : point.values) row.push_back(escaped(to_text(value)));
    for (const SweepColumn& column : columns) row.push_back(column_html(point, column, metric));
  }
  return html_table(headers, rows);
}

std::string seconds_table(const SweepGroup& group) {
  std::vector<std::string> headers = numeric(group.fields);
  for (const std::string& method : group.methods) headers.push_back("#" + method);
  std::vector<std::vector<std::string>> rows;
  for (const SweepPoint& point : group.points) {
    auto& row = rows.emplace_back();
    for (const SweepValue& value : point.values) row.push_back(escaped(to_text(value)));
    for (const SweepEntry& entry : point.entries) row.push_back(estimate_text(entry.seconds));
  }
  return html_table(headers, rows);
}

std::string findings_html(const SweepGroup& group) {
  auto rows = findings_table(group);
  if (rows.empty()) return "";
  std::vector<std::string> headers = numeric(rows.front());
  for (std::string& header : headers)
    if (header == "#method") header = "method";
  rows.erase(rows.begin());
  for (auto& row : rows)
    for (std::string& cell : row) cell = escaped(cell);
  return "<h3>Findings <span class=\"quiet\">share of the fits</span></h3>\n" +
         html_table(headers, rows);
}

std::string panels_html(const std::vector<LineChart>& panels) {
  std::string html = "<div class=\"panels\">\n";
  for (const LineChart& panel : panels) html += line_chart_svg(panel);
  return html + "</div>\n";
}

std::string figure_html(const Figure& figure) {
  const std::string setting = figure.setting.empty() ? "" : ", " + figure.setting;
  std::string html = fmt::format("<h3>{} <span class=\"quiet\">against {}{}</span></h3>\n{}",
                                 escaped(figure.metric), escaped(figure.field), escaped(setting),
                                 panels_html(figure.panels));
  if (figure.left_out > 0)
    html += fmt::format("<p class=\"key\">{} not shown; the table has all.</p>\n",
                        counted(figure.left_out, "more panel"));
  return html;
}

/// Figures against one field: those of one panel each side by side.
std::string figures_html(const std::vector<Figure>& figures) {
  const bool single = std::all_of(figures.begin(), figures.end(),
                                  [](const Figure& figure) { return figure.panels.size() == 1; });
  std::string html;
  if (!single || figures.size() < 2) {
    for (const Figure& figure : figures) html += figure_html(figure);
    return html;
  }
  std::vector<LineChart> panels;
  for (const Figure& figure : figures) panels.push_back(figure.panels.front());
  const std::string setting = figures.front().setting.empty() ? "" : ", " + figures.front().setting;
  return fmt::format("<h3>Against {}<span class=\"quiet\">{}</span></h3>\n{}",
                     escaped(figures.front().field), escaped(setting), panels_html(panels));
}

std::string folded(const std::string& summary, const std::string& body) {
  if (body.empty()) return "";
  return fmt::format("<details>\n<summary>{}</summary>\n{}</details>\n", escaped(summary), body);
}

/// Figures of metrics `from` to `to` of the group, by the field on the x axis; all but the first
/// field are folded away.
std::string field_figures(const SweepGroup& group, std::size_t from, std::size_t to,
                          const SweepLegend& legend) {
  std::vector<std::vector<Figure>> fields;
  for (std::size_t i = from; i < std::min(to, group.metrics.size()); ++i)
    for (Figure& figure : figures_against_fields(group, group.metrics[i], legend)) {
      auto found = std::find_if(fields.begin(), fields.end(), [&](const auto& figures) {
        return figures.front().field == figure.field;
      });
      if (found == fields.end()) found = fields.emplace(fields.end());
      found->push_back(std::move(figure));
    }
  std::string html;
  for (std::size_t i = 0; i < fields.size(); ++i)
    html += i == 0 ? figures_html(fields[i])
                   : folded("Against " + fields[i].front().field, figures_html(fields[i]));
  return html;
}

std::string time_figures(const SweepGroup& group, const SweepLegend& legend) {
  std::vector<LineChart> panels;
  for (std::size_t i = 0; i < std::min(time_panels, group.metrics.size()); ++i) {
    LineChart chart = time_against_quality(group, group.metrics[i], legend);
    if (!chart.series.empty()) panels.push_back(std::move(chart));
  }
  if (panels.empty()) return "";
  return "<h3>Time against quality</h3>\n" + panels_html(panels);
}

std::string better_text(SweepMetric::Better better) {
  switch (better) {
    case SweepMetric::Better::lower:
      return "smaller is better";
    case SweepMetric::Better::higher:
      return "larger is better";
    case SweepMetric::Better::neither:
      break;
  }
  return "";
}

std::string metric_tables(const SweepGroup& group, std::size_t from, std::size_t to) {
  std::string html;
  for (std::size_t i = from; i < std::min(to, group.metrics.size()); ++i) {
    const SweepMetric& metric = sweep_metrics()[group.metrics[i]];
    html += fmt::format("<h3>{} <span class=\"quiet\">{}</span></h3>\n",
                        escaped(metric_title(metric.name)), better_text(metric.better)) +
            metric_table(group, group.metrics[i]);
  }
  return html;
}

std::string group_section(const SweepGroup& group, const SweepLegend& legend) {
  std::string body = field_figures(group, 0, group.main_metrics, legend) +
                     time_figures(group, legend) + metric_tables(group, 0, group.main_metrics) +
                     findings_html(group);
  const std::size_t all = group.metrics.size();
  body += folded("Further metrics", field_figures(group, group.main_metrics, all, legend) +
                                        metric_tables(group, group.main_metrics, all));
  body += folded("Seconds per fit", seconds_table(group));
  return html_section(group.name.empty() ? "Results" : group.name, joined(group.constant), body);
}

/// What differs between groups only.
std::string across_section(const SweepTable& table, const std::vector<SweepGroup>& groups,
                           const SweepLegend& legend) {
  if (groups.size() < 2) return "";
  std::set<std::string> within;
  for (const SweepGroup& group : groups) within.insert(group.fields.begin(), group.fields.end());
  const SweepGroup pooled = pooled_groups(table);
  std::string body;
  for (std::size_t i = 0; i < pooled.main_metrics; ++i)
    for (const Figure& figure : figures_against_fields(pooled, pooled.metrics[i], legend))
      if (within.count(figure.field) == 0) body += figure_html(figure);
  return html_section(pooled.name, joined(pooled.constant), body);
}

std::string counts_text(const std::vector<std::pair<std::string, std::size_t>>& counts) {
  std::vector<std::string> parts;
  for (const auto& [name, count] : counts)
    if (!name.empty()) parts.push_back(fmt::format("{} ({})", name, count));
  return joined(parts);
}

std::string failures_section(const SweepTable& table) {
  const std::vector<SweepFinding> failures = sweep_failures(table);
  if (failures.empty()) return "";
  std::vector<std::vector<std::string>> rows;
  for (const SweepFinding& finding : failures)
    rows.push_back({escaped(finding.code), std::to_string(finding.count),
                    escaped(counts_text(finding.methods)), escaped(counts_text(finding.groups)),
                    escaped(finding.diagnosis), "<code>" + escaped(finding.key) + "</code>"});
  return html_section(
      "Failures",
      "Fits without an estimate, by the finding that says why. Means leave them out; tables "
      "count them.",
      html_table({"Cause", "#Fits", "Methods", "Groups", "What the first one says", "Its key"},
                 rows) +
          fmt::format("<h3>To run one again</h3>\n<pre>lodestein sweep STUDY --only key={} --out "
                      "again.db</pre>\n",
                      escaped(failures.front().key)));
}

std::string warnings_section(const SweepTable& table) {
  std::vector<std::vector<std::string>> rows;
  for (const SweepFinding& finding : sweep_warnings(table))
    rows.push_back({escaped(finding.code), std::to_string(finding.count),
                    escaped(counts_text(finding.methods)), escaped(counts_text(finding.groups))});
  return html_section("Warnings", "Findings of fits that did give an estimate.",
                      html_table({"Finding", "#Fits", "Methods", "Groups"}, rows));
}

std::string published_section(const SweepTable& table) {
  std::vector<std::vector<std::string>> rows;
  for (const PublishedValue& value : table.published) {
    std::vector<std::string> where;
    for (const SweepField& field : value.where)
      where.push_back(fmt::format("{} = {}", field.name, to_text(field.value)));
    rows.push_back({escaped(metric_title(value.metric)), number(value.value),
                    escaped(joined(where)), escaped(value.source)});
  }
  if (rows.empty()) return "";
  return html_section("Published values",
                      "Quoted by the study file; hollow diamonds in the charts.",
                      folded(counted(rows.size(), "value"),
                             html_table({"Metric", "#Value", "Where", "Source"}, rows)));
}

std::string settings_section(const SweepTable& table) {
  std::string html = "<dl class=\"settings\">\n";
  html += setting("Seed", std::to_string(table.info.seed.value));
  html += setting("Backend", table.info.backend);
  html += setting("Results of lodestein", table.info.version);
  html += setting("Cells", std::to_string(table.info.cells));
  html += "</dl>\n";
  return html_section(
      "How this was made", "",
      html + folded("Study file", "<pre>" + escaped(table.info.study) + "</pre>\n"));
}

constexpr const char* reading =
    "<p class=\"lead\">Points are means over models; bars are 95 % confidence intervals: Wilson's "
    "for rates, Student's t for other means. Tables give mean ± standard error, rates with their "
    "interval. Point at a mark to read it; a check box hides a method.</p>\n";

}  // namespace

std::string sweep_html(const SweepTable& table, const std::string& source) {
  const std::vector<SweepGroup> groups = sweep_groups(table);
  const SweepLegend legend(groups);
  std::string main =
      page_header(table, source) + facts(table, legend) + reading + method_switches(legend);
  for (const SweepGroup& group : groups) main += group_section(group, legend);
  main += across_section(table, groups, legend) + failures_section(table) +
          warnings_section(table) + published_section(table) + settings_section(table);
  return html_page(table.info.name, std::string(report_style) + sweep_style + switch_style(legend),
                   main, version);
}

}  // namespace lodestein::tool
