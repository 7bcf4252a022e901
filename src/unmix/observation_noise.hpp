#pragma once

#include <Eigen/Dense>
#include <vector>

#include "lodestein/core/finding.hpp"
#include "unmix/linear_problem.hpp"
#include "unmix/subspace.hpp"

namespace lodestein::unmix {

/// P-value of a test that noise has one strength in all directions: Nagao's test of sphericity, N q
/// U / 2 against a chi-square with q (q + 1) / 2 - 1 degrees of freedom, for the q eigenvalues of a
/// covariance of N samples. 1 for fewer than two, and for rounding beside `scale`.
/// Source: Nagao 1973; Ledoit and Wolf 2002 for large q.
double even_noise_p_value(const Eigen::VectorXd& eigenvalues, double samples, double scale);
/// Below this noise isn't even.
inline constexpr double even_noise_level = 1e-3;

/// Independent noise of one strength on every feature, and with directions of differences as many
/// invariant causes as have their share in the span of their components; what of it is in
/// coordinates of a subspace. The default is none.
struct ObservationNoise {
  double deviation = 0.0;      ///< standard deviation of a feature's noise
  Eigen::MatrixXd covariance;  ///< of all that is not signal in y = basis x; empty: none. [n, n]
  /// Moments of y less the noise are as uncertain as those of so many times the samples without
  /// noise would be: s^2 in each environment, s the share of signal in the variance of its
  /// direction with least.
  std::vector<double> samples_share{};

  /// Moments of y without noise, with as many samples as they are worth.
  LinearProblem removed_from(LinearProblem problem) const;
};

/// The noise in the latent directions, from what they leave out: if that has at least two
/// directions, is as strong in all of them, and leaves signal in all directions of all
/// environments, at three standard errors of a variance. Else none. With noise of variance v, and W
/// the invariant coordinates, which no latent enters, the covariance of invariant causes is known
/// where it meets W and has the rank of W; the whole in y = A x is A (I / v - W^T W)^-1 A^T.
ObservationNoise observation_noise(const Subspace& subspace, const LinearProblem& problem);

/// Adds the note "observation-noise" if there is some.
void find_noise(const ObservationNoise& noise, std::vector<Finding>& findings);

}  // namespace lodestein::unmix
