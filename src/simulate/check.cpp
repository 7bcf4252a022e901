#include "simulate/check.hpp"

#include <algorithm>
#include <string>

#include "simulate/noise.hpp"

namespace lodestein {
namespace {

std::string at_least(std::string_view name, double low) {
  std::ostringstream text;
  text << "at least " << name << " = " << low << " and finite";
  return text.str();
}

void check_range(std::string_view low_name, double low, std::string_view high_name, double high) {
  check_positive(low_name, low);
  check_option(high >= low && std::isfinite(high), high_name, high, at_least(low_name, low));
}

// What a change of variance makes of the smallest variance there is.
void check_change(std::string_view scale_name, double scale, std::string_view increase_name,
                  double increase, double smallest_variance) {
  check_not_negative(scale_name, scale);
  check_finite(increase_name, increase);
  check_option(scale * smallest_variance + increase > 0.0, increase_name, increase,
               std::string("large enough that ") + std::string(scale_name) + " * variance + " +
                   std::string(increase_name) + " is greater than 0 for every noise variance");
}

}  // namespace

void check(const LatentModelOptions& options) {
  check_option(options.latents >= 1, "latents", options.latents, "at least 1");
  check_option(options.density >= 0.0 && options.density <= 1.0, "density", options.density,
               "in [0, 1]");
  check_range("weight_low", options.weight_low, "weight_high", options.weight_high);
  check_range("noise_variance_low", options.noise_variance_low, "noise_variance_high",
              options.noise_variance_high);
  check_option(options.student_degrees > 2.0 && std::isfinite(options.student_degrees),
               "student_degrees", options.student_degrees,
               "greater than 2 and finite: with fewer degrees there is no variance");
}

bool linear_differences(const LatentModel& model,
                        const std::vector<InterventionSpec>& interventions) {
  return !model.weights().empty() && model.noise() == NoiseFamily::gaussian &&
         std::all_of(interventions.begin(), interventions.end(),
                     [](const InterventionSpec& spec) { return spec.share == 1.0; });
}

std::size_t environment_count(const StudyOptions& options) {
  const std::size_t hit = options.latent.latents - options.unhit;
  return 1 + hit * (options.design == InterventionDesign::pairs ? 2 : 1);
}

void check(const MixingOptions& options, std::size_t latents) {
  check_option(latents >= 1, "latents", latents, "at least 1");
  check_option(options.observed >= latents, "observed", options.observed,
               "at least latents = " + std::to_string(latents));
  check_option(options.minimum_conditioning >= 0.0 && options.minimum_conditioning < 1.0,
               "minimum_conditioning", options.minimum_conditioning, "in [0, 1)");
}

void check(const StudyOptions& options) {
  check(options.latent);
  check(options.mixing, options.latent.latents);
  check_option(options.samples >= 1, "samples", options.samples, "at least 1");
  const double smallest = options.latent.noise_variance_low;
  check_change("variance_scale", options.variance_scale, "variance_increase",
               options.variance_increase, smallest);
  check_finite("soft_factor", options.soft_factor);
  check_not_negative("weak_edge_filter", options.weak_edge_filter);
  check_option(options.weak_edge_filter == 0.0 || has_score(options.latent.noise),
               "weak_edge_filter", options.weak_edge_filter,
               "0 for uniform or exponential noise, whose density has no score");
  check_option(options.intervened_share > 0.0 && options.intervened_share <= 1.0,
               "intervened_share", options.intervened_share, "greater than 0 and at most 1");
  check_option(options.unhit < options.latent.latents, "unhit", options.unhit,
               "less than latents = " + std::to_string(options.latent.latents));
  check_option(options.unhit == 0 || options.design != InterventionDesign::multi, "unhit",
               options.unhit, "0 for design = multi");
  check_not_negative("observation_noise", options.observation_noise);
  if (options.design == InterventionDesign::pairs) {
    check_change("second_variance_scale", options.second_variance_scale, "second_variance_increase",
                 options.second_variance_increase, smallest);
    check_option(options.intervention == Intervention::hard, "intervention", "soft",
                 "hard for design = pairs");
    check_option(options.second_variance_scale != options.variance_scale ||
                     options.second_variance_increase != options.variance_increase,
                 "second_variance_scale", options.second_variance_scale,
                 "different from variance_scale, or second_variance_increase from "
                 "variance_increase: the two environments of a pair would be the same");
  }
}

}  // namespace lodestein
