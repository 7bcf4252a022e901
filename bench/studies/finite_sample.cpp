#include <cmath>
#include <cstdio>
#include <iterator>
#include <vector>

#include "bench/studies/studies.hpp"

namespace lodestein::studies {
namespace {

// Acarturk et al., NeurIPS 2024, read off the figure (d = 15).
constexpr double exponents[] = {2.5, 3.0, 3.5, 4.0, 4.5, 5.0};
struct Row {
  std::size_t latents;
  double published[6];
};
constexpr Row rows[] = {{3, {.26, .32, .36, .76, .92, .96}},
                        {5, {.04, .12, .15, .44, .88, .98}},
                        {10, {.00, .00, .01, .11, .54, .96}}};

std::vector<Score> run_one(std::size_t latents, std::size_t samples, std::size_t run) {
  StudyOptions options;
  options.latent.latents = latents;
  options.mixing.observed = 15;
  options.mixing.normalise_columns = false;
  options.samples = samples;
  const LinearStudy study = simulate_moments(options, Seed{5000 + run});
  FitOptions refined, as_published;
  refined.null_splits = as_published.null_splits = 0;
  as_published.method = UnmixMethod::finite_sample;
  as_published.score.shrinkage = Shrinkage::none;
  return {score(study, fit(Backend::cpu(1), study.moments, as_published)),
          score(study, fit(Backend::cpu(1), study.moments, refined))};
}

void print_rates(std::size_t latents, const char* name, const std::vector<double>& rates) {
  std::printf("| %zu | %s |", latents, name);
  for (const double rate : rates) std::printf(" %.2f |", rate);
  std::printf("\n");
}

}  // namespace

void finite_sample(std::size_t runs) {
  std::printf(
      "| n | | 10^2.5 | 10^3 | 10^3.5 | 10^4 | 10^4.5 | 10^5 "
      "|\n|---|---|---|---|---|---|---|---|\n");
  for (const Row& row : rows) {
    std::vector<double> reimplemented, ours;
    for (const double exponent : exponents) {
      const auto samples = static_cast<std::size_t>(std::pow(10.0, exponent));
      const auto results =
          run_models(runs, [&](std::size_t run) { return run_one(row.latents, samples, run); });
      reimplemented.push_back(mean(results, 0, &Score::closure_exact));
      ours.push_back(mean(results, 1, &Score::closure_exact));
    }
    print_rates(row.latents, "published", {std::begin(row.published), std::end(row.published)});
    print_rates(row.latents, "reimplemented", reimplemented);
    print_rates(row.latents, "lodestein", ours);
    std::fflush(stdout);
  }
}

}  // namespace lodestein::studies
