#include "tool/report_page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "lodestein/core/version.hpp"
#include "tool/chart.hpp"
#include "tool/graph_picture.hpp"
#include "tool/html.hpp"
#include "tool/report_style.hpp"
#include "tool/text.hpp"
#include "tool/trust.hpp"
#include "unmix/option_names.hpp"

namespace lodestein::tool {
namespace {

constexpr std::size_t features_shown = 40;

std::string fact(const std::string& name, const std::string& value) {
  return fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", escaped(name), escaped(value));
}

double total_seconds(const FitResult& fit) {
  double seconds = 0.0;
  for (const StageTime& time : fit.timings) seconds += time.seconds;
  return seconds;
}

std::string facts(const FitResult& fit) {
  std::size_t samples = 0;
  for (const EnvironmentDiagnosis& environment : fit.diagnosis.environments)
    samples += environment.samples;
  std::string html = "<dl class=\"facts\">\n";
  html += fact("Latents", std::to_string(fit.latent_names.size()));
  if (!fit.failed()) html += fact("Edges", std::to_string(fit.edges.size()));
  html += fact("Features", std::to_string(fit.features.size()));
  html += fact("Interventions", std::to_string(fit.targets.size()));
  if (samples > 0) html += fact("Intervened samples", fmt::format("{}", samples));
  html += fact("Time", fmt::format("{:.3g} s", total_seconds(fit)));
  return html + "</dl>\n";
}

std::string page_header(const FitRecord& record) {
  const FitResult& fit = record.result;
  const std::string source = record.input ? record.input->path.string() : "";
  const std::string verdict =
      fit.failed() ? "<p class=\"verdict\">The fit failed; the diagnosis below says why.</p>\n"
                   : "";
  return fmt::format(
      "<header>\n<div class=\"brand\">lodestein</div>\n<h1>{}</h1>\n<p>{}</p>\n{}</header>\n",
      fit.failed() ? "No latent causal graph" : "Latent causal graph", escaped(source), verdict);
}

std::string finding_html(const Finding& finding) {
  const std::string severity = name_of(severity_names, finding.severity);
  return fmt::format(
      "<div class=\"finding {0}\"><div class=\"kind\">{0}: {1}</div><p>{2}</p>{3}</div>\n",
      severity, escaped(finding.code), escaped(finding.message),
      finding.remedy.empty() ? "" : "<p><b>What to do:</b> " + escaped(finding.remedy) + "</p>");
}

/// The most severe first.
std::string diagnosis_section(const FitResult& fit) {
  std::vector<Finding> findings = fit.diagnosis.findings;
  std::stable_sort(findings.begin(), findings.end(),
                   [](const Finding& a, const Finding& b) { return a.severity > b.severity; });
  std::string body;
  for (const Finding& finding : findings) body += finding_html(finding);
  if (body.empty()) body = "<p>Nothing in the data speaks against the assumptions.</p>\n";
  return html_section("Diagnosis", "", body);
}

std::string support_text(double support) {
  return std::isnan(support) ? "-" : fmt::format("{:.0f} %", 100.0 * support);
}

bool tested(const FitResult& fit) {
  return !fit.edges.empty() && !std::isnan(fit.edges.front().p_value);
}

std::string edge_table(const FitResult& fit) {
  if (fit.edges.empty()) return "<p>No edge: the latents look independent.</p>\n";
  const bool refined = tested(fit);
  const bool bootstrapped = !std::isnan(fit.edges.front().support);
  std::vector<std::string> headers{"Edge", "#Weight"};
  if (refined) headers.insert(headers.end(), {"#Likelihood ratio", "#p"});
  if (bootstrapped) headers.push_back("#Bootstrap");
  std::vector<std::vector<std::string>> rows;
  for (const LatentEdge& edge : fit.edges) {
    auto& row = rows.emplace_back();
    row = {escaped(fit.latent_names.at(edge.from) + " → " + fit.latent_names.at(edge.to)),
           number(edge.weight)};
    if (refined) row.push_back(number(edge.likelihood_ratio));
    if (refined) row.push_back(escaped(p_value_text(edge.p_value)));
    if (bootstrapped) row.push_back(support_text(edge.support));
  }
  return html_table(headers, rows);
}

std::string graph_section(const FitResult& fit) {
  const std::string picture = graph_picture_svg(fit);
  if (picture.empty()) return "";
  const bool bootstrapped = !fit.edge_support.empty();
  const std::string key = fmt::format(
      "<p class=\"key\">An effect rises with its cause along <b class=\"blue\">blue</b> edges and "
      "falls along <b class=\"orange\">orange</b> ones. Width: {}. Under a latent: the "
      "environments that intervene on it.</p>\n",
      bootstrapped ? "bootstrap support" : "size of the weight");
  std::string lead =
      "Weights are in units of standard deviations of the latents in the observational "
      "environment.";
  if (tested(fit) && misfits(fit)) lead += fmt::format(" The p-values hold {}.", if_the_model_held);
  return html_section(fit.failed() ? "Not to be trusted: the graph" : "Graph", lead,
                      fmt::format("<div class=\"{}\"><div class=\"graph\">{}</div><div>{}{}</div>"
                                  "</div>\n",
                                  fit.edges.size() > many_edges ? "stacked" : "split", picture,
                                  edge_table(fit), key));
}

std::string identified_section(const FitResult& fit) {
  if (fit.identified.empty()) return "";
  const std::string doubt = misfits(fit) ? fmt::format(" – {}", if_the_model_held) : "";
  std::string body = "<p class=\"claim\">" + escaped(fit.identified + doubt) + "</p>\n";
  if (!fit.assumptions.empty()) body += "<h3>This rests on</h3>\n<ul>\n";
  for (const std::string& assumption : fit.assumptions)
    body += "<li>" + escaped(assumption) + "</li>\n";
  if (!fit.assumptions.empty()) body += "</ul>\n";
  return html_section("What is identified", "", body);
}

const EnvironmentTarget* target_of(const FitResult& fit, const std::string& environment) {
  const auto found =
      std::find_if(fit.targets.begin(), fit.targets.end(),
                   [&](const EnvironmentTarget& t) { return t.environment == environment; });
  return found == fit.targets.end() ? nullptr : &*found;
}

/// "0.93 (0.41)": a value beside its value when nothing differs.
std::string beside_null(double value, double null) {
  return fmt::format("{} <span class=\"quiet\">({})</span>", number(value), number(null));
}

std::string hit_text(const FitResult& fit, const EnvironmentTarget& target) {
  if (!target.latent) return "none";
  const std::string latent = escaped(fit.latent_names.at(*target.latent));
  return uncertain(target) ? "probably " + latent + ", uncertain" : latent;
}

std::vector<std::string> environment_row(const FitResult& fit, const EnvironmentDiagnosis& e) {
  const EnvironmentTarget* target = target_of(fit, e.name);
  return {escaped(e.name),
          fmt::format("{}", e.samples),
          target ? hit_text(fit, *target) : "none",
          target ? number(target->gain) : "-",
          beside_null(e.effect, e.null_effect),
          escaped(p_value_text(e.p_value)),
          fmt::format("{}", e.rank),
          beside_null(e.rank_one_ratio, e.null_rank_one_ratio),
          number(e.deviance_per_dof),
          spark_bars_svg(e.singular_values)};
}

std::string environments_section(const FitResult& fit) {
  std::vector<std::vector<std::string>> rows;
  for (const EnvironmentDiagnosis& e : fit.diagnosis.environments)
    rows.push_back(environment_row(fit, e));
  return html_section(
      "Environments",
      "How each environment differs from the observational one. In brackets: the median over "
      "resampled control samples, where nothing differs. A single intervention has a "
      "rank-one ratio near 1 on a root and rank at most two otherwise. Misfit is about 1 where the "
      "refined model holds.",
      html_table({"Environment", "#Samples", "Hits", "#Gain", "#Effect", "#p", "#Rank",
                  "#Rank-one ratio", "#Misfit", "Singular values"},
                 rows));
}

/// Indices of the features that weigh most in any latent, in their own order.
std::vector<std::size_t> heaviest_features(const Matrix& encoder) {
  std::vector<double> weight(encoder.cols(), 0.0);
  for (std::size_t i = 0; i < encoder.rows(); ++i) {
    double top = 0.0;
    for (std::size_t j = 0; j < encoder.cols(); ++j) top = std::max(top, std::abs(encoder(i, j)));
    if (!(top > 0.0)) continue;
    for (std::size_t j = 0; j < encoder.cols(); ++j)
      weight[j] = std::max(weight[j], std::abs(encoder(i, j)) / top);
  }
  std::vector<std::size_t> order(encoder.cols());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return weight[a] > weight[b]; });
  order.resize(std::min(order.size(), features_shown));
  std::sort(order.begin(), order.end());
  return order;
}

