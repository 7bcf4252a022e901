#include <fmt/format.h>

#include "lodestein/unmix/fit.hpp"
#include "tool/command.hpp"
#include "tool/fit_method.hpp"
#include "tool/number_option.hpp"
#include "unmix/option_names.hpp"

namespace lodestein::tool {
namespace {

constexpr std::size_t most_replicates = 100'000, most_splits = 100'000;
constexpr const char* group = "Method lscale or lcd";

struct LinearChoices {
  FitOptions fit;
  bool parity = false;
};

/// --parity is short for several options; what is said beside it must not contradict it.
void check_parity(const CLI::App& app, const LinearChoices& choices,
                  const SharedFitOptions& shared) {
  if (!choices.parity) return;
  if (app.count("--refine") && choices.fit.refinement != Refinement::none)
    throw UsageError("--parity means --refine none; leave one of them out");
  if (app.count("--shrinkage") && shared.score.shrinkage != Shrinkage::none)
    throw UsageError("--parity means --shrinkage none; leave one of them out");
}

/// A threshold belongs to one method, and only that method's own graph uses it.
void check_thresholds(const CLI::App& app, const LinearChoices& choices,
                      const SharedFitOptions& shared) {
  const bool refined = !choices.parity && choices.fit.refinement != Refinement::none;
  const auto needs = [&](const char* option, FitMethod method) {
    if (app.count(option) == 0) return;
    if (refined)
      throw UsageError(fmt::format(
          "{} has no effect with --refine likelihood, which tests each edge; add --refine none or "
          "leave it out",
          option));
    if (shared.method != method)
      throw UsageError(
          fmt::format("{} needs --method {}", option, name_of(fit_method_names, method)));
  };
  needs("--edge-threshold", FitMethod::lscale);
  needs("--lcd-edge-threshold", FitMethod::lcd);
  needs("--lcd-rank-one", FitMethod::lcd);
}

FitOptions fit_options(const LinearChoices& choices, const SharedFitOptions& shared) {
  FitOptions fit = choices.fit;
  fit.method = shared.method == FitMethod::lcd ? UnmixMethod::lcd : UnmixMethod::lscale;
  fit.latents = shared.latents;
  fit.intervention = shared.intervention;
  fit.score = shared.score;
  if (choices.parity) {
    fit.refinement = Refinement::none;
    fit.score.shrinkage = Shrinkage::none;
  }
  return fit;
}

void add_threshold_options(CLI::App& app, FitOptions& fit) {
  const auto add = [&](const char* flag, double& value, const NumberRange& range,
                       const char* help) {
    add_real(app, flag, value, range, help)->type_name("X")->group(group);
  };
  add("--edge-threshold", fit.lscale_edge_threshold, positive(),
      "lscale --refine none: smallest score difference that makes an edge");
  add("--lcd-edge-threshold", fit.lcd_edge_threshold, positive(),
      "lcd --refine none: smallest coefficient that makes an edge");
  add("--lcd-rank-one", fit.lcd_rank_one_acceptance, proper_share(),
      "lcd --refine none: rank-one ratio from which an environment counts as a root's");
}

void add_choices(CLI::App& app, LinearChoices& choices) {
  FitOptions& fit = choices.fit;
  add_choice(app, "--refine", fit.refinement, refinement_names,
             "likelihood: profile likelihood with order search and a test of each edge, which "
             "starts from encoders in the manner of both methods; none: the method's own encoder "
             "and threshold, as published")
      ->group(group);
  add_choice(app, "--mechanism", fit.mechanism, mechanism_names,
             "Of latents as functions of their parents, plus noise. linear: second moments decide; "
             "additive: any smooth function, for hard interventions and one environment per latent")
      ->group(group);
  add_whole(app, "--bootstrap", fit.bootstrap, 0, most_replicates,
            "Replicates behind the support of each edge, 0 = none")
      ->type_name("B")
      ->group(group);
  add_whole(app, "--null-splits", fit.null_splits, 2, most_splits,
            "Pairs of resampled controls that the diagnosis compares environments with")
      ->type_name("N")
      ->group(group);
  app.add_flag("--parity", choices.parity,
               "As the published code does it: sets --refine none (the method's own thresholds) "
               "and --shrinkage none; the PCA before it uses the samples of all environments")
      ->group(group);
  add_threshold_options(app, fit);
}

Fitted run(const LinearChoices& choices, const SharedFitOptions& shared, FitInputs&& inputs) {
  FitResult result = fit(inputs.backend, inputs.dataset, fit_options(choices, shared), inputs.seed,
                         inputs.observer);
  const auto options = option_list(result.options);
  return {std::move(result), options};
}

}  // namespace

FitBranch add_linear_options(CLI::App& app) {
  const auto choices = std::make_shared<LinearChoices>();
  add_choices(app, *choices);
  return {{FitMethod::lscale, FitMethod::lcd},
          {"--latents", "--intervention", "--score", "--shrinkage", "--refine", "--mechanism",
           "--bootstrap", "--null-splits", "--parity", "--edge-threshold", "--lcd-edge-threshold",
           "--lcd-rank-one"},
          [choices](const CLI::App& given, const SharedFitOptions& shared) {
            check_parity(given, *choices, shared);
            check_thresholds(given, *choices, shared);
          },
          [choices](const SharedFitOptions& shared, FitInputs&& inputs) {
            return run(*choices, shared, std::move(inputs));
          }};
}

}  // namespace lodestein::tool
