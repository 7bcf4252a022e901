#pragma once

#include <string>
#include <vector>

#include "lodestein/core/backend.hpp"
#include "lodestein/core/matrix.hpp"
#include "lodestein/core/observer.hpp"
#include "lodestein/data/dataset.hpp"

namespace lodestein::tool {

/// A simple way to read latents off features, to compare a fit with: z = encoder x.
struct Baseline {
  std::string name;
  Matrix encoder;  ///< [n, d]
};

/// pca: leading principal components of all samples pooled. fast_ica: independent components of
/// them, of at most 20,000 samples evenly spaced. mean_shift: within the same subspace, the
/// discriminants of the n environments whose means differ most from the observational one (filled
/// up with principal components if there are fewer). `latents` <= d. Deterministic.
std::vector<Baseline> baselines(const Backend& backend, const Dataset& dataset, std::size_t latents,
                                Observer& observer);

}  // namespace lodestein::tool
