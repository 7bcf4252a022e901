#pragma once

#include <span>

#include "kernels/view.hpp"

namespace lodestein::kernels {

/// Score differences of K environments at the same N samples and where their second moments go,
/// all in the backend's memory.
struct DifferenceMomentsProblem {
  View<const float> base;           ///< [N, d] s_0; null data: the scores are the differences
  View<const float> scores;         ///< [K N, d], row m N + k: s_m at sample k
  std::size_t environments = 0;     ///< K
  const double* weights = nullptr;  ///< [N], >= 0, sum > 0; null: all 1
  bool diagonal_only = false;       ///< R^mm only
  /// Written, both triangles. [K d, K d] with R^ij in rows i d and columns j d; [K d, d] with R^mm
  /// in rows m d if diagonal_only.
  View<double> moments;
};

/// R^ij = E_w[d^i (d^j)^T] with d^m = s_0 - s_m, not centred, of many problems in one pass. The
/// differences are formed on the fly, exactly, and never stored.
///
/// Aliasing: outputs overlap neither each other nor the inputs.
/// Determinism: the same bits on every run, for any thread count and whatever else is in the batch,
/// per backend. Every R is exactly symmetric.
/// Flops: N c (c + 1) per problem with c = K d columns, or K N d (d + 1) if diagonal_only. Bytes:
/// 4 N (K + 1) d read once, 8 bytes per entry written.
/// Numbers: fp32 storage, fp64 differences, products and sums.
/// @throws DimensionMismatch naming the problem whose shapes disagree.
/// @throws InvalidArgument naming the problem and the argument that is null.
class DifferenceMoments {
 public:
  virtual ~DifferenceMoments() = default;
  void operator()(std::span<const DifferenceMomentsProblem> problems) const;

 private:
  virtual void run(std::span<const DifferenceMomentsProblem> problems) const = 0;
};

/// N; the shapes must agree.
constexpr std::size_t sample_count(const DifferenceMomentsProblem& problem) {
  return problem.environments == 0 ? 0 : problem.scores.rows / problem.environments;
}

}  // namespace lodestein::kernels
