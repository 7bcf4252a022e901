#include "lodestein/unmix/option_list.hpp"

#include "unmix/option_names.hpp"

namespace lodestein {
namespace {

using Options = std::vector<OptionValue>;

std::uint64_t count(std::size_t value) { return value; }

std::string widths(const std::vector<std::uint32_t>& hidden) {
  std::string text;
  for (const std::uint32_t width : hidden)
    text += (text.empty() ? "" : ",") + std::to_string(width);
  return text;
}

void add_score(Options& options, const GaussianScoreOptions& score) {
  options.push_back({"score", "gaussian"});
  options.push_back({"shrinkage", name_of(shrinkage_names, score.shrinkage)});
}

/// As difference_method() calls it.
struct MethodName {
  std::string operator()(const AutoDifferences&) const { return "auto"; }
  std::string operator()(const GaussianScoreOptions&) const { return "gaussian"; }
  std::string operator()(const ClassifierOptions&) const { return "classifier"; }
  std::string operator()(const ResidualDifferences&) const { return "residual"; }
  std::string operator()(const PlugInDifferences&) const { return "plug-in"; }
  std::string operator()(const LogRatioOptions& options) const {
    if (options.features.fourier > 0) return "log-ratio-fourier";
    return options.features.degree == 2 ? "log-ratio"
                                        : "log-ratio-" + std::to_string(options.features.degree);
  }
};

void add_thresholds(Options& options, const FitOptions& fit) {
  if (fit.method == UnmixMethod::lscale) {
    options.push_back({"lscale_edge_threshold", fit.lscale_edge_threshold});
  } else {
    options.push_back({"lcd_rank_one_acceptance", fit.lcd_rank_one_acceptance});
    options.push_back({"lcd_edge_threshold", fit.lcd_edge_threshold});
  }
}

void add_network(Options& options, const GscaleOptions& unmix) {
  options.push_back({"hidden", widths(unmix.hidden)});
  options.push_back({"steps", count(unmix.steps)});
  options.push_back({"batch", count(unmix.batch)});
  options.push_back({"rate", unmix.rate});
}

}  // namespace

Options option_list(const FitOptions& fit) {
  Options options{{"method", name_of(unmix_method_names, fit.method)},
                  {"latents", count(fit.latents)},
                  {"refinement", name_of(refinement_names, fit.refinement)},
                  {"intervention", name_of(intervention_names, fit.intervention)},
                  {"mechanism", name_of(mechanism_names, fit.mechanism)}};
  add_score(options, fit.score);
  if (fit.refinement == Refinement::none) add_thresholds(options, fit);
  options.push_back({"bootstrap", count(fit.bootstrap)});
  options.push_back({"null_splits", count(fit.null_splits)});
  return options;
}

Options option_list(const UmniOptions& umni) {
  Options options{{"method", "umni"},
                  {"latents", count(umni.latents)},
                  {"procedure", name_of(umni_procedure_names, umni.procedure)},
                  {"intervention", name_of(intervention_names, umni.intervention)}};
  add_score(options, umni.score);
  if (umni.procedure == UmniProcedure::likelihood) return options;
  options.push_back({"largest_coefficient", static_cast<std::uint64_t>(umni.largest_coefficient)});
  options.push_back({"eigenvalue_threshold", umni.eigenvalue_threshold});
  if (umni.intervention == Intervention::soft) return options;
  options.push_back({"coefficient_change", umni.coefficient_change});
  options.push_back({"edge_level", umni.edge_level});
  return options;
}

Options option_list(const GscaleFitOptions& gscale) {
  const GscaleOptions& unmix = gscale.unmix;
  Options options{{"method", "gscale"},
                  {"link", name_of(link_choice_names, gscale.link)},
                  {"pairing", name_of(pairing_names, unmix.pairing)},
                  {"encoder", name_of(encoder_family_names, unmix.encoder)},
                  {"differences", std::visit(MethodName{}, gscale.pair_method)},
                  {"points", count(gscale.points)},
                  {"starts", count(unmix.starts)},
                  {"iterations", count(unmix.iterations)},
                  {"held_out", unmix.held_out}};
  if (unmix.encoder == EncoderFamily::network) add_network(options, unmix);
  options.push_back({"evidence", name_of(graph_evidence_names, gscale.evidence)});
  if (gscale.evidence == GraphEvidence::additive) return options;
  options.push_back({"splits", count(gscale.graph.splits)});
  options.push_back({"false_edges", gscale.graph.false_edges});
  return options;
}

Options option_list(const DoInterventionOptions& options) {
  return {{"method", "do"}, {"latents", count(options.latents)}};
}

}  // namespace lodestein
