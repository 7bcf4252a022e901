#pragma once

#include <memory>
#include <span>
#include <vector>

#include "score/ridge_system.hpp"
#include "score/stein_choice.hpp"
#include "score/stein_state.hpp"

namespace lodestein {

/// Stein's ridge regression with the whole kernel matrix of one environment.
struct WholeStein {
  std::shared_ptr<const SteinFit::State> state;
  KernelExpansion extension;  ///< the smooth one
  double residual = 0.0;      ///< of the solver
  int iterations = 0;
};

/// Of several environments by shared calls, each with the bits it has alone.
std::vector<WholeStein> fit_whole(const Backend& backend, std::span<const KernelSamples> samples,
                                  const std::vector<SteinChoice>& choices,
                                  const RidgeSystem::Options& options);

}  // namespace lodestein
