#pragma once

#include <memory>

#include "kernels/cuda/gpu.hpp"
#include "kernels/solve.hpp"

namespace lodestein::kernels::LODESTEIN_GPU {

/// Dense linear algebra of large matrices in a device's memory: cuSOLVER and cuBLAS, or Eigen on
/// copies under simt. Calls are queued on the device's stream; they may come from any thread.
class Solver {
 public:
  explicit Solver(const Device& device);
  ~Solver();

  /// A = L L^T in place. Status as cuSOLVER's: k + 1 if minor k + 1 is not positive definite.
  void factor(const CholeskyProblem& problem) const;
  void factor(const CholeskyProblem32& problem) const;
  /// One triangle: `problem.system` is not `matrix`. `problem.status` is not looked at.
  void solve_triangle(const SolveProblem& problem) const;
  /// Both triangles; `problem.status` is not looked at.
  void solve(const SolveProblem32& problem) const;
  /// Eigenvalues ascending; vector k becomes row k of `problem.matrix`, with any sign. Only the
  /// lower triangle is read. Status is not 0 if the iteration did not converge.
  void eigen(const EigenProblem& problem) const;

 private:
  struct Libraries;
  template <class Problem>
  void factor_any(const Problem& problem) const;
  const Device& device_;
  std::unique_ptr<Libraries> libraries_;
};

}  // namespace lodestein::kernels::LODESTEIN_GPU
