#include "tool/report_environments.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "tool/chart.hpp"
#include "tool/html.hpp"
#include "tool/text.hpp"
#include "tool/trust.hpp"

namespace lodestein::tool {
namespace {

const EnvironmentTarget* target_of(const LearnedModel& fit, const std::string& environment) {
  const auto found =
      std::find_if(fit.targets.begin(), fit.targets.end(),
                   [&](const EnvironmentTarget& t) { return t.environment == environment; });
  return found == fit.targets.end() ? nullptr : &*found;
}

/// "0.93 (0.41)": a value beside its value when nothing differs.
std::string beside_null(double value, double null) {
  return fmt::format("{} <span class=\"quiet\">({})</span>", number(value), number(null));
}

std::string hit_text(const LearnedModel& fit, const EnvironmentTarget& target) {
  if (target.latents.empty()) return "none";
  const std::string latents = escaped(hit_latents(fit, target));
  return uncertain(target) ? "probably " + latents + ", uncertain" : latents;
}

/// A column of the table of environments.
struct EnvironmentColumn {
  std::string header;
  std::function<std::string(const EnvironmentDiagnosis&)> cell;
};

/// Those about which the method has something to say.
std::vector<EnvironmentColumn> environment_columns(const LearnedModel& fit) {
  using E = EnvironmentDiagnosis;
  const auto any = [&](auto known) {
    const auto& all = fit.diagnosis.environments;
    return std::any_of(all.begin(), all.end(), known);
  };
  std::vector<EnvironmentColumn> columns{
      {"Environment", [](const E& e) { return escaped(e.name); }},
      {"#Samples", [](const E& e) { return fmt::format("{}", e.samples); }}};
  if (!fit.targets.empty())
    columns.push_back({"Hits", [&fit](const E& e) {
                         const EnvironmentTarget* target = target_of(fit, e.name);
                         return target ? hit_text(fit, *target) : "none";
                       }});
  const auto gain_of = [&fit](const E& e) {
    const EnvironmentTarget* target = target_of(fit, e.name);
    return target ? target->gain : std::numeric_limits<double>::quiet_NaN();
  };
  if (any([&](const E& e) { return !std::isnan(gain_of(e)); }))
    columns.push_back({"#Gain", [gain_of](const E& e) { return number(gain_of(e)); }});
  if (any([](const E& e) { return !std::isnan(e.effect); })) {
    columns.push_back({"#Effect", [](const E& e) { return beside_null(e.effect, e.null_effect); }});
    columns.push_back({"#p", [](const E& e) { return escaped(p_value_text(e.p_value)); }});
    columns.push_back({"#Rank", [](const E& e) { return fmt::format("{}", e.rank); }});
    columns.push_back({"#Rank-one ratio", [](const E& e) {
                         return beside_null(e.rank_one_ratio, e.null_rank_one_ratio);
                       }});
  }
  if (any([](const E& e) { return !std::isnan(e.deviance_per_dof); }))
    columns.push_back({"#Misfit", [](const E& e) { return number(e.deviance_per_dof); }});
  if (any([](const E& e) { return !e.singular_values.empty(); }))
    columns.push_back(
        {"Singular values", [](const E& e) { return spark_bars_svg(e.singular_values); }});
  return columns;
}

std::string environments_lead(const LearnedModel& fit) {
  const auto& all = fit.diagnosis.environments;
  std::string lead;
  if (std::any_of(all.begin(), all.end(), [](const auto& e) { return !std::isnan(e.effect); }))
    lead =
        "How each environment differs from the observational one. In brackets: the median over "
        "resampled control samples, where nothing differs. A single intervention has a rank-one "
        "ratio near 1 on a root and rank at most two otherwise. ";
  if (std::any_of(all.begin(), all.end(),
                  [](const auto& e) { return !std::isnan(e.deviance_per_dof); }))
    lead += "Misfit is about 1 where the refined model holds.";
  return lead;
}

bool hits_several(const EnvironmentTarget& target) { return target.latents.size() > 1; }

}  // namespace

std::string environments_section(const LearnedModel& fit) {
  const std::vector<EnvironmentColumn> columns = environment_columns(fit);
  std::vector<std::string> headers;
  for (const EnvironmentColumn& column : columns) headers.push_back(column.header);
  std::vector<std::vector<std::string>> rows;
  for (const EnvironmentDiagnosis& e : fit.diagnosis.environments) {
    auto& row = rows.emplace_back();
    for (const EnvironmentColumn& column : columns) row.push_back(column.cell(e));
  }
  return html_section("Environments", environments_lead(fit), html_table(headers, rows));
}

std::string targets_section(const LearnedModel& fit) {
  if (std::none_of(fit.targets.begin(), fit.targets.end(), hits_several)) return "";
  HeatMap map{.title = "Targets",
              .rows = fit.latent_names,
              .columns = {},
              .values = Matrix(fit.latent_names.size(), fit.targets.size()),
              .scale = ColourScale::magnitudes,
              .colour_by_row = false};
  for (std::size_t m = 0; m < fit.targets.size(); ++m) {
    map.columns.push_back(fit.targets[m].environment);
    for (const std::size_t i : fit.targets[m].latents) map.values(i, m) = 1.0;
  }
  return html_section("Targets", "1 where the environment hits the latent.", heat_map_svg(map));
}

}  // namespace lodestein::tool
