#pragma once

#include "kernels/training.hpp"

namespace lodestein::kernels::cpu {

/// OpenMP over networks where there are as many as threads, else over the parts of a minibatch.
class Training final : public kernels::Training {
 public:
  explicit Training(int threads) : threads_(threads) {}

 private:
  void run(std::span<const TrainingProblem> problems) const override;
  int threads_;
};

}  // namespace lodestein::kernels::cpu
