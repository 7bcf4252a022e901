#pragma once

#include <cstddef>
#include <span>

#include "kernels/view.hpp"

namespace lodestein::kernels {

/// psi: R^d -> R^m, in this order: 1 if there is a constant; the monomials of degree 1 to r, by
/// degree and then lexicographically by their ascending variables (x0 x0, x0 x1, ..., x1 x1, ...);
/// F random Fourier features cos(w_k . x + b_k). Arrays are in the backend's memory.
struct FeatureMap {
  std::size_t dimension = 0;      ///< d
  bool constant = false;          ///< whether the first feature is 1
  unsigned degree = 0;            ///< r; 0: no monomials
  View<const float> frequencies;  ///< [F, d] w; no rows: no Fourier features
  const float* phases = nullptr;  ///< [F] b
};

/// Monomials in d variables of degree 1 to r: C(d + r, r) - 1.
/// @throws InvalidArgument beyond most_features.
std::size_t monomial_count(std::size_t dimension, unsigned degree);
/// m.
/// @throws as monomial_count().
std::size_t feature_count(const FeatureMap& map);

/// Values at n points; what has null data is not wanted, but for the inputs.
struct FeatureEvaluation {
  FeatureMap map;
  View<const float> x;  ///< [n, d]
  View<const float>
      coefficients;        ///< [m, c] theta_0 ... theta_c-1; null if only features are wanted
  View<float> features;    ///< [n, m] psi(x)
  View<float> values;      ///< [n, c] psi . theta_a; a vector field if c = d
  View<float> gradients;   ///< [n, c d], column a d + i: d (psi . theta_a) / d x_i
  View<float> laplacians;  ///< [n, c] sum_i d^2 (psi . theta_a) / d x_i^2
};

/// Means over n samples; what has null data is not wanted, but for the inputs. Divided by n,
/// whatever the weights: Newton's step of a logistic model takes weights P (1 - P) and as targets
/// the residuals, which weights do not touch.
struct FeatureMoments {
  FeatureMap map;
  View<const float> x;             ///< [n, d], n >= 1
  const float* weights = nullptr;  ///< [n], >= 0, for `second` only; null: all 1
  View<const float> targets;       ///< [n, k]; null data: k = 1, all 1
  View<double> second;             ///< [m, m] sum_s w psi psi^T / n, both triangles
  View<double> cross;              ///< [m, k] sum_s psi t^T / n
  View<double> derivatives;        ///< [m, d] sum_s (d psi / d x) / n
};

/// Score matching of s = s_base + J_psi^T theta: 1/2 theta^T A theta + theta^T b up to a constant,
/// so that theta = -A^-1 b.
struct FeatureEnergy {
  FeatureMap map;
  View<const float> x;     ///< [n, d], n >= 1
  View<const float> base;  ///< [n, d] s_base; null data: 0
  View<double> quadratic;  ///< [m, m] A = sum_s sum_i (d_i psi)(d_i psi)^T / n, both triangles
  View<double> linear;     ///< [m, 1] b = sum_s (Lap psi + J_psi s_base) / n
};

/// Polynomial and random Fourier features, streamed over tiles of samples: [n, m] is stored only
/// where it is asked for. Each call does many problems of unequal size.
///
/// No derivative is ever formed: d_i psi is linear in monomials of degree < r and in sines, so that
/// the energy form is one symmetric product of C(d + r - 1, r - 1) + F columns and a contraction of
/// it; gradients and Laplacians are values of psi's relatives with other coefficients.
///
/// Aliasing: outputs overlap neither each other nor any input.
/// Determinism: the same bits on every run, for any thread count and any batch, per backend.
/// `second` and `quadratic` are exactly symmetric.
/// Numbers: features are fp32; a cosine errs by some 2e-7 beyond what its argument, an fp32 sum, is
/// off, which is about 1e-7 (|b| + sum_i |w_i x_i|); |w . x + b| may be up to 10^4. Values sum fp32
/// products in fp32. Moments sum 256 (cpu) or 512 (cuda, simt) samples in fp32, beyond that in
/// fp64: entries err by some 1e-6 times the root mean squares of the two factors, typically 1e-7.
/// Centre and scale the samples where there are monomials.
/// All inputs must be finite.
class Features {
 public:
  static constexpr std::size_t most_features = std::size_t{1} << 20;

  virtual ~Features() = default;

  /// Flops: n m (2 c + 2 d for Fourier features) for values, c d for c in gradients, and a cosine a
  /// Fourier feature. Bytes: 4 n (d + what is written).
  /// @throws DimensionMismatch if shapes disagree, InvalidArgument if a pointer is null or there
  /// are too many features; each names operation, problem and argument. Nothing was written then.
  void evaluate(std::span<const FeatureEvaluation> problems) const;
  /// Flops: n m (m + 1) for second, 2 n m k for cross, n F (2 d and a cosine). Bytes: 4 n (d + k)
  /// read, 8 written an entry.
  /// @throws as evaluate(); DimensionMismatch without samples.
  void moments(std::span<const FeatureMoments> problems) const;
  /// Flops: n q (q + 1) with q = C(d + r - 1, r - 1) + F, plus 2 n q d with a base. Bytes: 4 n d or
  /// 8 n d read, 8 written an entry.
  /// @throws as moments().
  void energy(std::span<const FeatureEnergy> problems) const;

 private:
  virtual void run_evaluate(std::span<const FeatureEvaluation> problems) const = 0;
  virtual void run_moments(std::span<const FeatureMoments> problems) const = 0;
  virtual void run_energy(std::span<const FeatureEnergy> problems) const = 0;
};

}  // namespace lodestein::kernels
