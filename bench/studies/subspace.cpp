#include <cmath>
#include <cstdio>

#include "bench/studies/studies.hpp"
#include "core/eigen.hpp"
#include "core/wishart.hpp"

namespace lodestein::studies {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;

// What observations have beside mixed latents, the same in all environments.
struct Setting {
  const char* text;
  double noise;         // standard deviation of the noise of a feature, its median
  double spread;        // standard deviation of its logarithm over features
  std::size_t factors;  // hidden causes that no environment changes and no latent depends on
  double loading;       // standard deviation of their weights; those of latents are up to 1
};

constexpr Setting settings[] = {
    {"noise .1", 0.1, 0.0, 0, 0.0},
    {"noise .3", 0.3, 0.0, 0, 0.0},
    {"uneven noise, .1 times e^N(0, 1)", 0.1, 1.0, 0, 0.0},
    {"uneven noise, .3 times e^N(0, 1)", 0.3, 1.0, 0, 0.0},
    {"3 invariant causes, half as strong, noise .1", 0.1, 0.0, 3, 0.25},
    {"3 invariant causes, twice as strong, noise .1", 0.1, 0.0, 3, 1.0},
    {"3 invariant causes, twice as strong, uneven noise .1", 0.1, 1.0, 3, 1.0},
};

struct Size {
  std::size_t observed, samples;
};
constexpr Size sizes[] = {{20, 2000}, {100, 500}, {100, 5000}};
constexpr std::size_t latents = 5;

MatrixXd draw_noise(const Setting& setting, Index d, Seed seed) {
  Draws draws = RandomStream(seed, Purpose::observation_noise).at(0);
  MatrixXd weights(d, static_cast<Index>(setting.factors));
  for (double& w : weights.reshaped()) w = setting.loading * draws.normal();
  MatrixXd covariance = weights * weights.transpose();
  for (Index j = 0; j < d; ++j)
    covariance(j, j) += std::pow(setting.noise * std::exp(setting.spread * draws.normal()), 2);
  return covariance;
}

LinearStudy draw_study(const Setting& setting, const Size& size, Intervention intervention,
                       Seed seed, Matrix& noise) {
  StudyOptions options;
  options.latent.latents = latents;
  options.mixing.observed = size.observed;
  options.samples = size.samples;
  options.intervention = intervention;
  LinearStudy study = simulate_moments(options, seed);
  noise = to_matrix(draw_noise(setting, static_cast<Index>(size.observed), seed));
  const auto& mixing = as_eigen(study.truth.mixing.layers().front());
  for (std::size_t e = 0; e < study.moments.size(); ++e) {
    const Matrix z = study.truth.model.covariance(study.truth.interventions[e]);
    const MatrixXd x = mixing * as_eigen(z) * mixing.transpose() + as_eigen(noise);
    SampleMoments drawn =
        draw_sample_moments(to_matrix(x), size.samples,
                            RandomStream(seed, Purpose::wishart, static_cast<std::uint32_t>(e)));
    study.moments[e].mean.assign(drawn.mean.row(0), drawn.mean.row(0) + size.observed);
    study.moments[e].covariance = std::move(drawn.covariance);
  }
  return study;
}

std::vector<Score> compare(const Setting& setting, const Size& size, std::size_t run) {
  Matrix noise;
  const LinearStudy study = draw_study(setting, size, Intervention::hard, Seed{3000 + run}, noise);
  constexpr auto removed = NoiseRemoval::automatic;
  constexpr std::pair<SubspaceChoice, NoiseRemoval> methods[] = {
      {SubspaceChoice::variance, removed},
      {SubspaceChoice::differences, removed},
      {SubspaceChoice::automatic, removed},
      {SubspaceChoice::automatic, NoiseRemoval::none}};
  std::vector<Score> scores;
  for (const auto& [choice, removal] : methods) {
    FitOptions options;
    options.null_splits = 0;
    options.subspace = choice;
    options.observation_noise = removal;
    const FitResult result = fit(Backend::cpu(1), study.moments, options);
    scores.push_back(score(study, result, noise));
    scores.back().differences = result.diagnosis.subspace == SubspaceChoice::differences;
  }
  return scores;
}

}  // namespace

void subspace(std::size_t runs) {
  std::printf(
      "| beside the latents | d | N per environment | SHD, variance | differences | auto | auto, "
      "noise "
      "left in | MCC, "
      "variance | differences | auto | auto takes differences |\n"
      "|---|---|---|---|---|---|---|---|---|---|---|\n");
  for (const Setting& setting : settings) {
    for (const Size& size : sizes) {
      const auto results =
          run_models(runs, [&](std::size_t run) { return compare(setting, size, run); });
      std::printf("| %s | %zu | %zu |", setting.text, size.observed, size.samples);
      for (std::size_t m = 0; m < 4; ++m)
        std::printf(" %s |", mean_se(results, m, &Score::shd, 2).c_str());
      for (std::size_t m = 0; m < 3; ++m) std::printf(" %.3f |", mean(results, m, &Score::mcc));
      std::printf(" %.2f |\n", mean(results, 2, &Score::differences));
      std::fflush(stdout);
    }
  }
}

}  // namespace lodestein::studies
