#pragma once

#include <cstddef>
#include <vector>

#include "lodestein/core/backend.hpp"
#include "lodestein/core/matrix.hpp"
#include "lodestein/core/random.hpp"

namespace lodestein {

/// linear: x = G z. tanh: x = tanh(T z). mlp: x = tanh(G3 tanh(G2 tanh(G1 z))).
enum class MixingFamily { linear, tanh, mlp };

struct MixingOptions {
  std::size_t observed = 100;
  MixingFamily family = MixingFamily::linear;
  /// Linear: each column divided by its largest |entry| (current published code) or left alone.
  bool normalise_columns = true;
  double minimum_conditioning = 0.1;  ///< redraw until sigma_min / sigma_max is at least this
};

/// Map from latents to observed variables, generated as in score-based CRL's published code.
/// linear and each layer of mlp: G = Q R, Q the first columns of a Haar-orthogonal matrix, R
/// uniform on (-0.5, 0.5). tanh: T uniform on (-0.5, 0.5), columns of unit length, first row
/// positive.
class Mixing {
 public:
  /// @throws InvalidArgument if observed < latents, or if no well-conditioned matrix turns up in
  /// 200 000 draws (uniform matrices of size n have conditioning of order 1 / n).
  Mixing(std::size_t latents, const MixingOptions& options, Seed seed);
  /// Linear mixing with a given matrix [d, n].
  /// @throws InvalidArgument if d < n, n = 0 or an entry is not finite.
  explicit Mixing(Matrix linear);

  MixingFamily family() const { return family_; }
  std::size_t latents() const { return layers_.front().cols(); }
  std::size_t observed() const { return layers_.back().rows(); }
  /// The matrices, innermost first; one for linear and tanh.
  const std::vector<Matrix>& layers() const { return layers_; }

  /// [N, n] -> [N, d]. Same bits for any thread count. @throws DimensionMismatch.
  Matrix apply(ConstMatrixView z) const;
  /// The same of many matrices in one call of the backend (on the host beyond 192 latents). Bits
  /// are the same for any number of threads, but backends differ by rounding.
  std::vector<Matrix> apply(const Backend& backend, const std::vector<Matrix>& z) const;
  /// Jacobian dx/dz at one point. [n] -> [d, n].
  Matrix jacobian(const double* z) const;

 private:
  void check_columns(ConstMatrixView z) const;

  MixingFamily family_ = MixingFamily::linear;
  std::vector<Matrix> layers_;
};

/// Haar-distributed orthogonal matrix. [n, n]. Source: Mezzadri 2007 (QR with sign fix).
Matrix random_orthogonal(std::size_t n, Draws& draws);

}  // namespace lodestein
