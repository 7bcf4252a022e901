// Simulates a study, learns its latent causal graph, and compares the graph with the truth.
#include <cstdio>
#include <lodestein/lodestein.hpp>

namespace ls = lodestein;

int main() {
  ls::StudyOptions options;
  options.latent.latents = 4;
  options.mixing.observed = 15;
  options.samples = 20000;
  const ls::Study study = ls::simulate_study(options, ls::Seed{7});

  const ls::FitResult fit = ls::fit(ls::Backend::best(), study.dataset, {.latents = 4});
  for (const ls::Finding& finding : fit.diagnosis.findings)
    std::printf("%s %s\n", finding.message.c_str(), finding.remedy.c_str());
  if (fit.failed()) return 2;

  for (const ls::EnvironmentTarget& target : fit.targets) {
    for (const std::size_t latent : target.latents)
      std::printf("%s hit %s\n", target.environment.c_str(), fit.latent_names[latent].c_str());
  }
  for (const ls::LatentEdge& edge : fit.edges) {
    std::printf("%s -> %s  weight %+.2f  p %.3g\n", fit.latent_names[edge.from].c_str(),
                fit.latent_names[edge.to].c_str(), edge.weight, edge.p_value);
  }

  const ls::Matrix& x = study.dataset.observational().samples;
  const ls::Evaluation evaluation = ls::evaluate(
      {study.truth.latents.front(), study.truth.mixing.layers().front(), study.truth.model.graph()},
      {ls::encode(fit, x), fit.encoder, fit.graph, fit.order});
  std::printf("mean correlation with the true latents: %.4f\n", evaluation.mcc);
  return evaluation.mcc > 0.99 ? 0 : 1;
}
