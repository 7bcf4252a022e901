#pragma once

#include "kernels/cuda/gpu.hpp"
#include "kernels/simulate.hpp"

namespace lodestein::kernels::LODESTEIN_GPU {

/// One thread per sample, its values in shared memory; one launch for all problems.
class Simulate final : public kernels::Simulate {
 public:
  explicit Simulate(const Device& device) : device_(device) {}

 private:
  void run(std::span<const SampleProblem> problems) const override;
  void run(std::span<const ScoreProblem> problems) const override;
  void run(std::span<const MixProblem> problems) const override;
  const Device& device_;
};

}  // namespace lodestein::kernels::LODESTEIN_GPU
