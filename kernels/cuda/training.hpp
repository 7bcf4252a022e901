#pragma once

#include "kernels/cuda/gpu.hpp"
#include "kernels/training.hpp"

namespace lodestein::kernels::LODESTEIN_GPU {

/// One block of threads owns one network for all its steps; its weights, gradient and activations
/// stay in shared memory.
class Training final : public kernels::Training {
 public:
  explicit Training(const Device& device) : device_(device) {}

 private:
  void run(std::span<const TrainingProblem> problems) const override;
  const Device& device_;
};

}  // namespace lodestein::kernels::LODESTEIN_GPU
