#pragma once

#include "kernels/cuda/gpu.hpp"
#include "kernels/network.hpp"

namespace lodestein::kernels::LODESTEIN_GPU {

/// A block of threads passes panels of one problem through the network, weights and activations in
/// shared memory; partial gradients are added in the order of the blocks.
class Network final : public kernels::Network {
 public:
  explicit Network(const Device& device) : device_(device) {}

 private:
  void run(std::span<const NetworkEvaluation> problems) const override;
  void run(std::span<const NetworkLoss> problems) const override;
  void run(std::span<const AdamStep> problems) const override;
  const Device& device_;
};

}  // namespace lodestein::kernels::LODESTEIN_GPU
