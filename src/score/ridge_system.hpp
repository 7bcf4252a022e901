#pragma once

#include <memory>

#include "score/kernel_expansion.hpp"

namespace lodestein {

/// (K + ridge I) X = B for the kernel matrix of some points and many right-hand sides, by conjugate
/// gradients on all columns at once; every kernel value serves all of them.
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
  /// @throws InvalidArgument if no factor exists even with a larger ridge.
  RidgeSystem(const Backend& backend, const kernels::RadialKernel& kernel, const Points& points,
              double ridge, const Options& options);
  ~RidgeSystem();
  RidgeSystem(RidgeSystem&&) noexcept;

  struct Solution {
    RowMajor x;
    double residual = 0.0;  ///< the largest of all columns, relative
    int iterations = 0;
  };
  Solution solve(const RowMajor& right) const;

 private:
  class Precondition;
  RowMajor multiply(const RowMajor& x) const;

  Backend backend_;
  kernels::RadialKernel kernel_;
  Points points_;
  double ridge_;
  Options options_;
  std::unique_ptr<const Precondition> precondition_;
};

}  // namespace lodestein
