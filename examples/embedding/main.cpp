// What a project that embeds lodestein writes: its own data in, a graph out, a sweep into a file.
#include <cstdio>
#include <filesystem>
#include <lodestein/lodestein.hpp>

namespace ls = lodestein;

int main() {
  ls::StudyOptions options;  // stands for measured data
  options.latent.latents = 3;
  options.mixing.observed = 10;
  options.samples = 5000;
  const ls::Study study = ls::simulate_study(options, ls::Seed{7});

  const ls::Backend backend = ls::Backend::cpu();
  const ls::FitResult fit = ls::fit(backend, study.dataset);
  for (const ls::LatentEdge& edge : fit.edges)
    std::printf("%s -> %s  p = %.2g\n", fit.latent_names[edge.from].c_str(),
                fit.latent_names[edge.to].c_str(), edge.p_value);

  const ls::SweepPlan plan = ls::parse_sweep_plan(
      "models = 3\ndata = \"moments\"\nobserved = 10\nmethod = \"likelihood\"", "embedded");
  const auto file = std::filesystem::temp_directory_path() / "lodestein_embedding.db";
  std::filesystem::remove(file);
  ls::SweepSummary summary;
  {
    ls::SweepStore store(file, plan, backend.name());
    summary = ls::run_sweep(backend, plan, store);
  }
  const ls::SweepInfo info = ls::SweepStore(file).info();
  std::printf("%zu of %zu cells are stored\n", info.done, info.cells);
  std::filesystem::remove(file);
  return !fit.failed() && summary.failed == 0 && info.done == info.cells ? 0 : 1;
}
