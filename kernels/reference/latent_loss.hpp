#pragma once

#include "kernels/latent_loss.hpp"

namespace lodestein::kernels::reference {

/// Point by point in fp64, one thread, reads like the formula.
class LatentLoss final : public kernels::LatentLoss {
  void run(std::span<const LatentLossProblem> problems) const override;
};

}  // namespace lodestein::kernels::reference
