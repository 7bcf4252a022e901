#include <fmt/format.h>

#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

#include "lodestein/simulate/study.hpp"
#include "simulate/check.hpp"
#include "simulate/option_names.hpp"
#include "simulate/study_folder.hpp"
#include "tool/command.hpp"
#include "tool/complexity.hpp"
#include "tool/number_option.hpp"
#include "unmix/option_names.hpp"

namespace lodestein::tool {
namespace {

constexpr std::size_t most_latents = 1000, most_observed = 10'000'000;
constexpr std::size_t most_samples = 1'000'000'000;
constexpr double most_gigabytes = 64.0;

struct SimulateOptions {
  StudyOptions study;
  StorageType storage = StorageType::float32;
  std::filesystem::path out;
  bool fixed_order = false;
  bool keep_columns = false;
};

nlohmann::ordered_json summary_json(const Study& study,
                                    const std::optional<SampleComplexity>& complexity,
                                    const SimulateOptions& options) {
  return {{"out", options.out.string()},
          {"seed", study.seed.value},
          {"latents", study.truth.model.latents()},
          {"edges", study.truth.model.graph().edge_count()},
          {"observed", study.dataset.feature_count()},
          {"environments", study.dataset.environments.size()},
          {"samples_per_environment", study.options.samples},
          {"redraws", study.truth.redraws},
          {"sample_complexity", complexity_json(complexity)}};
}

std::string summary_text(const Study& study, const std::optional<SampleComplexity>& complexity,
                         const SimulateOptions& options) {
  const std::string redraws =
      study.options.weak_edge_filter > 0.0
          ? fmt::format(" (the weak-edge filter refused {})", counted(study.truth.redraws, "model"))
          : "";
  return fmt::format("Simulated {} with {}{} and {} of {} samples over {}.\n{}Written to {}\n",
                     counted(study.truth.model.latents(), "latent"),
                     counted(study.truth.model.graph().edge_count(), "edge"), redraws,
                     counted(study.dataset.environments.size(), "environment"),
                     study.options.samples, counted(study.dataset.feature_count(), "feature"),
                     complexity ? complexity_text(*complexity) + "\n" : "", options.out.string());
}

/// No option is silently without effect.
void check_combination(const CLI::App& app, const StudyOptions& study) {
  if (app.count("--second-variance-scale") && study.design != InterventionDesign::pairs)
    throw UsageError("--second-variance-scale needs --design pairs");
  if (app.count("--student-degrees") && study.latent.noise != NoiseFamily::student)
    throw UsageError("--student-degrees needs --noise student");
  if (app.count("--soft-factor") && study.intervention != Intervention::soft)
    throw UsageError("--soft-factor needs --intervention soft");
  if (app.count("--no-normalise-columns") && study.mixing.family != MixingFamily::linear)
    throw UsageError("--no-normalise-columns needs --mixing linear");
}

/// What the study alone takes: samples and latents of every environment, and the mixing.
double gigabytes(const StudyOptions& study) {
  const auto latents = static_cast<double>(study.latent.latents);
  const auto observed = static_cast<double>(study.mixing.observed);
  const auto environments = static_cast<double>(environment_count(study));
  const double rows = environments * static_cast<double>(study.samples);
  return 8e-9 * (rows * (observed + latents) + observed * latents);
}

void check_size(const StudyOptions& study) {
  const double needed = gigabytes(study);
  if (needed <= most_gigabytes) return;
  throw UsageError(
      fmt::format("the study would take {:.0f} GB of memory, the limit is {:.0f} GB; give fewer "
                  "--samples, --observed or --latents",
                  std::ceil(needed), most_gigabytes));
}

int run_simulate(const SimulateOptions& options, const Context& context) {
  StudyOptions settings = options.study;
  settings.latent.random_order = settings.random_intervention_order = !options.fixed_order;
  settings.mixing.normalise_columns = !options.keep_columns;
  check_replaceable(options.out, study_folder());

  ProgressObserver observer = context.observer();
  const Study study = simulate_study(settings, Seed{context.seed}, observer);
  check_cancelled(observer);
  write_study(options.out, study, options.storage);

  const auto complexity = sample_complexity(study);
  context.say(summary_text(study, complexity, options));
  context.emit(summary_json(study, complexity, options).dump(2) + "\n");
  return done;
}

void add_model_options(CLI::App& app, SimulateOptions& options) {
  StudyOptions& study = options.study;
  add_whole(app, "--latents", study.latent.latents, 1, most_latents, "Latent variables")
      ->type_name("N")
      ->group("Model");
  add_choice(app, "--scm", study.latent.family, latent_family_names, "Latent mechanisms")
      ->group("Model");
  add_real(app, "--density", study.latent.density, share(),
           "Probability of each possible latent edge")
      ->type_name("P")
      ->group("Model");
  add_choice(app, "--noise", study.latent.noise, noise_family_names,
             "Law of the latents' noise, centred")
      ->group("Model");
  add_real(app, "--student-degrees", study.latent.student_degrees, positive(),
           "Degrees of freedom of Student's noise, above 2 (--noise student)")
      ->type_name("DF")
      ->group("Model");
  add_real(app, "--weak-edge-filter", study.weak_edge_filter, non_negative(),
           "Redraw the model until every edge moves the score by at least this; published code: "
           "0.02; 0 keeps every model")
      ->type_name("X")
      ->group("Model");
  app.add_flag("--fixed-order", options.fixed_order,
               "Causal order and environment order follow the latents' numbers, as in published "
               "code (leaks the order; for comparison only)")
      ->group("Model");
}

void add_mixing_options(CLI::App& app, SimulateOptions& options) {
  StudyOptions& study = options.study;
  add_whole(app, "--observed", study.mixing.observed, 1, most_observed, "Observed features")
      ->type_name("D")
      ->group("Mixing");
  add_choice(app, "--mixing", study.mixing.family, mixing_family_names,
             "Map from latents to features")
      ->group("Mixing");
  app.add_flag("--no-normalise-columns", options.keep_columns,
               "Leave the columns of a linear mixing as drawn (default: largest entry 1)")
      ->group("Mixing");
  add_real(app, "--observation-noise", study.observation_noise, non_negative(),
           "Standard deviation of Gaussian noise added to every feature")
      ->type_name("SD")
      ->group("Mixing");
}

void add_intervention_options(CLI::App& app, StudyOptions& study) {
  const auto add_number = [&](const char* flag, double& value, const char* type, const char* help) {
    add_real(app, flag, value, non_negative(), help)->type_name(type)->group("Environments");
  };
  add_whole(app, "--samples", study.samples, 1, most_samples, "Samples per environment")
      ->type_name("N")
      ->group("Environments");
  add_choice(app, "--design", study.design, design_names,
             "single: one environment per latent; pairs: two; multi: several targets at once")
      ->group("Environments");
  add_choice(app, "--intervention", study.intervention, intervention_names,
             "hard: the target loses its parents; soft: it keeps them with other coefficients")
      ->group("Environments");
  add_number("--variance-scale", study.variance_scale, "C",
             "The target's noise variance is multiplied by this");
  add_number("--variance-increase", study.variance_increase, "V", "... and increased by this");
  add_number("--soft-factor", study.soft_factor, "X",
             "Soft interventions multiply the mechanism by this (--intervention soft)");
  add_real(app, "--intervened-share", study.intervened_share, share(),
           "Probability that a sample of an interventional environment is intervened on; else it "
           "is observational")
      ->type_name("P")
      ->group("Environments");
  add_whole(app, "--unhit", study.unhit, 0, most_latents, "Latents without an environment")
      ->type_name("N")
      ->group("Environments");
  add_number("--second-variance-scale", study.second_variance_scale, "C",
             "The same factor in the second environment of a pair (--design pairs)");
}

constexpr const char* footer = R"(
Writes a folder that `fit` reads (one .npy per environment) with the truth that `evaluate` reads.

Example:
  lodestein simulate --latents 5 --observed 100 --samples 50000 --scm linear --mixing linear \
    --intervention hard --variance-scale 0.25 --seed 7 --out study
)";

}  // namespace

Runner add_simulate(CLI::App& app, Context& context) {
  const auto options = std::make_shared<SimulateOptions>();
  app.add_option("--out", options->out, "Folder to write; an older study is replaced")
      ->required()
      ->type_name("DIR");
  add_model_options(app, *options);
  add_mixing_options(app, *options);
  add_intervention_options(app, options->study);
  add_choice(app, "--storage", options->storage, storage_names, "Number format of the samples");
  add_seed(app, context);
  add_threads(app, context);
  add_output_options(app, context);
  app.footer(footer);
  return [options, &app](const Context& c) {
    check_combination(app, options->study);
    check(options->study);
    check_size(options->study);
    return run_simulate(*options, c);
  };
}

}  // namespace lodestein::tool
