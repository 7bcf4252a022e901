#pragma once

#include <cstddef>
#include <vector>

#include "lodestein/core/matrix.hpp"
#include "lodestein/core/random.hpp"
#include "lodestein/data/dataset.hpp"

namespace lodestein {

/// Column means over all samples of all environments. [d]
std::vector<double> pooled_mean(const Dataset& dataset);
/// Column variances around the pooled mean, divided by the number of samples. [d]
std::vector<double> pooled_variance(const Dataset& dataset);
/// Column variances around each environment's own mean, divided by the number of samples. [d]
std::vector<double> within_variance(const Dataset& dataset);

/// Covariance within environments, pooled over all samples. [d, d]. Runs on all cores; same bits
/// for any number of them.
Matrix within_covariance(const Dataset& dataset);

/// Eigenvectors of a covariance, largest variance first. The entry of largest size in each is
/// positive. @throws InvalidArgument if the covariance isn't finite.
struct PrincipalComponents {
  Matrix directions;             ///< [d, d], one component a row
  std::vector<double> variance;  ///< [d], descending, none negative
};
PrincipalComponents principal_components(ConstMatrixView covariance);

/// The r in 1..d-1 with the largest variance[r-1] / variance[r]; rounding noise counts as zero
/// variance, and the first zero ends the search.
std::size_t rank_by_gap(const std::vector<double>& variance);

/// Horn's parallel analysis: how many leading eigenvalues of the within-environment correlation
/// exceed the 95th percentile of those of as many samples of independent normals. Their scatter
/// matrix is drawn directly (Wishart, Bartlett's decomposition).
/// Sources: Horn 1965; Glorfeld 1995 for the percentile.
std::size_t rank_by_parallel_analysis(const Dataset& dataset, Seed seed);

/// Share of the total variance in the first `rank` components.
double explained(const std::vector<double>& variance, std::size_t rank);

/// Replaces every sample by its first `rank` components, after subtracting the pooled mean.
void project(Dataset& dataset, const PrincipalComponents& components, std::size_t rank);

}  // namespace lodestein
