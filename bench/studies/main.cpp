// Reproduces published tables beside ours: lodestein-studies [name] [runs]
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "bench/studies/studies.hpp"

int main(int argc, char** argv) {
  using Study = void (*)(std::size_t);
  const std::pair<const char*, Study> known[] = {
      {"refinement", lodestein::studies::refinement},
      {"soft", lodestein::studies::soft},
      {"subspace", lodestein::studies::subspace},
      {"finite-sample", lodestein::studies::finite_sample},
      {"lcd", lodestein::studies::lcd},
      {"contrastive", lodestein::studies::contrastive},
      {"gscale", lodestein::studies::gscale_exact},
      {"gscale-estimated", lodestein::studies::gscale_estimated},
      {"gscale-mlp", lodestein::studies::gscale_mlp},
      {"additive", lodestein::studies::additive},
      {"umni", lodestein::studies::umni},
      {"support", lodestein::studies::support},
      {"timing", lodestein::studies::timing}};
  const char* name = argc > 1 ? argv[1] : "--help";
  const long runs = argc > 2 ? std::atol(argv[2]) : 100;
  for (const auto& [study, run] : known) {
    if (std::strcmp(name, study) != 0 || runs < 1) continue;
    run(static_cast<std::size_t>(runs));
    return 0;
  }
  std::printf(
      "lodestein-studies NAME [RUNS]: prints a Markdown table; RUNS models a row (100)\n\n");
  for (const auto& [study, run] : known) std::printf("  %s\n", study);
  return std::strcmp(name, "--help") == 0 ? 0 : 1;
}
