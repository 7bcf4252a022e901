#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lodestein/core/finding.hpp"
#include "score/kernel_expansion.hpp"

namespace lodestein {

/// (K + ridge I) X = B for the kernel matrix of some points and many right-hand sides, by conjugate
/// gradients on all columns at once; every kernel value serves all of them. Many systems share the
/// calls of each step, and each has the bits that it has alone.
class RidgeSystem {
 public:
  enum class Preconditioner {
    factor,  ///< fp32 Cholesky factor of the system, n^2 floats: one or two iterations
    pivoted  ///< partial pivoted Cholesky factor of rank r, n r floats: tens of iterations
  };
  struct Options {
    Preconditioner preconditioner = Preconditioner::factor;
    double tolerance = 1e-5;  ///< of the residual, relative to the right-hand side
    int most_iterations = 8;
    std::size_t rank = 100;
  };
  struct Problem {
    kernels::RadialKernel kernel;
    Points points;
    double ridge = 0.0;
    std::string environment{};  ///< whose samples they are, for errors
  };
  struct Solution {
    RowMajor x;
    double residual = 0.0;  ///< the largest of all columns, relative
    int iterations = 0;
  };

  /// One system for each problem.
  /// @throws InvalidArgument naming the environment if no factor exists even with a larger ridge.
  static std::vector<RidgeSystem> build(const Backend& backend,
                                        const std::vector<Problem>& problems,
                                        const Options& options);
  /// Floats that the preconditioner of n points keeps.
  static std::size_t floats(std::size_t n, const Options& options);
  /// Of every system with its right-hand sides, of which there are as many.
  static std::vector<Solution> solve(const std::vector<RidgeSystem>& systems,
                                     const std::vector<RowMajor>& rights);

  RidgeSystem(RidgeSystem&&) noexcept;
  ~RidgeSystem();
  Solution solve(const RowMajor& right) const;

 private:
  class Precondition;
  class Iteration;
  RidgeSystem(const Backend& backend, Problem problem, const Options& options,
              std::unique_ptr<const Precondition> precondition);
  static std::vector<Solution> run(std::vector<Iteration> all);

  Backend backend_;
  Problem problem_;
  Options options_;
  std::unique_ptr<const Precondition> precondition_;
};

/// Whether a relative residual is small enough for an estimate; not where it is no number.
inline bool converged(double residual) { return residual <= 1e-2; }
Finding not_converged(double residual);

}  // namespace lodestein
