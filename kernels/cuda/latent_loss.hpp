#pragma once

#include "kernels/cuda/gpu.hpp"
#include "kernels/latent_loss.hpp"

namespace lodestein::kernels::LODESTEIN_GPU {

/// A block of threads per chunk of points of any problem: forward, pullback and both reverse passes
/// in shared memory; then partial sums are added in chunk order. Two launches for all problems.
class LatentLoss final : public kernels::LatentLoss {
 public:
  explicit LatentLoss(const Device& device) : device_(device) {}

 private:
  void run(std::span<const LatentLossProblem> problems) const override;
  const Device& device_;
};

}  // namespace lodestein::kernels::LODESTEIN_GPU
