#include "tool/sweep_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tool/command.hpp"
#include "tool/html.hpp"
#include "tool/sweep_findings.hpp"
#include "tool/sweep_summary.hpp"

namespace lodestein::tool {
namespace {

using Json = nlohmann::ordered_json;
using Rows = std::vector<std::vector<std::string>>;

std::string markdown_cell(std::string text) {
  for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2)
    text.replace(at, 1, "\\|");
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

/// The first row is the header.
std::string markdown_table(Rows rows) {
  std::vector<std::size_t> widths(rows.front().size(), 3);
  for (auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) {
      row[i] = markdown_cell(row[i]);
      widths[i] = std::max(widths[i], character_count(row[i]));
    }
  std::string text;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    text += "|";
    for (std::size_t i = 0; i < widths.size(); ++i)
      text += fmt::format(" {}{} |", rows[r][i],
                          std::string(widths[i] - character_count(rows[r][i]), ' '));
    text += "\n";
    if (r > 0) continue;
    for (const std::size_t width : widths) text += "|" + std::string(width + 2, '-');
    text += "|\n";
  }
  return text;
}

std::string entry_text(const SweepEntry& entry, const Summary& summary, bool rate) {
  if (entry.planned() == 0) return "";
  if (entry.planned() == entry.pending) return "not run";
  std::string text = estimate_text(summary, rate);
  if (entry.failed > 0)
    text += fmt::format(" ({} of {} failed)", entry.failed, entry.done + entry.failed);
  return text;
}

std::string column_text(const SweepPoint& point, const SweepColumn& column, std::size_t metric) {
  const std::string& name = sweep_metrics()[metric].name;
  if (column.method) {
    const SweepEntry& entry = point.entries[*column.method];
    return entry_text(entry, entry.metrics[metric], is_rate(name));
  }
  const PublishedValue* value = published_at(point, name, column.label);
  return value ? number(value->value) : "";
}

std::string metric_table(const SweepGroup& group, std::size_t metric) {
  const auto columns = sweep_columns(group, sweep_metrics()[metric].name);
  Rows rows{group.fields};
  for (const SweepColumn& column : columns) rows[0].push_back(column.label);
  for (const SweepPoint& point : group.points) {
    auto& row = rows.emplace_back();
    for (const SweepValue& value : point.values) row.push_back(to_text(value));
    for (const SweepColumn& column : columns) row.push_back(column_text(point, column, metric));
  }
  return markdown_table(std::move(rows));
}

std::string group_findings(const SweepGroup& group) {
  Rows rows = findings_table(group);
  return rows.empty() ? "" : "\nFindings, share of the fits:\n\n" + markdown_table(std::move(rows));
}

std::vector<std::size_t> metrics_named(const std::vector<std::string>& names) {
  std::vector<std::string> known;
  for (const SweepMetric& metric : sweep_metrics()) known.push_back(metric.name);
  std::vector<std::size_t> metrics;
  for (const std::string& name : names) {
    const auto found = std::find(known.begin(), known.end(), name);
    if (found == known.end())
      throw UsageError(fmt::format("'{}' is no metric, the nearest is '{}'; metrics: {}", name,
                                   nearest(name, known), joined(known)));
    metrics.push_back(static_cast<std::size_t>(found - known.begin()));
  }
  return metrics;
}

/// Of a group: the ones asked for, or its main ones.
std::vector<std::size_t> shown_metrics(const SweepGroup& group,
                                       const std::vector<std::size_t>& asked) {
  if (!asked.empty()) return asked;
  std::vector<std::size_t> shown = group.metrics;
  shown.resize(group.main_metrics);
  return shown;
}

std::string metric_text(const SweepGroup& group, std::size_t metric) {
  const std::string title = metric_title(sweep_metrics()[metric].name);
  const auto& known = group.metrics;
  if (std::find(known.begin(), known.end(), metric) == known.end())
    return fmt::format("\n{}: no number\n", title);
  return fmt::format("\n{}:\n\n{}", title, metric_table(group, metric));
}

std::string failures_text(const SweepTable& table) {
  Rows rows{{"failure", "fits", "key of the first", "what it says"}};
  for (const SweepFinding& finding : sweep_failures(table))
    rows.push_back({finding.code, std::to_string(finding.count), finding.key, finding.diagnosis});
  return rows.size() > 1 ? "\n## Failures\n\n" + markdown_table(std::move(rows)) : "";
}

std::string warnings_text(const SweepTable& table) {
  Rows rows{{"warning", "fits", "key of the first"}};
  for (const SweepFinding& finding : sweep_warnings(table))
    rows.push_back({finding.code, std::to_string(finding.count), finding.key});
  return rows.size() > 1 ? "\n## Warnings\n\n" + markdown_table(std::move(rows)) : "";
}

std::string sources(const SweepTable& table) {
  std::vector<std::string> known;
  for (const PublishedValue& value : table.published)
    if (std::find(known.begin(), known.end(), value.source) == known.end())
      known.push_back(value.source);
  return known.empty() ? "" : " Published: " + joined(known, "; ") + ".";
}

Json number_or_null(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json summary_json(const Summary& s) {
  return {{"count", s.count},
          {"mean", number_or_null(s.mean)},
          {"standard_error", number_or_null(s.standard_error)},
          {"low", number_or_null(s.low)},
          {"high", number_or_null(s.high)}};
}

Json value_json(const SweepValue& value) {
  return std::visit([](const auto& v) { return Json(v); }, value);
}

Json entry_json(const SweepGroup& group, const SweepPoint& point, std::size_t method,
                const std::vector<std::size_t>& metrics) {
  const SweepEntry& entry = point.entries[method];
  Json json{{"method", group.methods[method]},
            {"settings", Json::object()},
            {"done", entry.done},
            {"failed", entry.failed},
            {"not_run", entry.pending},
            {"findings", entry.findings},
            {"silent_and_wrong", entry.silent_and_wrong},
            {"warned_and_right", entry.warned_and_right},
            {"metrics", Json::object()},
            {"seconds", summary_json(entry.seconds)}};
  for (std::size_t i = 0; i < group.fields.size(); ++i)
    json["settings"][group.fields[i]] = value_json(point.values[i]);
  for (const std::size_t m : metrics)
    json["metrics"][sweep_metrics()[m].name] = summary_json(entry.metrics[m]);
  return json;
}

Json group_json(const SweepGroup& group, const std::vector<std::size_t>& asked) {
  const auto& metrics = asked.empty() ? group.metrics : asked;
  Json json{{"name", group.name}, {"constant", group.constant}, {"entries", Json::array()}};
  for (const SweepPoint& point : group.points)
    for (std::size_t method = 0; method < group.methods.size(); ++method)
      if (point.entries[method].planned() > 0)
        json["entries"].push_back(entry_json(group, point, method, metrics));
  return json;
}

Json published_json(const PublishedValue& value) {
  Json json{{"where", Json::object()},
            {"metric", value.metric},
            {"value", value.value},
            {"source", value.source}};
  for (const SweepField& field : value.where) json["where"][field.name] = value_json(field.value);
  return json;
}

Json findings_json(const std::vector<SweepFinding>& findings) {
  Json json = Json::array();
  for (const SweepFinding& finding : findings)
    json.push_back({{"code", finding.code},
                    {"fits", finding.count},
                    {"key", finding.key},
                    {"diagnosis", finding.diagnosis}});
  return json;
}

}  // namespace

std::string sweep_markdown(const SweepTable& table, const std::vector<std::string>& metrics) {
  const auto asked = metrics_named(metrics);
  const SweepInfo& info = table.info;
  std::string text =
      fmt::format("# {}\n\nSeed {}, {}, lodestein {}. {} done, {} failed, {} not run.\n", info.name,
                  info.seed.value, info.backend, info.version, info.done, info.failed,
                  info.cells - info.done - info.failed);
  for (const SweepGroup& group : sweep_groups(table)) {
    if (!group.name.empty()) text += fmt::format("\n## {}\n", group.name);
    if (!group.constant.empty()) text += "\n" + joined(group.constant) + "\n";
    for (const std::size_t metric : shown_metrics(group, asked)) text += metric_text(group, metric);
    text += group_findings(group);
  }
  text += failures_text(table) + warnings_text(table);
  return text +
         "\nMeans over models ± standard error; rates with Wilson's 95 % interval. Failed fits are "
         "left out." +
         sources(table) + "\n";
}

std::string sweep_json(const SweepTable& table, const std::vector<std::string>& metrics) {
  const auto asked = metrics_named(metrics);
  const SweepInfo& info = table.info;
  Json json{{"study", info.name},      {"seed", info.seed.value}, {"backend", info.backend},
            {"version", info.version}, {"cells", info.cells},     {"done", info.done},
            {"failed", info.failed}};
  json["groups"] = json["published"] = Json::array();
  for (const SweepGroup& group : sweep_groups(table))
    json["groups"].push_back(group_json(group, asked));
  for (const PublishedValue& value : table.published)
    json["published"].push_back(published_json(value));
  json["failures"] = findings_json(sweep_failures(table));
  json["warnings"] = findings_json(sweep_warnings(table));
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace lodestein::tool
