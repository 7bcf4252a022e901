#pragma once

#include "kernels/simulate.hpp"

namespace lodestein::kernels::cpu {

/// One sample per vector lane; OpenMP over blocks of samples of all problems.
class Simulate final : public kernels::Simulate {
 public:
  explicit Simulate(int threads) : threads_(threads) {}

 private:
  void run(std::span<const SampleProblem> problems) const override;
  void run(std::span<const ScoreProblem> problems) const override;
  void run(std::span<const MixProblem> problems) const override;
  int threads_;
};

}  // namespace lodestein::kernels::cpu
