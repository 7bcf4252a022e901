#pragma once

#include <span>

#include "lodestein/core/matrix.hpp"

namespace lodestein::kernels {

/// One environment's samples and where its moments go.
struct MomentsProblem {
  ConstMatrixView samples;          ///< [N, d], N >= 1
  const double* weights = nullptr;  ///< [N], >= 0, sum > 0; null: all 1
  double* mean = nullptr;           ///< [d], written
  MatrixView covariance;            ///< [d, d], written, both triangles
};

/// Weighted mean and covariance (divided by the sum of weights) of many environments in one pass.
///
/// Aliasing: outputs overlap neither each other nor the inputs.
/// Determinism: the same bits on every run and for any thread count, per backend.
/// Flops: N d (d + 1) per environment. Bytes: 8 N d read once, 8 d^2 written.
/// Numbers: samples are shifted by the mean of the first rows before products are summed, so a
/// large common offset costs no digits; everything in fp64.
/// @throws DimensionMismatch naming the problem whose shapes disagree.
class Moments {
 public:
  virtual ~Moments() = default;
  void operator()(std::span<const MomentsProblem> problems) const;

 private:
  virtual void run(std::span<const MomentsProblem> problems) const = 0;
};

}  // namespace lodestein::kernels
