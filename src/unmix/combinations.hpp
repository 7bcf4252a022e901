#pragma once

#include <Eigen/Dense>
#include <cstddef>
#include <vector>

#include "kernels/operations.hpp"
#include "unmix/pair_moments.hpp"

namespace lodestein::unmix {

/// How many integer vectors of a length have entries in -kappa..kappa, w and -w counted once and
/// without 0; infinity-like (2^63) if they can't be counted.
double combination_count(Eigen::Index length, int kappa);

/// These vectors, in lexicographic order from (-kappa, ..., -kappa); the one of w and -w whose
/// first entry is negative. [length, count]
Eigen::MatrixXi symmetric_combinations(Eigen::Index length, int kappa);

/// Vectors of -1, 0 and 1 with at most `most_nonzero` entries that are not 0, one of w and -w.
/// [length, count]
Eigen::MatrixXi sparse_combinations(Eigen::Index length, Eigen::Index most_nonzero);

/// Greatest common divisor of the entries, 0 if all are 0.
int common_divisor(const Eigen::VectorXi& w);

/// Eigenvalues and eigenvectors of combined moments R_w, all in one batch of the backend.
struct CombinedSpectra {
  std::size_t dimension = 0;
  std::vector<double> values;   ///< [count, n], ascending
  std::vector<double> vectors;  ///< [count, n, n] row-major, eigenvector k in column k

  Eigen::Map<const Eigen::VectorXd> eigenvalues(Eigen::Index w) const;
  Eigen::Map<const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>
  eigenvectors(Eigen::Index w) const;
};
/// `w` [K, count]. @throws InvalidArgument if moments are not finite.
CombinedSpectra combined_spectra(const kernels::Operations& operations, const PairMoments& moments,
                                 const Eigen::MatrixXd& w);

}  // namespace lodestein::unmix
