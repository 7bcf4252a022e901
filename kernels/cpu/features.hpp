#pragma once

#include "kernels/features.hpp"

namespace lodestein::kernels::cpu {

/// Panels of 256 samples by 32 columns, products in registers by PanelMachine, sums of panels in
/// fp64; OpenMP over (problem, chunk of samples) with a reduction in chunk order.
class Features final : public kernels::Features {
 public:
  explicit Features(int threads) : threads_(threads) {}

 private:
  void run_evaluate(std::span<const FeatureEvaluation> problems) const override;
  void run_moments(std::span<const FeatureMoments> problems) const override;
  void run_energy(std::span<const FeatureEnergy> problems) const override;
  int threads_;
};

}  // namespace lodestein::kernels::cpu
