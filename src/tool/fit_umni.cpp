#include "lodestein/unmix/umni.hpp"
#include "tool/command.hpp"
#include "tool/fit_method.hpp"
#include "tool/number_option.hpp"
#include "unmix/option_names.hpp"

namespace lodestein::tool {
namespace {

constexpr int most_coefficient = 1000;
constexpr const char* group = "Method umni";

const std::vector<std::string> published_options{"--largest-coefficient", "--eigenvalue-threshold",
                                                 "--coefficient-change", "--edge-level"};

void check(const CLI::App& app, const UmniOptions& umni, const SharedFitOptions& shared) {
  if (umni.procedure == UmniProcedure::likelihood)
    refuse_without_effect(app, published_options,
                          "with --procedure likelihood, which has no threshold; add --procedure "
                          "published or leave it out");
  else
    refuse_without_effect(
        app, {"--subspace", "--observation-noise"},
        "with --procedure published, which takes the principal components as they are");
  if (shared.intervention == Intervention::soft)
    refuse_without_effect(app, {"--coefficient-change", "--edge-level"},
                          "with --intervention soft, where ancestors aren't separated");
}

void add_choices(CLI::App& app, UmniOptions& umni) {
  const auto add = [&](const char* flag, double& value, const NumberRange& range,
                       const char* help) {
    add_real(app, flag, value, range, help)->type_name("X")->group(group);
  };
  add_choice(app, "--procedure", umni.procedure, umni_procedure_names,
             "likelihood: of linear latents, with learned target sets and a test of each edge; "
             "published: UMNI-CRL (Varici et al.) with its absolute thresholds")
      ->group(group);
  add_whole(app, "--largest-coefficient", umni.largest_coefficient, 1, most_coefficient,
            "published: combinations of environments have entries from -K to K")
      ->type_name("K")
      ->group(group);
  add("--eigenvalue-threshold", umni.eigenvalue_threshold, positive(),
      "published: ranks count the eigenvalues above this");
  add("--coefficient-change", umni.coefficient_change, positive(),
      "published, hard: change of regression coefficients that tells who is hit");
  add("--edge-level", umni.edge_level, proper_share(),
      "published, hard: level of the partial correlation tests behind edges");
}

Fitted run(UmniOptions umni_options, const SharedFitOptions& shared, const FitInputs& inputs) {
  umni_options.latents = shared.latents > 0 ? shared.latents : inputs.dataset.interventions();
  umni_options.intervention = shared.intervention;
  umni_options.subspace = shared.subspace;
  umni_options.observation_noise = shared.observation_noise;
  umni_options.score = shared.score;
  umni_options.bootstrap = shared.bootstrap;
  LearnedModel model = learned_model(
      umni(inputs.backend, inputs.dataset, umni_options, inputs.seed, inputs.observer),
      inputs.dataset);
  return {std::move(model), option_list(umni_options)};
}

}  // namespace

FitBranch add_umni_options(CLI::App& app) {
  const auto umni_options = std::make_shared<UmniOptions>();
  add_choices(app, *umni_options);
  std::vector<std::string> known{"--latents",  "--intervention",      "--shrinkage",
                                 "--subspace", "--observation-noise", "--procedure",
                                 "--bootstrap"};
  known.insert(known.end(), published_options.begin(), published_options.end());
  return {{FitMethod::umni},
          std::move(known),
          [umni_options](const CLI::App& given, const SharedFitOptions& shared) {
            check(given, *umni_options, shared);
          },
          [umni_options](const SharedFitOptions& shared, FitInputs&& inputs) {
            return run(*umni_options, shared, inputs);
          }};
}

}  // namespace lodestein::tool
