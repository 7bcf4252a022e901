#pragma once

#include "kernels/latent_loss.hpp"

namespace lodestein::kernels::cpu {

/// Blocks of points as matrix products in registers, OpenMP over (problem, chunk of points) with a
/// reduction in chunk order.
class LatentLoss final : public kernels::LatentLoss {
 public:
  explicit LatentLoss(int threads) : threads_(threads) {}

 private:
  void run(std::span<const LatentLossProblem> problems) const override;
  int threads_;
};

}  // namespace lodestein::kernels::cpu
