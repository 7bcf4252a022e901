#include "tool/report_page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <numeric>

#include "lodestein/core/version.hpp"
#include "tool/chart.hpp"
#include "tool/graph_picture.hpp"
#include "tool/html.hpp"
#include "tool/report_environments.hpp"
#include "tool/report_style.hpp"
#include "tool/text.hpp"
#include "tool/trust.hpp"
#include "unmix/option_names.hpp"

namespace lodestein::tool {
namespace {

constexpr std::size_t features_shown = 40;

double total_seconds(const LearnedModel& fit) {
  double seconds = 0.0;
  for (const StageTime& time : fit.timings) seconds += time.seconds;
  return seconds;
}

std::string facts(const LearnedModel& fit) {
  std::size_t samples = 0;
  for (const EnvironmentDiagnosis& environment : fit.diagnosis.environments)
    samples += environment.samples;
  std::string html = "<dl class=\"facts\">\n";
  html += fact("Latents", std::to_string(fit.latent_names.size()));
  if (!fit.failed() && has_graph(fit)) html += fact("Edges", std::to_string(fit.edges.size()));
  html += fact("Features", std::to_string(fit.features.size()));
  html += fact("Interventions", std::to_string(fit.diagnosis.environments.size()));
  if (samples > 0) html += fact("Intervened samples", fmt::format("{}", samples));
  html += fact("Time", fmt::format("{:.3g} s", total_seconds(fit)));
  return html + "</dl>\n";
}

std::string title_of(const LearnedModel& fit) {
  if (fit.failed()) return "No latent causal graph";
  return has_graph(fit) ? "Latent causal graph" : "Latent variables";
}

std::string page_header(const FitRecord& record) {
  const LearnedModel& fit = record.result;
  const std::string source = record.input ? record.input->path.string() : "";
  const std::string verdict =
      fit.failed() ? "<p class=\"verdict\">The fit failed; the diagnosis below says why.</p>\n"
                   : "";
  return fmt::format(
      "<header>\n<div class=\"brand\">lodestein</div>\n<h1>{}</h1>\n<p>{}</p>\n{}</header>\n",
      title_of(fit), escaped(source), verdict);
}

std::string finding_html(const Finding& finding) {
  const std::string severity = name_of(severity_names, finding.severity);
  return fmt::format(
      "<div class=\"finding {0}\"><div class=\"kind\">{0}: {1}</div><p>{2}</p>{3}</div>\n",
      severity, escaped(finding.code), escaped(finding.message),
      finding.remedy.empty() ? "" : "<p><b>What to do:</b> " + escaped(finding.remedy) + "</p>");
}

/// The most severe first.
std::string diagnosis_section(const LearnedModel& fit) {
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

bool tested(const LearnedModel& fit) {
  return !fit.edges.empty() && !std::isnan(fit.edges.front().p_value);
}

std::string edge_table(const LearnedModel& fit) {
  if (fit.edges.empty()) return "<p>No edge: the latents look independent.</p>\n";
  const bool compared = !std::isnan(fit.edges.front().likelihood_ratio);
  const bool bootstrapped = !std::isnan(fit.edges.front().support);
  std::vector<std::string> headers{"Edge", "#Weight"};
  if (compared) headers.push_back("#Likelihood ratio");
  if (tested(fit)) headers.push_back("#p");
  if (bootstrapped) headers.push_back("#Bootstrap");
  std::vector<std::vector<std::string>> rows;
  for (const LatentEdge& edge : fit.edges) {
    auto& row = rows.emplace_back();
    row = {escaped(fit.latent_names.at(edge.from) + " → " + fit.latent_names.at(edge.to)),
           number(edge.weight)};
    if (compared) row.push_back(number(edge.likelihood_ratio));
    if (tested(fit)) row.push_back(escaped(p_value_text(edge.p_value)));
    if (bootstrapped) row.push_back(support_text(edge.support));
  }
  return html_table(headers, rows);
}

std::string graph_section(const LearnedModel& fit) {
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

std::string identified_section(const LearnedModel& fit) {
  if (fit.identified.empty()) return "";
  const std::string doubt = misfits(fit) ? fmt::format(" – {}", if_the_model_held) : "";
  std::string body = "<p class=\"claim\">" + escaped(fit.identified + doubt) + "</p>\n";
  if (!fit.assumptions.empty()) body += "<h3>This rests on</h3>\n<ul>\n";
  for (const std::string& assumption : fit.assumptions)
    body += "<li>" + escaped(assumption) + "</li>\n";
  if (!fit.assumptions.empty()) body += "</ul>\n";
  return html_section("What is identified", "", body);
}

std::string leakage_section(const LearnedModel& fit) {
  HeatMap map{.title = "Leakage",
              .rows = {},
              .columns = fit.latent_names,
              .values = fit.leakage,
              .scale = ColourScale::magnitudes,
              .colour_by_row = false};
  for (const std::string& name : fit.latent_names) map.rows.push_back("pair of " + name);
  if (fit.leakage.empty()) return "";
  return html_section("Leakage",
                      "What the difference of the two scores of a pair shows along each latent, "
                      "relative to the pair's own. Only the diagonal is coloured if the encoder is "
                      "right.",
                      heat_map_svg(map));
}

std::string head_section(const LearnedModel& fit) {
  HeatMap map{.title = "Weights of the classifier's head",
              .rows = {},
              .columns = {},
              .values = fit.head_weights,
              .scale = ColourScale::signed_values,
              .colour_by_row = false};
  for (const EnvironmentTarget& target : fit.targets) map.rows.push_back(target.environment);
  if (map.rows.size() != fit.head_weights.rows()) return "";
  map.columns = map.rows;
  return html_section("Classifier's head",
                      "The effect of the latent that the row's environment hits on that which the "
                      "column's hits, as the classifier alone has it. The published graph is where "
                      "the size is above 0.3; the graph above is that of the likelihood.",
                      heat_map_svg(map));
}

std::string constant_latents_section(const LearnedModel& fit) {
  std::vector<std::vector<std::string>> rows;
  for (std::size_t i = 0; i < fit.variance_ratios.rows(); ++i)
    rows.push_back({escaped(fit.latent_names.at(i)), number(fit.variance_ratios(i, 0)),
                    number(fit.variance_ratios(i, 1))});
  return html_section("Constant latents",
                      "Variance under the intervention over the observational one: 0 for a latent "
                      "that is held constant. It is identified if the next direction is far above.",
                      html_table({"Latent", "#Variance ratio", "#Next direction"}, rows));
}

std::string box_section(const LearnedModel& fit) {
  std::vector<std::vector<std::string>> rows;
  for (std::size_t i = 0; i < fit.box.rows(); ++i) {
    rows.push_back({escaped(fit.latent_names.at(i))});
    for (std::size_t j = 0; j < fit.box.cols(); ++j) rows.back().push_back(number(fit.box(i, j)));
  }
  return html_section(
      "Box",
      "Ends of each latent; samples in its emptiest corner with another latent over what "
      "independent latents leave there, which isn't 0 if the support is a box; and how its thinner "
      "end thins out: 1.33 if it is sharp, 1.5 if the density falls linearly to 0, 2 without an "
      "end.",
      html_table({"Latent", "#Low", "#High", "#Corner", "#Thinness"}, rows));
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

std::string encoder_lead(const LearnedModel& fit) {
  std::string features = fit.link == Link::identity
                             ? "features"
                             : "inverse of " + name_of(link_names, fit.link) + " of features";
  if (!fit.curves.empty()) features = "estimated increasing curves of " + features;
  const std::string what = fit.network
                               ? "What the network that gives the latents takes is read off the "
                                 "features: input = weights × ("
                               : "How each latent is read off the features: latent = weights × (";
  return what + features +
         " − centre). Weights are per unit of a feature, so compare features of one latent only if "
         "they share a scale (preprocess with standardise).";
}

std::vector<std::string> encoder_rows(const LearnedModel& fit) {
  if (!fit.network) return fit.latent_names;
  std::vector<std::string> rows;
  for (std::size_t i = 1; i <= fit.encoder.rows(); ++i) rows.push_back(fmt::format("input {}", i));
  return rows;
}

std::string encoder_section(const LearnedModel& fit) {
  const std::vector<std::size_t> shown = heaviest_features(fit.encoder);
  HeatMap map{.title = "Encoder weights",
              .rows = encoder_rows(fit),
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
  return html_section("Encoder", encoder_lead(fit) + which, heat_map_svg(map));
}

std::string score_difference_section(const LearnedModel& fit) {
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

std::string text_of(const OptionValue& option) {
  struct Text {
    std::string operator()(const std::string& text) const { return text; }
    std::string operator()(double value) const { return number(value); }
    std::string operator()(std::uint64_t count) const { return std::to_string(count); }
  };
  return std::visit(Text{}, option.value);
}

std::string option_text(const FitRecord& record, const std::string& name) {
  for (const OptionValue& option : record.options)
    if (option.name == name) return text_of(option);
  return "?";
}

std::string support_section(const FitRecord& record) {
  const LearnedModel& fit = record.result;
  const HeatMap map{.title = "Bootstrap support of every edge",
                    .rows = fit.latent_names,
                    .columns = fit.latent_names,
                    .values = fit.edge_support,
                    .scale = ColourScale::magnitudes,
                    .colour_by_row = false};
  return html_section("Bootstrap support",
                      fmt::format("Share of {} bootstrap replicates with an edge from the row's to "
                                  "the column's latent.",
                                  option_text(record, "bootstrap")),
                      heat_map_svg(map));
}

std::string difference_spectrum(const Diagnosis& diagnosis, std::size_t kept) {
  if (diagnosis.differing.empty()) return "";
  const bool blue = diagnosis.subspace == SubspaceChoice::differences;
  return html_section(
      "Differences between environments",
      fmt::format("How much each direction tells environments apart, in nats a sample. {}",
                  blue ? "The latents are sought in the " + counted(kept, "direction") +
                             " that differ most (blue)."
                       : "The latents are sought in the principal components instead."),
      log_bar_chart_svg("Differences between environments, by direction", diagnosis.differing,
                        blue ? kept : 0));
}

std::string spectrum_section(const LearnedModel& fit) {
  const std::size_t kept = fit.latent_names.size();
  const bool blue = fit.diagnosis.subspace == SubspaceChoice::variance;
  return html_section(
             "Spectrum",
             fmt::format("Eigenvalues of the pooled covariance. The latent subspace ({}{}) "
                         "explains {:.4g} % of the variance.",
                         counted(kept, "dimension"), blue ? ", blue" : "",
                         100.0 * fit.diagnosis.explained_variance),
             log_bar_chart_svg("Eigenvalues of the pooled covariance",
                               fit.diagnosis.pooled_eigenvalues, blue ? kept : 0)) +
         difference_spectrum(fit.diagnosis, kept);
}

/// "null_splits" -> "Null splits"
std::string readable(std::string name) {
  std::replace(name.begin(), name.end(), '_', ' ');
  if (!name.empty()) name[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(name[0])));
  return name;
}

std::string option_settings(const FitRecord& record) {
  const LearnedModel& fit = record.result;
  std::string html;
  for (const OptionValue& option : record.options)
    html += setting(readable(option.name), text_of(option));
  html += setting("Seed", std::to_string(fit.seed.value));
  html += setting("Backend", fit.backend);
  if (!std::isnan(fit.objective))
    html += setting("Objective",
                    fmt::format("{:.6g} (negative log-likelihood per sample)", fit.objective));
  if (!std::isnan(fit.diagnosis.deviance_per_dof))
    html += setting("Misfit", fmt::format("{:.3g} (deviance per degree of freedom)",
                                          fit.diagnosis.deviance_per_dof));
  return html;
}

std::string settings_section(const FitRecord& record) {
  const LearnedModel& fit = record.result;
  std::string html = "<dl class=\"settings\">\n" + option_settings(record);
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
  const LearnedModel& fit = record.result;
  if (fit.failed())
    return diagnosis_section(fit) + (has_graph(fit) ? graph_section(fit) : "") +
           environments_section(fit) + spectrum_section(fit) + settings_section(record);
  return graph_section(fit) + identified_section(fit) + environments_section(fit) +
         targets_section(fit) + constant_latents_section(fit) + box_section(fit) +
         diagnosis_section(fit) + score_difference_section(fit) + leakage_section(fit) +
         head_section(fit) + encoder_section(fit) + support_section(record) +
         spectrum_section(fit) + settings_section(record);
}

}  // namespace

std::string report_html(const FitRecord& record) {
  const std::string written_by = record.version.empty() ? version : record.version;
  return html_page(record.input ? record.input->path.filename().string() : "fit", report_style,
                   page_header(record) + facts(record.result) + body_sections(record), written_by);
}

}  // namespace lodestein::tool
