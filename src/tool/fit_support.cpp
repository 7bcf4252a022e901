#include "lodestein/unmix/independent_support.hpp"
#include "tool/command.hpp"
#include "tool/fit_method.hpp"
#include "tool/number_option.hpp"
#include "unmix/stopwatch.hpp"

namespace lodestein::tool {
namespace {

void check(const SharedFitOptions& shared) {
  if (shared.latents == 0)
    throw UsageError("--method support needs --latents, which no environment tells it");
}

Fitted run(IndependentSupportOptions options, const SharedFitOptions& shared,
           const FitInputs& inputs) {
  options.latents = shared.latents;
  options.starts = shared.encoder.starts.value_or(options.starts);
  std::vector<StageTime> timings;
  unmix::Stopwatch stopwatch;
  LearnedModel model = learned_model(
      independent_support(inputs.backend, inputs.dataset, options, inputs.seed, inputs.observer),
      inputs.dataset);
  stopwatch.lap(timings, "unmixing");
  model.timings = timings;
  return {std::move(model), option_list(options)};
}

}  // namespace

FitBranch add_support_options(CLI::App& app) {
  const auto options = std::make_shared<IndependentSupportOptions>();
  const NumberRange half{0.0, 0.4, true, "a number from 0 to 0.4"};
  add_real(app, "--share", options->share, half,
           "Of the samples whose mean is an end of a latent, 0 = the extreme one; more for data "
           "with outliers")
      ->type_name("P")
      ->group("Method support");
  return {{FitMethod::independent_support},
          {"--latents", "--starts", "--share"},
          [](const CLI::App&, const SharedFitOptions& shared) { check(shared); },
          [options](const SharedFitOptions& shared, FitInputs&& inputs) {
            return run(*options, shared, inputs);
          }};
}

}  // namespace lodestein::tool
