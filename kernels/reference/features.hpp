#pragma once

#include "kernels/features.hpp"

namespace lodestein::kernels::reference {

/// One thread, derivatives of every feature at every sample, in fp64.
class Features final : public kernels::Features {
  void run_evaluate(std::span<const FeatureEvaluation> problems) const override;
  void run_moments(std::span<const FeatureMoments> problems) const override;
  void run_energy(std::span<const FeatureEnergy> problems) const override;
};

}  // namespace lodestein::kernels::reference
