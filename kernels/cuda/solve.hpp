#pragma once

#include "kernels/cuda/gpu.hpp"
#include "kernels/cuda/solver.hpp"
#include "kernels/solve.hpp"

namespace lodestein::kernels::LODESTEIN_GPU {

/// One block per small problem, whose matrix stays in shared memory; NVIDIA's libraries for large
/// ones.
class Solve final : public kernels::Solve {
 public:
  explicit Solve(const Device& device) : device_(device), solver_(device) {}

 private:
  void run_factor(std::span<const CholeskyProblem> problems) const override;
  void run_solve(std::span<const SolveProblem> problems) const override;
  void run_factor32(std::span<const CholeskyProblem32> problems) const override;
  void run_solve32(std::span<const SolveProblem32> problems) const override;
  void run_eigen(std::span<const EigenProblem> problems) const override;
  void run_fix_signs(std::span<const EigenProblem> problems) const override;
  void solve_large(SolveProblem problem) const;

  const Device& device_;
  Solver solver_;
};

}  // namespace lodestein::kernels::LODESTEIN_GPU
