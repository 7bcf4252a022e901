#pragma once

#include <Eigen/Dense>
#include <limits>
#include <string>
#include <vector>

#include "lodestein/core/finding.hpp"
#include "lodestein/data/moments.hpp"
#include "lodestein/unmix/subspace_choice.hpp"

namespace lodestein::unmix {

/// The directions of the observations in which latents are sought, in units in which y has mean
/// pooled variance 1, so that no result depends on the units of x.
struct Subspace {
  Eigen::MatrixXd basis;                             ///< [n, d]; y = basis x
  Eigen::MatrixXd inverse;                           ///< [d, n], x = inverse y within the subspace
  Eigen::VectorXd eigenvalues;                       ///< all d of the pooled covariance, descending
  double explained = 0.0;                            ///< share of variance kept
  SubspaceChoice choice = SubspaceChoice::variance;  ///< never automatic
  /// The directions are in the span of so many principal components: n, or more of differences.
  Eigen::Index components = 0;
  /// What else is in that span: coordinates of unit pooled variance that differ least between
  /// environments and are uncorrelated with y. [components - n, d]
  Eigen::MatrixXd invariant{};
  /// How much directions differ between environments, nats a sample, descending. [rank]; empty if
  /// nobody looked.
  Eigen::VectorXd differences{};
  /// If the choice is `differences`: p-value of a test that what is left out is independent of y
  /// and has one law in all environments. Else NaN.
  double left_out = std::numeric_limits<double>::quiet_NaN();

  /// Number of eigenvalues above rounding level.
  std::size_t rank() const;
};

/// The n principal components, or the leading eigenvectors of
///     sum_e N_e / N ((A_e - I)^2 / 4 + m_e m_e^T / 2)
/// where A_e and m_e are the covariances and shifts of environments in coordinates in which the
/// pooled covariance is I. What has one law in all environments, and is independent of the
/// latents, has eigenvalue 0. The trace is the log-likelihood ratio a sample by which Gaussian laws
/// tell environments apart, to second order; the directions chosen are those of the largest ratio
/// near by.
/// Deterministic. Cost: d^3, and E d^3 to look at differences between E environments.
/// Source: dimension reduction by two moments, Cook and Weisberg 1991, Li and Wang 2007; the
/// likelihood of Cook and Forzani 2009.
Subspace latent_subspace(const std::vector<EnvironmentMoments>& moments, std::size_t latents,
                         SubspaceChoice choice);

/// Adds the note "subspace" if variance is left out, and the warning "left-out-differs" if what is
/// left out isn't the same in all environments or independent of the latents (p < .001), which
/// becomes an assumption where the choice is `differences`.
void find_left_out(const Subspace& subspace, std::vector<Finding>& findings,
                   std::vector<std::string>& assumptions);

}  // namespace lodestein::unmix
