#include <cstdio>

#include "bench/studies/studies.hpp"

namespace lodestein::studies {
namespace {

struct Setting {
  std::size_t latents;
  double variance_scale;
  std::size_t samples;
  double threshold;  // LSCALE-I's better published choice
  const char* bar;
};

constexpr Setting settings[] = {
    {5, 0.25, 5000, 0.05, "SHD <= 0.05"},
    {5, 0.25, 10000, 0.05, ""},
    {5, 0.25, 50000, 0.05, ""},
    {8, 0.25, 5000, 0.05, ""},
    {8, 0.25, 10000, 0.05, ""},
    {8, 0.25, 50000, 0.05, "SHD <= 0.1"},
    {5, 5.0, 5000, 1e-3, "SHD <= 0.5"},
    {5, 5.0, 50000, 1e-3, "SHD <= 0.05"},
    {8, 5.0, 50000, 1e-3, ""},
};

StudyOptions study_options(const Setting& setting, Intervention intervention) {
  StudyOptions options;
  options.latent.latents = setting.latents;
  options.mixing.observed = 100;
  options.samples = setting.samples;
  options.variance_scale = setting.variance_scale;
  options.intervention = intervention;
  options.weak_edge_filter = 0.02;
  return options;
}

std::vector<Score> compare(const Setting& setting, Intervention intervention, std::size_t run) {
  const LinearStudy study =
      simulate_moments(study_options(setting, intervention), Seed{1000 + run});
  const Backend backend = Backend::cpu(1);
  FitOptions options;
  options.intervention = intervention;
  options.null_splits = 0;
  const Score refined = score(study, fit(backend, study.moments, options));
  options.method = UnmixMethod::lscale;
  options.lscale_edge_threshold = setting.threshold;
  const Score published = score(study, fit(backend, study.moments, options));
  options.lscale_edge_threshold = 1e-3;
  return {refined, published, score(study, fit(backend, study.moments, options))};
}

}  // namespace

void refinement(std::size_t runs) {
  std::printf(
      "| n | c | N per environment | SHD, refined | SHD, LSCALE-I | SHD, LSCALE-I as shipped | "
      "mixing error, refined | mixing error, LSCALE-I | ratio | MCC, refined | MCC, LSCALE-I | bar "
      "|\n"
      "|---|---|---|---|---|---|---|---|---|---|---|---|\n");
  for (const Setting& s : settings) {
    const auto results =
        run_models(runs, [&](std::size_t run) { return compare(s, Intervention::hard, run); });
    const double ratio =
        mean(results, 0, &Score::mixing_error) / mean(results, 1, &Score::mixing_error);
    std::printf("| %zu | %g | %zu | %s | %s | %.2f | %s | %s | %.2f | %.4f | %.4f | %s |\n",
                s.latents, s.variance_scale, s.samples, mean_se(results, 0, &Score::shd, 2).c_str(),
                mean_se(results, 1, &Score::shd, 2).c_str(), mean(results, 2, &Score::shd),
                mean_se(results, 0, &Score::mixing_error, 4).c_str(),
                mean_se(results, 1, &Score::mixing_error, 4).c_str(), ratio,
                mean(results, 0, &Score::mcc), mean(results, 1, &Score::mcc), s.bar);
    std::fflush(stdout);
  }
}

void soft(std::size_t runs) {
  std::printf(
      "| n | c | N per environment | exact closure, refined | exact closure, LSCALE-I | MCC, "
      "refined "
      "| MCC, LSCALE-I |\n|---|---|---|---|---|---|---|\n");
  for (const Setting& s : settings) {
    const auto results =
        run_models(runs, [&](std::size_t run) { return compare(s, Intervention::soft, run); });
    std::printf("| %zu | %g | %zu | %.2f | %.2f | %.3f | %.3f |\n", s.latents, s.variance_scale,
                s.samples, mean(results, 0, &Score::closure_exact),
                mean(results, 1, &Score::closure_exact), mean(results, 0, &Score::mcc),
                mean(results, 1, &Score::mcc));
    std::fflush(stdout);
  }
}

}  // namespace lodestein::studies
