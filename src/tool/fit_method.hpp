#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/named_values.hpp"
#include "lodestein/core/backend.hpp"
#include "lodestein/core/intervention.hpp"
#include "lodestein/data/dataset.hpp"
#include "lodestein/score/gaussian.hpp"
#include "lodestein/unmix/learned_model.hpp"
#include "lodestein/unmix/noise_removal.hpp"
#include "lodestein/unmix/option_list.hpp"
#include "lodestein/unmix/subspace_choice.hpp"
#include "tool/fit_encoder.hpp"

namespace lodestein::tool {

enum class FitMethod {
  likelihood,
  lscale,
  lcd,
  finite_sample,
  umni,
  gscale,
  contrastive,
  do_interventions,
  independent_support
};
inline constexpr NamedValues<FitMethod, 9> fit_method_names{
    {{"likelihood", FitMethod::likelihood},
     {"lscale", FitMethod::lscale},
     {"lcd", FitMethod::lcd},
     {"finite-sample", FitMethod::finite_sample},
     {"umni", FitMethod::umni},
     {"gscale", FitMethod::gscale},
     {"contrastive", FitMethod::contrastive},
     {"do", FitMethod::do_interventions},
     {"support", FitMethod::independent_support}}};

/// What more than one method understands.
struct SharedFitOptions {
  FitMethod method = FitMethod::likelihood;
  std::size_t latents = 0;
  Intervention intervention = Intervention::hard;
  SubspaceChoice subspace = SubspaceChoice::automatic;
  NoiseRemoval observation_noise = NoiseRemoval::automatic;
  GaussianScoreOptions score{};
  std::string differences;  ///< empty: the method's default
  std::size_t bootstrap = 0;
  std::size_t null_splits = 64;
  EncoderChoices encoder{};
};

struct FitInputs {
  Backend backend;
  Dataset dataset;
  Seed seed;
  Observer& observer;
};

struct Fitted {
  LearnedModel model;
  std::vector<OptionValue> options;
};

/// One or two methods of `fit`, as the command line knows them.
struct FitBranch {
  std::vector<FitMethod> methods;
  std::vector<std::string> options;  ///< flags that they can use beside those of all methods
  /// Refuses combinations that make no sense. @throws UsageError.
  std::function<void(const CLI::App&, const SharedFitOptions&)> check;
  std::function<Fitted(const SharedFitOptions&, FitInputs&&)> run;
};

/// Each adds the options that only it has.
FitBranch add_linear_options(CLI::App& app);  ///< likelihood, lscale, lcd, finite-sample
FitBranch add_umni_options(CLI::App& app);
FitBranch add_gscale_options(CLI::App& app);
FitBranch add_contrastive_options(CLI::App& app);
FitBranch do_interventions_branch();
FitBranch add_support_options(CLI::App& app);

/// Refuses `flags` that were given although `why` says that they have no effect.
/// @throws UsageError.
void refuse_without_effect(const CLI::App& app, const std::vector<std::string>& flags,
                           const std::string& why);

}  // namespace lodestein::tool
