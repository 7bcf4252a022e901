#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "kernels/view.hpp"

namespace lodestein::kernels {

/// A kernel of the distance r = |x - y|.
struct RadialKernel {
  enum class Form {
    rbf,                   ///< exp(-r^2 / (2 width^2))
    inverse_multiquadric,  ///< (1 + r^2 / width^2)^(-1/2)
  };
  Form form = Form::rbf;
  double width = 1.0;  ///< > 0

  /// Coefficients of a polynomial that multiplies the kernel, lowest power first, in r^2 / width^2
  /// (rbf) or in k^2 (inverse multiquadric): all radial derivatives of the kernel are of this form.
  static constexpr std::size_t most_terms = 5;
  std::array<double, most_terms> profile{1.0};

  constexpr bool plain() const { return profile == std::array<double, most_terms>{1.0}; }
  /// The polynomial at r = 0.
  constexpr double at_zero() const {
    if (form == Form::rbf) return profile[0];
    double sum = 0.0;
    for (const double coefficient : profile) sum += coefficient;
    return sum;
  }
};

/// out = K(x, y) right, or the curl-free product; all arrays in the backend's memory.
struct PairwiseProblem {
  RadialKernel kernel;
  View<const float> x;       ///< [n, d] queries
  View<const float> y;       ///< [m, d] centres
  View<const float> right;   ///< [m, r]
  View<float> out;           ///< [n, r], written
  bool same_points = false;  ///< x and y are the same points in the same order
};

struct GramProblem {
  RadialKernel kernel;
  View<const float> x, y;    ///< [n, d], [m, d]
  View<float> out;           ///< [n, m], written
  bool same_points = false;  ///< as in PairwiseProblem
  float ridge = 0.0f;        ///< added to out(i, i); only with same_points
};

struct DistanceQuantileProblem {
  View<const float> x, y;     ///< [n, d], [m, d]
  std::size_t rank = 0;       ///< of the n m distances, from 0 (smallest) to n m - 1
  float* distance = nullptr;  ///< [1], written
};

/// Rank of the lower median of `pairs` >= 1 distances.
constexpr std::size_t lower_median_rank(std::size_t pairs) { return (pairs - 1) / 2; }

/// Kernel matrices between two sets of points, multiplied as they are computed and never stored;
/// each call does many problems of unequal size.
///
/// Stein and KDE estimates are product() with right = [1, Y] or [1, Y, Y.*Y]; Nystrom's K_nm c is
/// product() with x the samples and y the centres, K_mn v the same with x and y exchanged; block
/// conjugate gradients and the nu-method are product() or curl_free_product() with d columns.
///
/// Aliasing: outputs overlap neither each other nor any input. x, y and right may overlap.
/// Determinism: the same bits on every run, for any thread count and any batch, per backend.
/// Numbers: fp32. Distances are |x|^2 + |y|^2 - 2 x.y after subtracting a point amid y, clamped at
/// 0: the exponent errs by some 1e-7 (|x| |y| / width^2), so centred data lose nothing against
/// direct differences. With same_points the pair (i, i) has distance 0 and a plain kernel 1
/// exactly, and the Gram matrix is exactly symmetric. Sums of more than about 1000 terms continue
/// in fp64. Points, coefficients and right must be finite.
class Pairwise {
 public:
  virtual ~Pairwise() = default;

  /// out = K right with K_ij = k(|x_i - y_j|).
  /// Flops: n m (2 d + 2 r) and n m exponentials or reciprocal roots. Bytes: 4 (n + m)(d + r).
  /// @throws DimensionMismatch if shapes disagree, InvalidArgument if the width is not positive and
  /// finite or a pointer is null; each names the problem. Nothing has been written then.
  void product(std::span<const PairwiseProblem> problems) const;

  /// out_i = sum_j Gamma(x_i - y_j) right_j, r = d, with the curl-free kernel
  /// Gamma(u) = -2 phi' I - 4 phi'' u u^T of k = phi(|u|^2): minus the Hessian of k.
  /// Flops: n m (8 d + 12) and n m exponentials or reciprocal roots. Bytes: 12 (n + m) d.
  /// @throws as product(); InvalidArgument if a kernel has a profile.
  void curl_free_product(std::span<const PairwiseProblem> problems) const;

  /// out_ij = k(|x_i - y_j|).
  /// Flops: 2 n m d. Bytes: 4 n m written, which bounds it.
  /// @throws as product().
  void gram(std::span<const GramProblem> problems) const;

  /// The distance of that rank among all n m, counted exactly without storing them.
  /// Numbers: distances here are roots of sums of squared differences, each fused in fp32, so equal
  /// points have distance 0 and no common offset matters.
  /// Flops: 3 n m d in each of about three passes. Bytes: 4 (n + m) d.
  /// @throws as product(); InvalidArgument if rank >= n m.
  void distance_quantile(std::span<const DistanceQuantileProblem> problems) const;

 private:
  virtual void run_product(std::span<const PairwiseProblem> problems) const = 0;
  virtual void run_curl_free(std::span<const PairwiseProblem> problems) const = 0;
  virtual void run_gram(std::span<const GramProblem> problems) const = 0;
  virtual void run_quantile(std::span<const DistanceQuantileProblem> problems) const = 0;
};

}  // namespace lodestein::kernels
