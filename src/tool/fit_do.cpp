#include "lodestein/data/moments.hpp"
#include "lodestein/unmix/do_interventions.hpp"
#include "tool/fit_method.hpp"
#include "unmix/stopwatch.hpp"

namespace lodestein::tool {
namespace {

Fitted run(const SharedFitOptions& shared, const FitInputs& inputs) {
  const DoInterventionOptions options{.latents = shared.latents, .subspace = shared.subspace};
  validate(inputs.dataset, 2);
  std::vector<StageTime> timings;
  unmix::Stopwatch stopwatch;
  const auto moments = compute_moments(inputs.backend, inputs.dataset, inputs.observer);
  stopwatch.lap(timings, "moments");
  LearnedModel model = learned_model(
      do_interventions(inputs.backend, moments, options, inputs.observer), inputs.dataset);
  stopwatch.lap(timings, "unmixing");
  model.timings = timings;
  return {std::move(model), option_list(options)};
}

}  // namespace

FitBranch do_interventions_branch() {
  return {{FitMethod::do_interventions},
          {"--latents", "--subspace"},
          [](const CLI::App&, const SharedFitOptions&) {},
          [](const SharedFitOptions& shared, FitInputs&& inputs) { return run(shared, inputs); }};
}

}  // namespace lodestein::tool
