#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <optional>

#include "core/eigen.hpp"
#include "core/percent.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/unmix/gscale.hpp"
#include "unmix/additive.hpp"
#include "unmix/bootstrap.hpp"
#include "unmix/latent_edges.hpp"
#include "unmix/linear_map.hpp"
#include "unmix/linearise.hpp"
#include "unmix/mapped.hpp"
#include "unmix/option_names.hpp"
#include "unmix/pairing.hpp"
#include "unmix/stopwatch.hpp"

namespace lodestein {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

std::size_t latents_of(const Dataset& dataset, const GscaleFitOptions& options) {
  const std::size_t interventions = dataset.interventions();
  if (interventions < 4 || interventions % 2 != 0)
    throw InvalidArgument("gscale: " + std::to_string(interventions) +
                          " interventional environments; two on each of at least two latents are "
                          "needed");
  if (options.points == 0) throw InvalidArgument("gscale: points must be at least 1, e.g. 5000");
  return interventions / 2;
}

// Evenly spaced rows, at most `most`.
Matrix some_rows(const Matrix& samples, std::size_t most) {
  const std::size_t total = samples.rows(), keep = std::min(most, total);
  Matrix rows(keep, samples.cols());
  for (std::size_t k = 0; k < keep; ++k)
    std::copy_n(samples.row(k * total / keep), samples.cols(), rows.row(k));
  return rows;
}

// Pairs by the differences of all environments against the observational one.
unmix::EnvironmentPairs find_pairs(const Backend& backend, const Dataset& dataset,
                                   const Matrix& points, const GscaleFitOptions& options, Seed seed,
                                   Observer& observer) {
  std::vector<Matrix> observational;
  if (options.unmix.pairing != Pairing::coupled) {
    const ScoreDifferences differences =
        classifier_differences(backend, dataset, options.classifier, seed, observer);
    for (std::size_t m = 0; m < dataset.interventions(); ++m)
      observational.push_back(differences.evaluate(points, m));
  }
  return unmix::find_pairs(points, observational, options.unmix.pairing);
}

ScoreDifferences differences_of_pair(const Backend& backend, const Dataset& dataset,
                                     std::pair<std::size_t, std::size_t> pair,
                                     const DifferenceMethod& method, Seed seed,
                                     Observer& observer) {
  const Dataset two{dataset.features,
                    {dataset.environments[pair.first + 1], dataset.environments[pair.second + 1]},
                    {}};
  return estimate_score_differences(backend, two, method, seed, observer);
}

Dataset encoded(const LatentMap& map, const Dataset& y) {
  return unmix::mapped(y, map.latents(), "Z", [&](const Matrix& x) { return map.encode(x); });
}

unmix::Targets targets_of(const GscaleResult& result) {
  unmix::Targets targets(2 * result.pairs.size());
  for (std::size_t i = 0; i < result.pairs.size(); ++i) {
    targets[result.pairs[i].first] = static_cast<Eigen::Index>(i);
    targets[result.pairs[i].second] = static_cast<Eigen::Index>(i);
  }
  return targets;
}

// Latents z' = correction z, variance 1 in the observational environment.
void correct_encoder(const Eigen::MatrixXd& correction, const Matrix& observational,
                     GscaleResult& result) {
  Eigen::MatrixXd encoder = correction * as_eigen(result.encoder);
  const Eigen::MatrixXd z = as_eigen(observational) * correction.transpose();
  const Eigen::RowVectorXd mean = z.colwise().mean();
  const Eigen::RowVectorXd variance =
      (z.rowwise() - mean).colwise().squaredNorm() / static_cast<double>(z.rows());
  for (Eigen::Index i = 0; i < encoder.rows(); ++i) encoder.row(i) /= std::sqrt(variance(i));
  unmix::set_encoder(result, std::move(encoder));
}

std::vector<unmix::RefinedEdge> fit_additive(const Backend& backend, const Dataset& z,
                                             const PairedDifferences& differences, Seed seed,
                                             Observer& observer, GscaleFit& fit) {
  const auto n = static_cast<Eigen::Index>(fit.unmix.pairs.size());
  const Eigen::MatrixXd identity = Eigen::MatrixXd::Identity(n, n);
  unmix::AdditiveFit refined = unmix::refine_additive(backend, z, identity, targets_of(fit.unmix),
                                                      {{identity, {}}}, seed, observer);
  const std::size_t latents = fit.unmix.pairs.size();
  fit.graph = {Digraph(latents), {}, {}, Matrix(latents, latents, nan)};
  fit.graph.order.assign(refined.order.begin(), refined.order.end());
  if (!std::isfinite(refined.objective)) {
    fit.findings.push_back({Severity::failure, "no-graph",
                            "the likelihood of additive noise latents has no finite minimum",
                            "look for constant latents or very few samples; or take the graph from "
                            "score differences"});
    return {};
  }
  for (const unmix::RefinedEdge& e : refined.edges)
    fit.graph.graph.set_edge(static_cast<std::size_t>(e.from), static_cast<std::size_t>(e.to));
  if (!fit.unmix.encoder.empty()) {
    correct_encoder(refined.encoder, z.observational().samples, fit.unmix);
    fit.unmix.leakage =
        unmix::relative_leakage(fit.unmix.map, differences.points, differences.pairs);
  }
  fit.deviances = std::move(refined.check.deviance);
  fit.gains = std::move(refined.check.gains);
  return std::move(refined.edges);
}

// `y` is in the coordinates of the chart.
void add_support(const Backend& backend, const Dataset& y, const GscaleFitOptions& options,
                 Seed seed, Observer& observer, GscaleFit& fit) {
  const Dataset z = encoded(fit.unmix.map, y);
  const auto n = static_cast<Eigen::Index>(fit.unmix.pairs.size());
  const bool additive = options.evidence == GraphEvidence::additive;
  const Eigen::MatrixXd identity = Eigen::MatrixXd::Identity(n, n);
  unmix::Replicate replicate;
  if (additive) {
    const unmix::Order order(fit.graph.order.begin(), fit.graph.order.end());
    replicate =
        unmix::additive_replicate(z, identity, targets_of(fit.unmix), {identity, order}, seed);
  } else {
    replicate = [&](std::size_t number, Observer& inner) -> std::optional<Digraph> {
      const Dataset half = unmix::resampled(z, unmix::RowDraw::half, seed, number);
      return test_graph(backend, half, fit.unmix.pairs, options.graph, seed, inner).graph;
    };
  }
  // Classifiers take the whole backend.
  const int at_once = additive ? backend.threads() : 1;
  unmix::record_support(unmix::edge_support(options.bootstrap, at_once, replicate, observer),
                        fit.edges, fit.edge_support, fit.findings);
}

// Edges with their weights, and p-values of the likelihood or of the test.
void set_edges(const Matrix& observational, const std::vector<unmix::RefinedEdge>& refined,
               GscaleFit& fit) {
  const Matrix latents = fit.unmix.map.encode(observational);
  const Eigen::MatrixXd z = as_eigen(latents).rowwise() - as_eigen(latents).colwise().mean();
  const Eigen::MatrixXd standard = z.colwise().normalized();
  fit.edges = unmix::latent_edges(standard.transpose() * standard, fit.graph.graph, refined);
  for (LatentEdge& edge : fit.edges) {
    double& p = fit.graph.p_value(edge.from, edge.to);
    if (std::isnan(edge.p_value))
      edge.p_value = p;
    else
      p = edge.p_value;
  }
}

void describe(GscaleFit& fit, const GscaleFitOptions& options, bool has_graph) {
  const bool linear = options.unmix.encoder == EncoderFamily::linear;
  const bool additive = options.evidence == GraphEvidence::additive;
  fit.identified = linear ? "latents up to permutation and scaling"
                          : "latents up to permutation and a monotone function of each";
  if (has_graph) fit.identified += "; the DAG";
  if (has_graph && additive && !linear)
    fit.identified += ", if these functions leave noise additive";
  const std::string link = options.link == Link::estimated
                               ? "link estimated (" +
                                     unmix::link_text(fit.chart.link, fit.chart.curves) +
                                     "), no two rows of T proportional"
                               : "link " + name_of(link_names, fit.chart.link);
  fit.assumptions = {
      linear ? "mixing x = link(T z), T of full column rank, " + link
             : "smooth invertible mixing; " + link +
                   " and the main axes give coordinates of its image",
      "two hard interventions on every latent, whose densities have different slopes almost "
      "everywhere",
      options.unmix.pairing == Pairing::coupled
          ? "known: which two environments hit the same latent; unknown: which latent"
          : "unknown: which two environments hit the same latent (found by assignment), and which "
            "latent",
      "densities are positive everywhere",
      "an estimator of score differences that converges",
      additive
          ? "graph and scale: each latent is a smooth function of its parents plus independent "
            "noise"
          : "graph: every environment overlaps with the observational one"};
  if (options.unmix.encoder == EncoderFamily::invertible)
    fit.assumptions.insert(fit.assumptions.begin() + 1,
                           "the encoder, one to one by construction, is a linear map of whitened "
                           "coordinates and bends of slope below 1");
}

std::string scientific(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1e", value);
  return text;
}

// What the link was chosen from, and whether it leaves what noise and errors of it don't explain.
void find_link(GscaleFit& fit) {
  constexpr double small = 1e-3;
  if (fit.chart.candidates.empty()) return;
  double chosen = nan;
  std::string shares;
  for (const LinkCandidate& c : fit.chart.candidates) {
    if (std::isnan(c.off_rank)) continue;
    const std::string share = scientific(c.off_rank);
    shares += (shares.empty() ? "" : ", ") + c.name + " " + share;
    if (c.name == unmix::link_text(fit.chart.link, fit.chart.curves)) chosen = c.off_rank;
  }
  const std::string n = std::to_string(fit.unmix.pairs.size());
  fit.findings.push_back(
      {Severity::note, "link",
       "the estimated link is " + unmix::link_text(fit.chart.link, fit.chart.curves) +
           "; share of the held-out variance off " + n + " dimensions: " + shares,
       "nothing to do; with the right link and no noise it is 0"});
  if (chosen <= small) return;
  fit.findings.push_back(
      {Severity::warning, "link-misfit",
       "no elementwise link puts the features into " + n + " dimensions; the best leaves " +
           percent(chosen) + " of their variance",
       "look for noise; if there is little, the mixing isn't a link of a linear map: take link "
       "identity and a network encoder"});
}

void find_in_chart(GscaleFit& fit, const Dataset& x, const ChartedData& charted) {
  if (fit.chart.explained < 0.999)
    fit.findings.push_back({Severity::note, "subspace",
                            "the chart keeps " + percent(fit.chart.explained) +
                                " of the variance of link^-1(x); with the right link and no noise "
                                "it is all",
                            "try another link; with a general mixing, a network encoder"});
  std::size_t kept = 0;
  for (const auto& rows : charted.rows) kept += rows.size();
  if (kept == x.sample_count()) return;
  fit.findings.push_back(
      {Severity::note, "out-of-range",
       std::to_string(x.sample_count() - kept) + " samples are out of the range of link " +
           name_of(link_names, fit.chart.link) + " and were left out in all environments",
       "nothing to do unless they are many; scores elsewhere don't change"});
}

// A pair that changes the score of another latent more than that of its own.
void find_mixtures(const Dataset& x, GscaleFit& fit) {
  const Matrix& leakage = fit.unmix.leakage;
  for (std::size_t m = 0; m < leakage.rows(); ++m) {
    const double* row = leakage.row(m);
    const auto j = static_cast<std::size_t>(std::max_element(row, row + leakage.cols()) - row);
    if (j == m || row[j] < 1.0) continue;
    const auto& [a, b] = fit.unmix.pairs[m];
    fit.findings.push_back(
        {Severity::failure, "not-disentangled",
         "the pair of environments '" + x.environments[a + 1].name + "' and '" +
             x.environments[b + 1].name + "' changes the score of latent Z" +
             std::to_string(j + 1) + " as much as that of its own latent Z" + std::to_string(m + 1),
         "check which environments form pairs; more samples, another link or a network encoder"});
  }
}

void find_folds(const GscaleFitOptions& options, GscaleFit& fit) {
  const bool invertible = options.unmix.encoder == EncoderFamily::invertible;
  if (!(fit.unmix.folded > 0.0)) return;
  fit.findings.push_back(
      {Severity::warning, "not-invertible",
       "the network encoder folds the data: its Jacobian is singular or turns at " +
           percent(fit.unmix.folded) + " of the held-out points",
       invertible ? "a linear encoder behind a link: its matrix is nearly singular"
                  : "an invertible encoder; a smaller network, fewer steps or a lower rate; or a "
                    "linear encoder behind a link"});
}

void find_curved_pairs(const GscaleFitOptions& options, GscaleFit& fit) {
  if (options.unmix.encoder == EncoderFamily::linear) return;
  if (options.unmix.pairing == Pairing::coupled) return;
  fit.findings.push_back(
      {Severity::warning, "pairs-by-one-direction",
       "pairs were found as if latents were linear in the chart, which a network encoder denies",
       "say which environments form pairs (--pairs), or check the pairs that were found"});
}

void find_leaks(GscaleFit& fit) {
  constexpr double much = 0.5;
  const auto leakage = as_eigen(fit.unmix.leakage);
  const double others = (leakage.sum() - leakage.trace()) / static_cast<double>(leakage.rows());
  if (others < much) return;
  fit.findings.push_back(
      {Severity::warning, "leakage",
       "no encoder of this family makes the score differences of the pairs single-latent; the "
       "others show " +
           percent(others) + " of a pair's own effect",
       "more samples, another link, a network encoder, or check which environments form pairs"});
}

}  // namespace

