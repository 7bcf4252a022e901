// Your own model in place of a random one: a chain A -> B -> C seen through a known mixing, with a
// hard intervention on each. Checks that the chain is found again.
#include <cstdint>
#include <cstdio>
#include <lodestein/lodestein.hpp>
#include <string>
#include <vector>

namespace ls = lodestein;

int main() {
  const ls::Matrix weights{{0, 1.2, 0}, {0, 0, -0.9}, {0, 0, 0}};  // (i, j): effect of i on j
  const ls::LatentModel model(weights, {1.0, 0.8, 1.1});
  const ls::Mixing mixing(ls::Matrix{{1, 0.2, 0}, {0.5, 1, 0.3}, {0, -0.4, 1}, {0.7, 0, -0.6}});

  ls::Dataset data{.features = {"x1", "x2", "x3", "x4"}, .environments = {}, .preprocessing = {}};
  const auto add_environment = [&](const std::string& name, const ls::InterventionSpec& spec) {
    const auto index = static_cast<std::uint32_t>(data.environments.size());
    const ls::RandomStream stream(ls::Seed{11}, ls::Purpose::latent_noise, index);
    data.environments.push_back({name, {}, mixing.apply(model.sample(20000, spec, stream))});
  };
  add_environment("control", {});
  for (std::size_t latent = 0; latent < model.latents(); ++latent) {
    ls::InterventionSpec spec;
    spec.targets = {latent};
    spec.type = ls::Intervention::hard;
    add_environment("intervention on " + std::string(1, static_cast<char>('A' + latent)), spec);
  }

  const ls::FitResult fit = ls::fit(ls::Backend::cpu(), data, {.latents = 3});
  if (fit.failed()) return 2;
  for (const ls::LatentEdge& edge : fit.edges) {
    std::printf("%s -> %s\n", fit.latent_names[edge.from].c_str(),
                fit.latent_names[edge.to].c_str());
  }

  // Latents are identified up to their order: rename them by the interventions that hit them.
  std::vector<std::size_t> latent_of_environment;
  for (const ls::EnvironmentTarget& target : fit.targets) {
    if (target.latents.size() != 1) return 1;
    latent_of_environment.push_back(target.latents.front());
  }
  return ls::permuted(fit.graph, latent_of_environment) == model.graph() ? 0 : 1;
}
