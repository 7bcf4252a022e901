#pragma once

#include "kernels/solve.hpp"

namespace lodestein::kernels::cpu {

/// Eigen, one problem per task; large factors in tiles, right-hand sides in chunks.
class Solve final : public kernels::Solve {
 public:
  explicit Solve(int threads) : threads_(threads) {}

 private:
  void run_factor(std::span<const CholeskyProblem> problems) const override;
  void run_solve(std::span<const SolveProblem> problems) const override;
  void run_factor32(std::span<const CholeskyProblem32> problems) const override;
  void run_solve32(std::span<const SolveProblem32> problems) const override;
  void run_eigen(std::span<const EigenProblem> problems) const override;
  void run_fix_signs(std::span<const EigenProblem> problems) const override;

  int threads_;
};

}  // namespace lodestein::kernels::cpu