std::string encoder_section(const FitResult& fit) {
  const std::vector<std::size_t> shown = heaviest_features(fit.encoder);
  HeatMap map{.title = "Encoder weights",
              .rows = fit.latent_names,
              .columns = {},
              .values = Matrix(fit.encoder.rows(), shown.size()),
              .scale = ColourScale::signed_values,
              .colour_by_row = true};
  for (std::size_t j = 0; j < shown.size(); ++j) {
    map.columns.push_back(fit.features.at(shown[j]));
    for (std::size_t i = 0; i < fit.encoder.rows(); ++i)
      map.values(i, j) = fit.encoder(i, shown[j]);
  }
  const std::string which =
      shown.size() < fit.features.size()
          ? fmt::format(" Shown are the {} of {} features that weigh most; arrays.npz has all.",
                        shown.size(), fit.features.size())
          : "";
  return html_section("Encoder",
                      "How each latent is read off the features: latent = weights × (features − "
                      "centre). Weights are per unit of a feature, so compare features of one "
                      "latent only if they share a scale (preprocess with standardise)." +
                          which,
                      heat_map_svg(map));
}

std::string score_difference_section(const FitResult& fit) {
  HeatMap map{.title = "Score differences",
              .rows = fit.latent_names,
              .columns = {},
              .values = fit.score_differences,
              .scale = ColourScale::magnitudes,
              .colour_by_row = false};
  for (const EnvironmentTarget& target : fit.targets) map.columns.push_back(target.environment);
  if (map.columns.size() != fit.score_differences.cols()) return "";
  return html_section("Score differences",
                      "Root mean square of the score difference along each latent. An environment "
                      "moves the score of the latent it hits and of that latent's parents only.",
                      heat_map_svg(map));
}