AutoDifferences pair_differences() {
  AutoDifferences choice;
  choice.degree = 2;
  choice.classifier.hidden = {64, 64};
  choice.classifier.least_steps = 600;
  return choice;
}

GscaleFit fit_gscale(const Backend& backend, const Dataset& dataset,
                     const GscaleFitOptions& options, Seed seed, Observer& observer) {
  const std::size_t n = latents_of(dataset, options);
  unmix::Stopwatch stopwatch;
  GscaleFit fit;
  const ChartedData charted = fit_chart(backend, dataset, n, options.link, observer);
  const Dataset& y = charted.dataset;
  fit.chart = charted.chart;
  stopwatch.lap(fit.timings, "chart");

  PairedDifferences p{some_rows(y.observational().samples, options.points), {}};
  const auto pairs = find_pairs(backend, y, p.points, options, seed, observer);
  stopwatch.lap(fit.timings, "pairing");
  for (const auto& pair : pairs) {
    const ScoreDifferences d =
        differences_of_pair(backend, y, pair, options.pair_method, seed, observer);
    p.pairs.push_back(d.evaluate(p.points, 0));
    const auto& findings = d.summary().findings;
    fit.findings.insert(fit.findings.end(), findings.begin(), findings.end());
  }
  stopwatch.lap(fit.timings, "score differences");

  GscaleOptions coupled = options.unmix;
  coupled.pairing = Pairing::coupled;
  fit.unmix = gscale(backend, p, coupled, seed, observer);
  fit.unmix.pairs = pairs;
  stopwatch.lap(fit.timings, "disentangling");

  const Dataset z = encoded(fit.unmix.map, y);
  std::vector<unmix::RefinedEdge> edges;
  if (options.evidence == GraphEvidence::additive)
    edges = fit_additive(backend, z, p, seed, observer, fit);
  else
    fit.graph = test_graph(backend, z, fit.unmix.pairs, options.graph, seed, observer);
  set_edges(y.observational().samples, edges, fit);
  stopwatch.lap(fit.timings, "graph");
  const bool has_graph = std::none_of(fit.findings.begin(), fit.findings.end(),
                                      [](const Finding& f) { return f.code == "no-graph"; });
  if (options.bootstrap > 0 && has_graph) {
    add_support(backend, y, options, seed, observer, fit);
    stopwatch.lap(fit.timings, "bootstrap");
  }
  describe(fit, options, has_graph);
  find_link(fit);
  find_in_chart(fit, dataset, charted);
  find_folds(options, fit);
  find_curved_pairs(options, fit);
  find_leaks(fit);
  find_mixtures(dataset, fit);
  return fit;
}

}  // namespace lodestein
