#include <fmt/format.h>

#include <initializer_list>
#include <string>
#include <vector>

#include "lodestein/unmix/fit.hpp"
#include "tool/command.hpp"
#include "tool/fit_method.hpp"
#include "tool/number_option.hpp"
#include "tool/text.hpp"
#include "unmix/option_names.hpp"

namespace lodestein::tool {
namespace {

constexpr const char* group = "Method likelihood, lscale, lcd or finite-sample";

struct LinearChoices {
  FitOptions fit;
  bool parity = false;
};

/// What is said beside --parity must not contradict it.
void check_parity(const CLI::App& app, const LinearChoices& choices,
                  const SharedFitOptions& shared) {
  if (!choices.parity) return;
  if (shared.method == FitMethod::likelihood)
    throw UsageError("--parity needs a published method: --method lscale, lcd or finite-sample");
  if (app.count("--shrinkage") && shared.score.shrinkage != Shrinkage::none)
    throw UsageError("--parity means --shrinkage none; leave one of them out");
  if (app.count("--subspace") && shared.subspace != SubspaceChoice::variance)
    throw UsageError("--parity means --subspace variance; leave one of them out");
}

/// Of the published methods each has options of its own, and the likelihood has none of them.
void check_own_options(const CLI::App& app, const LinearChoices& choices,
                       const SharedFitOptions& shared) {
  const auto needs = [&](const char* option, std::initializer_list<FitMethod> methods) {
    if (app.count(option) == 0) return;
    std::vector<std::string> names;
    for (const FitMethod method : methods) {
      if (method == shared.method) return;
      names.push_back(name_of(fit_method_names, method));
    }
    throw UsageError(fmt::format("{} needs --method {}", option, joined(names, " or ")));
  };
  needs("--mechanism", {FitMethod::likelihood});
  needs("--observation-noise", {FitMethod::likelihood});
  needs("--edge-threshold", {FitMethod::lscale});
  needs("--lcd-edge-threshold", {FitMethod::lcd});
  needs("--lcd-rank-one", {FitMethod::lcd});
  needs("--finite-eigenvalue-threshold", {FitMethod::finite_sample});
  needs("--finite-orthogonality-threshold", {FitMethod::finite_sample});
  needs("--differences", {FitMethod::lscale, FitMethod::finite_sample});
  if (choices.fit.mechanism == Mechanism::additive)
    refuse_without_effect(app, {"--observation-noise"},
                          "with --mechanism additive, which goes by samples, not by moments");
  if (shared.method == FitMethod::finite_sample)
    refuse_without_effect(
        app, {"--intervention"},
        "with --method finite-sample, which treats hard and soft interventions alike");
}

UnmixMethod unmix_method(FitMethod method) {
  return value_named(unmix_method_names, name_of(fit_method_names, method));
}

FitOptions fit_options(const LinearChoices& choices, const SharedFitOptions& shared) {
  FitOptions fit = choices.fit;
  fit.method = unmix_method(shared.method);
  fit.latents = shared.latents;
  fit.intervention = shared.intervention;
  fit.subspace = choices.parity ? SubspaceChoice::variance : shared.subspace;
  fit.observation_noise = shared.observation_noise;
  fit.score = shared.score;
  fit.bootstrap = shared.bootstrap;
  fit.null_splits = shared.null_splits;
  if (!shared.differences.empty() && shared.differences != "gaussian")
    fit.differences = difference_method(shared.differences);
  if (choices.parity) fit.score.shrinkage = Shrinkage::none;
  return fit;
}

void add_threshold_options(CLI::App& app, FitOptions& fit) {
  const auto add = [&](const char* flag, double& value, const NumberRange& range,
                       const char* help) {
    add_real(app, flag, value, range, help)->type_name("X")->group(group);
  };
  add("--edge-threshold", fit.lscale_edge_threshold, positive(),
      "lscale: smallest score difference that makes an edge");
  add("--lcd-edge-threshold", fit.lcd_edge_threshold, positive(),
      "lcd: smallest coefficient that makes an edge");
  add("--lcd-rank-one", fit.lcd_rank_one_acceptance, proper_share(),
      "lcd: rank-one ratio from which an environment counts as a root's");
  add("--finite-eigenvalue-threshold", fit.finite_eigenvalue_threshold, positive(),
      "finite-sample: ranks count the eigenvalues above this");
  add("--finite-orthogonality-threshold", fit.finite_orthogonality_threshold, proper_share(),
      "finite-sample: edge if no more than this of a unit vector is left");
}

void add_choices(CLI::App& app, LinearChoices& choices) {
  FitOptions& fit = choices.fit;
  add_choice(app, "--mechanism", fit.mechanism, mechanism_names,
             "likelihood: of latents as functions of their parents, plus noise. linear: second "
             "moments decide; additive: any smooth function, for hard interventions and one "
             "environment per latent")
      ->group(group);
  app.add_flag("--parity", choices.parity,
               "Published methods: as the published code does it, which means --shrinkage none "
               "and --subspace variance; that PCA uses the samples of all environments")
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
  return {{FitMethod::likelihood, FitMethod::lscale, FitMethod::lcd, FitMethod::finite_sample},
          {"--latents", "--intervention", "--differences", "--shrinkage", "--subspace",
           "--observation-noise", "--mechanism", "--bootstrap", "--null-splits", "--parity",
           "--edge-threshold", "--lcd-edge-threshold", "--lcd-rank-one",
           "--finite-eigenvalue-threshold", "--finite-orthogonality-threshold"},
          [choices](const CLI::App& given, const SharedFitOptions& shared) {
            check_parity(given, *choices, shared);
            check_own_options(given, *choices, shared);
          },
          [choices](const SharedFitOptions& shared, FitInputs&& inputs) {
            return run(*choices, shared, std::move(inputs));
          }};
}

}  // namespace lodestein::tool