std::string support_section(const FitResult& fit) {
  const HeatMap map{.title = "Bootstrap support of every edge",
                    .rows = fit.latent_names,
                    .columns = fit.latent_names,
                    .values = fit.edge_support,
                    .scale = ColourScale::magnitudes,
                    .colour_by_row = false};
  return html_section("Bootstrap support",
                      fmt::format("Share of {} bootstrap replicates with an edge from the row's to "
                                  "the column's latent.",
                                  fit.options.bootstrap),
                      heat_map_svg(map));
}

std::string spectrum_section(const FitResult& fit) {
  const std::size_t kept = fit.latent_names.size();
  return html_section(
      "Spectrum",
      fmt::format("Eigenvalues of the pooled covariance. The latent subspace ({}, blue) explains "
                  "{:.4g} % of the variance.",
                  counted(kept, "dimension"), 100.0 * fit.diagnosis.explained_variance),
      log_bar_chart_svg("Eigenvalues of the pooled covariance", fit.diagnosis.pooled_eigenvalues,
                        kept));
}

std::string setting(const std::string& name, const std::string& value) {
  return fmt::format("<dt>{}</dt><dd>{}</dd>\n", escaped(name), escaped(value));
}

std::string option_settings(const FitResult& fit) {
  const FitOptions& options = fit.options;
  const bool refined = options.refinement == Refinement::likelihood;
  std::string html;
  html += setting("Method", name_of(unmix_method_names, options.method));
  html += setting("Refinement", name_of(refinement_names, options.refinement));
  html +=
      setting("Score", "gaussian, shrinkage " + name_of(shrinkage_names, options.score.shrinkage));
  html += setting("Intervention", name_of(intervention_names, options.intervention));
  if (!refined && options.method == UnmixMethod::lscale)
    html += setting("Edge threshold", number(options.lscale_edge_threshold));
  if (!refined && options.method == UnmixMethod::lcd)
    html += setting("Edge threshold", number(options.lcd_edge_threshold));
  html += setting("Bootstrap replicates", std::to_string(options.bootstrap));
  html += setting("Seed", std::to_string(fit.seed.value));
  html += setting("Backend", fit.backend);
  if (!std::isnan(fit.objective))
    html += setting("Objective",
                    fmt::format("{:.6g} (negative log-likelihood per sample)", fit.objective));
  return html;
}

std::string settings_section(const FitRecord& record) {
  const FitResult& fit = record.result;
  std::string html = "<dl class=\"settings\">\n" + option_settings(fit);
  for (const AppliedStep& step : fit.preprocessing)
    html += setting("Preprocessing: " + step.name, step.detail);
  for (const StageTime& time : fit.timings)
    html += setting("Time: " + time.stage, fmt::format("{:.3g} s", time.seconds));
  html += "</dl>\n";
  if (!record.command.empty())
    html += "<h3>To repeat this fit</h3>\n<pre>" + escaped(record.command) + "</pre>\n";
  return html_section("Settings", "", html);
}

std::string body_sections(const FitRecord& record) {
  const FitResult& fit = record.result;
  if (fit.failed())
    return diagnosis_section(fit) + (has_graph(fit) ? graph_section(fit) : "") +
           environments_section(fit) + spectrum_section(fit) + settings_section(record);
  return graph_section(fit) + identified_section(fit) + environments_section(fit) +
         diagnosis_section(fit) + score_difference_section(fit) + encoder_section(fit) +
         support_section(fit) + spectrum_section(fit) + settings_section(record);
}

}  // namespace

std::string report_html(const FitRecord& record) {
  const std::string written_by = record.version.empty() ? version : record.version;
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>lodestein: {}</title>\n<link rel=\"icon\" "
      "href=\"data:,\">\n<style>{}</style>\n</head>\n"
      "<body>\n<main>\n{}{}{}<footer>Written by lodestein "
      "{}.</footer>\n</main>\n</body>\n</html>\n",
      escaped(record.input ? record.input->path.filename().string() : "fit"), report_style,
      page_header(record), facts(record.result), body_sections(record), escaped(written_by));
}

}  // namespace lodestein::tool
