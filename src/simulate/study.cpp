#include "lodestein/simulate/study.hpp"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <utility>

#include "core/shuffle.hpp"
#include "core/wishart.hpp"
#include "kernels/operations.hpp"
#include "lodestein/core/error.hpp"
#include "simulate/check.hpp"
#include "simulate/noise.hpp"
#include "simulate/option_names.hpp"

namespace lodestein {
namespace {

constexpr std::uint32_t most_redraws = 10000;
constexpr std::size_t parallel_values = 1 << 16;  // below, threads cost more than they save
constexpr std::size_t edge_samples = 4096;
constexpr std::uint32_t edge_environment = 0xffffffffu;  // no environment of a study

std::vector<std::string> numbered(const std::string& prefix, std::size_t count) {
  std::vector<std::string> names;
  for (std::size_t i = 1; i <= count; ++i) names.push_back(prefix + std::to_string(i));
  return names;
}

InterventionSpec first_kind(const StudyOptions& options, std::vector<std::size_t> targets) {
  InterventionSpec spec;
  spec.targets = std::move(targets);
  spec.type = options.intervention;
  spec.variance_scale = options.variance_scale;
  spec.variance_increase = options.variance_increase;
  spec.soft_factor = options.soft_factor;
  spec.share = options.intervened_share;
  return spec;
}

InterventionSpec second_kind(const StudyOptions& options, std::vector<std::size_t> targets) {
  InterventionSpec spec = first_kind(options, std::move(targets));
  spec.variance_scale = options.second_variance_scale;
  spec.variance_increase = options.second_variance_increase;
  return spec;
}

// Column m of identity | strictly upper triangular Bernoulli(1/2): always invertible.
std::vector<std::size_t> multi_targets(std::size_t m, Draws draws) {
  std::vector<std::size_t> targets;
  for (std::size_t i = 0; i < m; ++i) {
    if (draws.below(2) == 1) targets.push_back(i);
  }
  targets.push_back(m);
  return targets;
}

// The observational environment, then the interventional ones in their (random) order.
std::vector<InterventionSpec> design(const StudyOptions& options, Seed seed) {
  const std::size_t n = options.latent.latents;
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  const RandomStream stream(seed, Purpose::intervention_targets);
  if (options.random_intervention_order) shuffle(order, stream.at(0));
  order.resize(n - options.unhit);
  std::vector<InterventionSpec> specs{InterventionSpec{}};
  for (const std::size_t m : order) {
    const bool multi = options.design == InterventionDesign::multi;
    specs.push_back(first_kind(
        options, multi ? multi_targets(m, stream.at(1 + m)) : std::vector<std::size_t>{m}));
  }
  if (options.design == InterventionDesign::pairs) {
    for (const std::size_t m : order) specs.push_back(second_kind(options, {m}));
  }
  return specs;
}

// a s a^T.
Matrix congruent(const Matrix& a, const Matrix& s) {
  return multiply(multiply(a, s), transpose(a));
}

Matrix difference(Matrix a, const Matrix& b) {
  for (std::size_t i = 0; i < a.rows() * a.cols(); ++i) a.data()[i] -= b.data()[i];
  return a;
}

// E[(s - s^m)_j^2] for every latent j [n] from s - s^m at z. Linear differences: z is the identity,
// so that this is the matrix D of s - s^m = D^T z.
std::vector<double> mean_squares(const LatentModel& model, const Matrix& differences, bool linear) {
  std::vector<double> result(model.latents(), 0.0);
  if (linear) {
    const Matrix moment = congruent(transpose(differences), model.covariance({}));
    for (std::size_t j = 0; j < result.size(); ++j) result[j] = moment(j, j);
    return result;
  }
  const auto samples = static_cast<double>(differences.rows());
  for (std::size_t k = 0; k < differences.rows(); ++k) {
    for (std::size_t j = 0; j < result.size(); ++j) {
      result[j] += differences(k, j) * differences(k, j) / samples;
    }
  }
  return result;
}

struct DrawnModel {
  LatentModel model;
  std::size_t redraws;
};

DrawnModel draw_model(const StudyOptions& options, Seed seed,
                      const std::vector<InterventionSpec>& interventions, Observer& observer) {
  for (std::uint32_t redraw = 0; redraw < most_redraws; ++redraw) {
    check_cancelled(observer);
    LatentModel model(options.latent, seed, redraw);
    if (options.weak_edge_filter == 0.0 ||
        weakest_edge(model, interventions, seed) >= options.weak_edge_filter) {
      return {std::move(model), redraw};
    }
  }
  std::ostringstream message;
  message << "option weak_edge_filter = " << options.weak_edge_filter << ": none of "
          << most_redraws << " models has edges that strong; lower it";
  throw InvalidArgument(message.str());
}

// Everything but the samples.
StudyTruth draw_truth(const StudyOptions& options, Seed seed, Observer& observer) {
  check(options);
  auto interventions = design(options, seed);
  auto [model, redraws] = draw_model(options, seed, interventions, observer);
  return {std::move(model),
          Mixing(options.latent.latents, options.mixing, seed),
          std::move(interventions),
          {},
          redraws};
}

void add_noise(Matrix& x, double deviation, const RandomStream& stream) {
  if (deviation == 0.0) return;
#pragma omp parallel for schedule(static) if (x.rows() * x.cols() >= parallel_values)
  for (std::size_t k = 0; k < x.rows(); ++k) {
    Draws draws = stream.at(k);
    for (std::size_t j = 0; j < x.cols(); ++j) x(k, j) += deviation * draws.normal();
  }
}

// On a device that many small problems fill, what fits into some 64 MB is simulated in one call.
std::size_t environments_at_once(const Backend& backend, const StudyOptions& options) {
  if (backend.operations().memory().on_host()) return 1;
  constexpr std::size_t most_values = std::size_t{1} << 23;
  const std::size_t values = options.samples * (options.latent.latents + options.mixing.observed);
  return std::max<std::size_t>(1, most_values / std::max<std::size_t>(1, values));
}

std::vector<RandomStream> streams(Seed seed, Purpose purpose, std::size_t first, std::size_t last) {
  std::vector<RandomStream> result;
  for (std::size_t m = first; m < last; ++m)
    result.emplace_back(seed, purpose, static_cast<std::uint32_t>(m));
  return result;
}

std::vector<std::string> environment_names(std::size_t interventions) {
  std::vector<std::string> names = numbered("do", interventions);
  names.insert(names.begin(), "obs");
  return names;
}

// Covariance of the variables whose sample covariance is drawn: the latents, or, since observation
// noise fills the whole space, x itself.
Matrix drawn_covariance(const StudyTruth& truth, const InterventionSpec& spec, double noise) {
  Matrix latent = truth.model.covariance(spec);
  if (noise == 0.0) return latent;
  Matrix covariance = congruent(truth.mixing.layers().front(), latent);
  for (std::size_t j = 0; j < covariance.rows(); ++j) covariance(j, j) += noise * noise;
  return covariance;
}

void check_linear(const StudyOptions& options) {
  if (options.latent.family != LatentFamily::linear ||
      options.mixing.family != MixingFamily::linear) {
    throw InvalidArgument(
        "simulate_moments: latent.family and mixing.family must both be linear, since only then is "
        "the law of a sample covariance known; use simulate_study and compute_moments");
  }
  check_option(options.latent.noise == NoiseFamily::gaussian, "noise",
               name_of(noise_family_names, options.latent.noise), "gaussian for simulate_moments");
  check_option(options.intervened_share == 1.0, "intervened_share", options.intervened_share,
               "1 for simulate_moments");
  const bool noise = options.observation_noise > 0.0;
  const std::size_t rank = noise ? options.mixing.observed : options.latent.latents;
  check_option(options.samples > rank, "samples", options.samples,
               std::string("greater than ") + (noise ? "observed" : "latents") + " = " +
                   std::to_string(rank) + " for simulate_moments");
}

}  // namespace

Study simulate_study(const StudyOptions& options, Seed seed, Observer& observer) {
  return simulate_study(Backend::cpu(omp_get_max_threads()), options, seed, observer);
}

Study simulate_study(const Backend& backend, const StudyOptions& options, Seed seed,
                     Observer& observer) {
  StudyTruth truth = draw_truth(options, seed, observer);
  Dataset dataset;
  dataset.features = numbered("x", options.mixing.observed);
  const std::size_t count = truth.interventions.size(),
                    at_once = environments_at_once(backend, options);
  const auto names = environment_names(count - 1);
  for (std::size_t first = 0; first < count; first += at_once) {
    check_cancelled(observer);
    observer.progress("simulate", first, count);
    const std::size_t last = std::min(count, first + at_once);
    const auto specs = std::span(truth.interventions).subspan(first, last - first);
    std::vector<Matrix> z =
        truth.model.sample(backend, options.samples, {specs.begin(), specs.end()},
                           streams(seed, Purpose::latent_noise, first, last));
    std::vector<Matrix> x = truth.mixing.apply(backend, z);
    const auto noise = streams(seed, Purpose::observation_noise, first, last);
    for (std::size_t k = 0; k < specs.size(); ++k) {
      add_noise(x[k], options.observation_noise, noise[k]);
      dataset.environments.push_back({names[first + k], {}, std::move(x[k])});
      truth.latents.push_back(std::move(z[k]));
    }
  }
  observer.progress("simulate", count, count);
  return {options, seed, std::move(dataset), std::move(truth)};
}

LinearStudy simulate_moments(const StudyOptions& options, Seed seed) {
  check(options);
  check_linear(options);
  LinearStudy result{draw_truth(options, seed, silent()), {}};
  const auto& specs = result.truth.interventions;
  const auto names = environment_names(specs.size() - 1);
  for (std::size_t m = 0; m < specs.size(); ++m) {
    const RandomStream stream(seed, Purpose::wishart, static_cast<std::uint32_t>(m));
    const Matrix covariance = drawn_covariance(result.truth, specs[m], options.observation_noise);
    auto [mean, scatter] = draw_sample_moments(covariance, options.samples, stream);
    if (options.observation_noise == 0.0) {
      const Matrix& g = result.truth.mixing.layers().front();
      mean = multiply(mean, transpose(g));
      scatter = congruent(g, scatter);
    }
    result.moments.push_back({names[m],
                              {},
                              options.samples,
                              std::vector<double>(mean.row(0), mean.row(0) + mean.cols()),
                              std::move(scatter)});
  }
  return result;
}

double weakest_edge(const LatentModel& model, const std::vector<InterventionSpec>& interventions,
                    Seed seed) {
  const std::size_t n = model.latents();
  const bool linear = linear_differences(model, interventions);
  const Matrix z = linear
                       ? Matrix::identity(n)
                       : model.sample(edge_samples, {},
                                      RandomStream(seed, Purpose::latent_noise, edge_environment));
  const Matrix before = model.score(z, {});
  double weakest = std::numeric_limits<double>::infinity();
  for (const InterventionSpec& intervention : interventions) {
    for (const std::size_t target : intervention.targets) {
      InterventionSpec alone = intervention;
      alone.targets = {target};
      const auto squares = mean_squares(model, difference(before, model.score(z, alone)), linear);
      for (const std::size_t parent : model.graph().parents(target)) {
        weakest = std::min(weakest, squares[parent]);
      }
    }
  }
  return weakest;
}

std::optional<SampleComplexity> sample_complexity(const Study& study) {
  const StudyTruth& truth = study.truth;
  if (truth.mixing.family() != MixingFamily::linear || !has_score(truth.model.noise())) return {};
  return sample_complexity(truth.model, truth.mixing, truth.interventions, study.seed);
}

}  // namespace lodestein
