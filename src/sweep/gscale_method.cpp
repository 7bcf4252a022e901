#include <algorithm>
#include <cmath>
#include <utility>

#include "lodestein/score/estimate.hpp"
#include "lodestein/unmix/gscale.hpp"
#include "sweep/fields.hpp"
#include "sweep/methods.hpp"
#include "unmix/option_names.hpp"

namespace lodestein::sweep {
namespace {

const std::string& word(const SweepSetting& setting, const char* option) {
  return value_in<std::string>(setting.options, option);
}

GscaleOptions unmix_options(const SweepSetting& setting) {
  GscaleOptions options;
  options.pairing = value_named(pairing_names, word(setting, "pairing"));
  options.encoder = value_named(encoder_family_names, word(setting, "encoder"));
  return options;
}

Link link_of(const SweepSetting& setting) {
  return value_named(link_choice_names, word(setting, "link"));
}

// Whether x = link(T z) in truth, so that the encoder of link^-1(x) can be compared with T.
bool is_right(Link link, const SweepSetting& setting) {
  const auto& mixing = value_in<std::string>(setting.data, "mixing");
  return link == (mixing == "tanh" ? Link::tanh : Link::identity) && mixing != "mlp";
}

// Latent i is hit by both environments of pair i.
std::vector<std::vector<std::size_t>> targets_of(const GscaleResult& result) {
  std::vector<std::vector<std::size_t>> targets(2 * result.pairs.size());
  for (std::size_t i = 0; i < result.pairs.size(); ++i) {
    targets[result.pairs[i].first].push_back(i);
    targets[result.pairs[i].second].push_back(i);
  }
  return targets;
}

Learned learned_of(const SweepSetting& setting, const Chart& chart, const GscaleResult& result,
                   const LatentGraph& graph) {
  Learned learned;
  if (is_right(chart.link, setting) && chart.curves.empty() && !result.encoder.empty())
    learned.encoder = multiply(result.encoder, chart.basis);
  learned.graph = graph.graph;
  learned.order = graph.order;
  learned.targets = targets_of(result);
  return learned;
}

Learned run_exact(const MethodInput& input) {
  const auto& [charted, p] = input.data.exact_pairs(link_of(input.setting));
  const GscaleResult result =
      gscale(input.backend, p, unmix_options(input.setting), input.seed, input.observer);
  Learned learned = learned_of(input.setting, charted.chart, result, read_off_graph(result, p));
  learned.latents = result.map.encode(p.points);
  learned.rows = charted.rows.front();
  learned.identified = "latents up to permutation and scaling; the DAG";
  return learned;
}

bool is_finite_row(const Matrix& matrix, std::size_t row) {
  return std::all_of(matrix.row(row), matrix.row(row) + matrix.cols(),
                     [](double value) { return std::isfinite(value); });
}

Learned run_estimated(const MethodInput& input) {
  GscaleFitOptions options;
  options.link = link_of(input.setting);
  options.unmix = unmix_options(input.setting);
  if (const std::string& name = word(input.setting, "pair_differences"); name != "auto")
    options.pair_method = difference_method(name);
  options.evidence = value_named(graph_evidence_names, word(input.setting, "evidence"));
  const Dataset& dataset = *input.data.dataset();
  GscaleFit fit = fit_gscale(input.backend, dataset, options, input.seed, input.observer);
  Learned learned = learned_of(input.setting, fit.chart, fit.unmix, fit.graph);
  const Matrix latents = fit.encode(dataset.observational().samples);
  for (std::size_t k = 0; k < latents.rows(); ++k) {
    if (is_finite_row(latents, k)) learned.rows.push_back(k);
  }
  learned.latents = picked_rows(latents, learned.rows);
  learned.findings = std::move(fit.findings);
  learned.identified = std::move(fit.identified);
  return learned;
}

}  // namespace

std::string gscale_problem(const SweepSetting& setting) {
  if (value_in<std::string>(setting.data, "design") != "pairs") return "needs design = \"pairs\"";
  if (wants_moments(setting.data)) return "needs data = \"samples\"";
  if (link_of(setting) == Link::estimated && value_in<std::int64_t>(setting.data, "observed") <=
                                                 value_in<std::int64_t>(setting.data, "latents"))
    return "needs observed > latents for link = \"estimated\"";
  if (word(setting, "pair_differences") != "exact") return "";
  if (value_in<double>(setting.data, "observation_noise") > 0.0)
    return "needs observation_noise = 0 for pair_differences = \"exact\"";
  if (!has_exact_scores(setting))
    return std::string(needs_exact_scores) + " for pair_differences = \"exact\"";
  if (!is_right(link_of(setting), setting))
    return "needs mixing = \"linear\" with link = \"identity\", or both \"tanh\", for "
           "pair_differences = \"exact\"";
  return "";
}

Learned run_gscale(const MethodInput& input) {
  return word(input.setting, "pair_differences") == "exact" ? run_exact(input)
                                                            : run_estimated(input);
}

}  // namespace lodestein::sweep
