#pragma once

#include "kernels/network.hpp"

namespace lodestein::kernels::reference {

/// Sample by sample in double, one thread, reads like the formulas. The exact trace is the sum of
/// e_i^T J e_i.
class Network final : public kernels::Network {
  void run(std::span<const NetworkEvaluation> problems) const override;
  void run(std::span<const NetworkLoss> problems) const override;
  void run(std::span<const AdamStep> problems) const override;
};

}  // namespace lodestein::kernels::reference
