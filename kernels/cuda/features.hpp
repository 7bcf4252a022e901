#pragma once

#include "kernels/cuda/gpu.hpp"
#include "kernels/features.hpp"

namespace lodestein::kernels::LODESTEIN_GPU {

class Features final : public kernels::Features {
 public:
  explicit Features(const Device& device) : device_(device) {}

 private:
  void run_evaluate(std::span<const FeatureEvaluation> problems) const override;
  void run_moments(std::span<const FeatureMoments> problems) const override;
  void run_energy(std::span<const FeatureEnergy> problems) const override;
  const Device& device_;
};

}  // namespace lodestein::kernels::LODESTEIN_GPU
