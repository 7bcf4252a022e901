#pragma once

#include "kernels/network.hpp"

namespace lodestein::kernels::cpu {

/// Panels of samples pass through a network while they are in the cache; OpenMP over problems and
/// groups of rows, whose gradients are added in the order of the rows.
class Network final : public kernels::Network {
 public:
  explicit Network(int threads) : threads_(threads) {}

 private:
  void run(std::span<const NetworkEvaluation> problems) const override;
  void run(std::span<const NetworkLoss> problems) const override;
  void run(std::span<const AdamStep> problems) const override;
  int threads_;
};

}  // namespace lodestein::kernels::cpu
