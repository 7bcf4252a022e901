#pragma once

#include <span>

#include "kernels/view.hpp"
#include "lodestein/core/matrix.hpp"

namespace lodestein::kernels {

/// One environment's samples and where its moments go, all in the backend's memory.
struct MomentsProblem {
  View<const double> samples;       ///< [N, d], N >= 1
  const double* weights = nullptr;  ///< [N], >= 0, sum > 0; null: all 1
  double* mean = nullptr;           ///< [d], written
  View<double> covariance;          ///< [d, d], written, both triangles
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

class Operations;

/// Moments of one environment whose samples [N, d], weights ([N] or null), mean [d] and covariance
/// [d, d] are in host memory: copied to the backend and back where it has a memory of its own.
void moments_on_host(const Operations& operations, ConstMatrixView samples, const double* weights,
                     double* mean, MatrixView covariance);

}  // namespace lodestein::kernels
