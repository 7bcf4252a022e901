#include "lodestein/unmix/option_list.hpp"

#include "unmix/identify.hpp"
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
  options.push_back({"shrinkage", name_of(shrinkage_names, score.shrinkage)});
}

void add_differences(Options& options, const FitOptions& fit) {
  options.push_back({"differences", fit.differences ? difference_method_name(*fit.differences)
                                                    : std::string("gaussian")});
}

void add_published(Options& options, const FitOptions& fit) {
  switch (fit.method) {
    case UnmixMethod::likelihood:
      return;
    case UnmixMethod::lscale:
      add_differences(options, fit);
      options.push_back({"lscale_edge_threshold", fit.lscale_edge_threshold});
      return;
    case UnmixMethod::lcd:
      options.push_back({"lcd_rank_one_acceptance", fit.lcd_rank_one_acceptance});
      options.push_back({"lcd_edge_threshold", fit.lcd_edge_threshold});
      return;
    case UnmixMethod::finite_sample:
      add_differences(options, fit);
      options.push_back({"finite_eigenvalue_threshold", fit.finite_eigenvalue_threshold});
      options.push_back({"finite_orthogonality_threshold", fit.finite_orthogonality_threshold});
      return;
  }
}

void add_network(Options& options, const GscaleOptions& unmix) {
  options.push_back({"hidden", widths(unmix.hidden)});
  options.push_back({"steps", count(unmix.steps)});
  options.push_back({"batch", count(unmix.batch)});
  options.push_back({"rate", unmix.rate});
}

void add_linear(Options& options, const ContrastiveOptions& linear) {
  options.push_back({"iterations", count(linear.iterations)});
  options.push_back({"sparsity", linear.sparsity});
  options.push_back({"acyclicity", linear.acyclicity});
  options.push_back({"held_out", linear.held_out});
}

void add_network(Options& options, const ContrastiveNetworkOptions& network) {
  options.push_back({"hidden", widths(network.hidden)});
  options.push_back({"starts", count(network.starts)});
  options.push_back({"epochs", network.epochs});
  options.push_back({"least_steps", count(network.least_steps)});
  options.push_back({"batch", count(network.batch)});
  options.push_back({"rate", network.rate});
  options.push_back({"weight_decay", network.weight_decay});
  options.push_back({"held_out", network.held_out});
}

}  // namespace

Options option_list(const FitOptions& fit) {
  Options options{{"method", name_of(unmix_method_names, fit.method)},
                  {"latents", count(fit.latents)}};
  if (!unmix::finds_closure(fit))
    options.push_back({"intervention", name_of(intervention_names, fit.intervention)});
  options.push_back({"mechanism", name_of(mechanism_names, fit.mechanism)});
  options.push_back({"subspace", name_of(subspace_names, fit.subspace)});
  if (unmix::may_remove_noise(fit))
    options.push_back({"observation_noise", name_of(noise_removal_names, fit.observation_noise)});
  add_score(options, fit.score);
  add_published(options, fit);
  options.push_back({"bootstrap", count(fit.bootstrap)});
  options.push_back({"null_splits", count(fit.null_splits)});
  return options;
}

Options option_list(const UmniOptions& umni) {
  Options options{{"method", "umni"},
                  {"latents", count(umni.latents)},
                  {"procedure", name_of(umni_procedure_names, umni.procedure)},
                  {"intervention", name_of(intervention_names, umni.intervention)}};
  if (umni.procedure == UmniProcedure::likelihood) {
    options.push_back({"subspace", name_of(subspace_names, umni.subspace)});
    options.push_back({"observation_noise", name_of(noise_removal_names, umni.observation_noise)});
  }
  add_score(options, umni.score);
  options.push_back({"bootstrap", count(umni.bootstrap)});
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
                  {"differences", difference_method_name(gscale.pair_method)},
                  {"points", count(gscale.points)},
                  {"starts", count(unmix.starts)},
                  {"iterations", count(unmix.iterations)},
                  {"held_out", unmix.held_out}};
  if (unmix.encoder != EncoderFamily::linear) add_network(options, unmix);
  options.push_back({"evidence", name_of(graph_evidence_names, gscale.evidence)});
  options.push_back({"bootstrap", count(gscale.bootstrap)});
  if (gscale.evidence == GraphEvidence::additive) return options;
  options.push_back({"splits", count(gscale.graph.splits)});
  options.push_back({"false_edges", gscale.graph.false_edges});
  return options;
}

Options option_list(const ContrastiveUnmixOptions& contrastive) {
  Options options{{"method", "contrastive"},
                  {"encoder", name_of(encoder_family_names, contrastive.encoder)}};
  if (contrastive.encoder == EncoderFamily::network)
    add_network(options, contrastive.network);
  else
    add_linear(options, contrastive.linear);
  options.push_back({"null_splits", count(contrastive.null_splits)});
  return options;
}

Options option_list(const DoInterventionOptions& options) {
  return {{"method", "do"},
          {"latents", count(options.latents)},
          {"subspace", name_of(subspace_names, options.subspace)}};
}

Options option_list(const IndependentSupportOptions& options) {
  return {{"method", "support"},
          {"latents", count(options.latents)},
          {"share", options.share},
          {"starts", count(options.starts)}};
}

}  // namespace lodestein
