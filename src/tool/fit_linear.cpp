#include <fmt/format.h>

#include "lodestein/unmix/fit.hpp"
#include "tool/command.hpp"
#include "tool/fit_method.hpp"
#include "tool/number_option.hpp"
#include "unmix/option_names.hpp"

namespace lodestein::tool {
namespace {

constexpr std::size_t most_splits = 100'000;
constexpr const char* group = "Method lscale, lcd or finite-sample";

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

bool published(const LinearChoices& choices) {
  return choices.parity || choices.fit.refinement == Refinement::none;
}

/// A threshold belongs to one method, and only that method's own graph uses it.
void check_thresholds(const CLI::App& app, const LinearChoices& choices,
                      const SharedFitOptions& shared) {
  const bool refined = !published(choices);
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
  needs("--finite-eigenvalue-threshold", FitMethod::finite_sample);
  needs("--finite-orthogonality-threshold", FitMethod::finite_sample);
  if (!refined && shared.method == FitMethod::finite_sample)
    refuse_without_effect(app, {"--intervention"},
                          "with --method finite-sample as published, which treats hard and soft "
                          "interventions alike");
}

UnmixMethod unmix_method(FitMethod method) {
  if (method == FitMethod::lcd) return UnmixMethod::lcd;
  return method == FitMethod::finite_sample ? UnmixMethod::finite_sample : UnmixMethod::lscale;
}

FitOptions fit_options(const LinearChoices& choices, const SharedFitOptions& shared) {
  FitOptions fit = choices.fit;
  fit.method = unmix_method(shared.method);
  fit.latents = shared.latents;
  fit.intervention = shared.intervention;
  fit.score = shared.score;
  fit.bootstrap = shared.bootstrap;
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
  add("--finite-eigenvalue-threshold", fit.finite_eigenvalue_threshold, positive(),
      "finite-sample --refine none: ranks count the eigenvalues above this");
  add("--finite-orthogonality-threshold", fit.finite_orthogonality_threshold, proper_share(),
      "finite-sample --refine none: edge if no more than this of a unit vector is left");
}

void add_choices(CLI::App& app, LinearChoices& choices) {
  FitOptions& fit = choices.fit;
  add_choice(app, "--refine", fit.refinement, refinement_names,
             "likelihood: profile likelihood with order search and a test of each edge, which "
             "starts from encoders in the manner of lscale and lcd; none: the method's own encoder "
             "and threshold, as published")
      ->group(group);
  add_choice(app, "--mechanism", fit.mechanism, mechanism_names,
             "Of latents as functions of their parents, plus noise. linear: second moments decide; "
             "additive: any smooth function, for hard interventions and one environment per latent")
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
  return {{FitMethod::lscale, FitMethod::lcd, FitMethod::finite_sample},
          {"--latents", "--intervention", "--score", "--shrinkage", "--refine", "--mechanism",
           "--bootstrap", "--null-splits", "--parity", "--edge-threshold", "--lcd-edge-threshold",
           "--lcd-rank-one", "--finite-eigenvalue-threshold", "--finite-orthogonality-threshold"},
          [choices](const CLI::App& given, const SharedFitOptions& shared) {
            check_parity(given, *choices, shared);
            check_thresholds(given, *choices, shared);
          },
          [choices](const SharedFitOptions& shared, FitInputs&& inputs) {
            return run(*choices, shared, std::move(inputs));
          }};
}

}  // namespace lodestein::tool
