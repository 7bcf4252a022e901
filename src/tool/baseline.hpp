#pragma once

#include <string>
#include <vector>

#include "lodestein/core/matrix.hpp"
#include "lodestein/data/moments.hpp"

namespace lodestein::tool {

/// A simple way to read latents off features, to compare a fit with: z = encoder x.
struct Baseline {
  std::string name;
  Matrix encoder;  ///< [n, d]
};

/// pca: leading principal components of all samples pooled. mean_shift: within the same subspace,
/// the discriminants of the n environments whose means differ most from the observational one
/// (filled up with principal components if there are fewer). `latents` <= d.
std::vector<Baseline> baselines(const std::vector<EnvironmentMoments>& moments,
                                std::size_t latents);

}  // namespace lodestein::tool
