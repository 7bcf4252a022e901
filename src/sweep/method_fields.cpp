#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/intervention_names.hpp"
#include "lodestein/score/estimate.hpp"
#include "score/option_names.hpp"
#include "sweep/methods.hpp"
#include "unmix/option_names.hpp"

namespace lodestein::sweep {
namespace {

std::vector<std::string> with_exact(std::vector<std::string> names) {
  names.emplace_back("exact");
  return names;
}

using Names = std::vector<std::string>;

SweepFieldInfo count(const char* name, const char* help, double high, Names methods) {
  return {name, help, std::int64_t{0}, {}, 0, high, std::move(methods)};
}

SweepFieldInfo choice(const char* name, const char* help, const char* otherwise, Names choices,
                      Names methods) {
  return {name, help, std::string(otherwise), std::move(choices), 0, 0, std::move(methods)};
}

SweepFieldInfo number(const char* name, const char* help, double otherwise, double high,
                      Names methods) {
  constexpr double least = 1e-15;  // none of them may be 0
  return {name, help, otherwise, {}, least, high, std::move(methods)};
}

std::vector<SweepFieldInfo> linear_options() {
  constexpr double any = 1e9, below_one = 1.0 - 1e-9;
  return {
      choice("shrinkage",
             "of covariances before they are inverted; auto: oas below 10 samples a dimension",
             "auto", words_of(shrinkage_names),
             {"likelihood", "lscale", "lcd", "finite-sample", "umni", "umni-published"}),
      choice("subspace",
             "directions in which latents are sought if data fill more; auto: by BIC, if variance "
             "leaves more than .001 out",
             "auto", words_of(subspace_names), {"likelihood", "additive", "umni"}),
      choice("noise_removal", "of noise of one strength on the features; auto: if it looks like it",
             "auto", words_of(noise_removal_names), {"likelihood", "umni"}),
      number("edge_threshold", "edge if the moment in latent coordinates is at least this", 1e-3,
             any, {"lscale"}),
      choice("differences", "how score differences are estimated; exact: from the truth",
             "gaussian", with_exact(difference_method_names()),
             {"lscale", "finite-sample", "lscale-full-rank"}),
      choice("points", "where they are averaged, if not gaussian", "overlap",
             words_of(moment_points_names), {"lscale", "finite-sample", "lscale-full-rank"}),
      {"splits",
       "of the samples, for cross-fitted moments; 0: plain ones",
       std::int64_t{4},
       {},
       0,
       1000,
       {"lscale-full-rank"}},
      number("rank_tolerance", "share of the largest eigenvalue that counts", 1e-6, below_one,
             {"lscale-full-rank"}),
      number("angle_tolerance", "1 less the cosine at which directions are common", 0.05, below_one,
             {"lscale-full-rank"}),
      number("lcd_edge_threshold", "size of an entry of B_0 that counts as an edge", 0.04, any,
             {"lcd"}),
      number("lcd_rank_one", "share of the largest singular value that counts as rank one", 0.99,
             below_one, {"lcd"}),
      number("finite_eigenvalue_threshold", "ranks count eigenvalues above this", 1e-2, any,
             {"finite-sample"}),
      number("finite_orthogonality_threshold", "edge if no more than this of a unit vector is left",
             0.1, below_one, {"finite-sample"}),
      {"largest_coefficient",
       "combinations have entries from -this to this",
       std::int64_t{2},
       {},
       1,
       100,
       {"umni-published"}},
      number("eigenvalue_threshold", "ranks count eigenvalues above this", 5e-2, any,
             {"umni-published"}),
      number("coefficient_change", "norm that tells hit regressions from others", 0.1, any,
             {"umni-published"}),
      number("edge_level", "of partial correlation tests, hard interventions", 0.05, 1.0,
             {"umni-published"}),
  };
}

Names assumed_interventions() {
  Names names = words_of(intervention_names);
  names.insert(names.begin(), as_simulated);
  return names;
}

std::vector<SweepFieldInfo> general_options() {
  return {
      count("fitted_latents", "latents to fit; 0: as many as are hit", 1000,
            {"likelihood", "lscale", "lcd", "finite-sample", "umni", "umni-published"}),
      count("null_splits", "pairs of resampled controls for the diagnosis; 0: it goes without", 1e4,
            {"likelihood", "lscale", "lcd", "finite-sample", "additive"}),
      choice("assumed_intervention", "what the method takes interventions for", as_simulated,
             assumed_interventions(), {"likelihood"}),
      choice("encoder", "map from the data's coordinates to latents; invertible: gscale only",
             "linear", words_of(encoder_family_names), {"contrastive", "gscale"}),
      choice("pairing", "what is known of which environments hit the same latent", "coupled",
             words_of(pairing_names), {"gscale"}),
      choice("link", "function of a linear map in the mixing; estimated: found from the data",
             "identity", words_of(link_choice_names), {"gscale"}),
      choice("pair_differences",
             "how differences of the environments of a pair are estimated; exact: from the truth",
             "auto", with_exact(difference_method_names()), {"gscale"}),
      choice("evidence", "how the graph is found, if not from exact differences", "additive",
             words_of(graph_evidence_names), {"gscale"}),
  };
}

}  // namespace

std::vector<SweepFieldInfo> method_fields() {
  std::vector<SweepFieldInfo> fields = linear_options();
  const auto more = general_options();
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

bool is_relevant(const std::string& option, const std::vector<SweepField>& options) {
  const auto is = [&](const char* name, const char* value) {
    return std::find(options.begin(), options.end(), SweepField{name, std::string(value)}) !=
           options.end();
  };
  if (option == "points" || option == "splits")
    return !is("differences", "gaussian") && !is("differences", "exact");
  if (option == "evidence") return !is("pair_differences", "exact");
  if (option != "shrinkage" && option != "fitted_latents" && option != "null_splits") return true;
  const bool has_differences = std::any_of(options.begin(), options.end(), [](const auto& field) {
    return field.name == "differences";
  });
  return !has_differences || is("differences", "gaussian");
}

}  // namespace lodestein::sweep
