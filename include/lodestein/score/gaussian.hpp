#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "lodestein/core/matrix.hpp"
#include "lodestein/core/random.hpp"
#include "lodestein/data/moments.hpp"
#include "lodestein/score/difference.hpp"

namespace lodestein {

/// How a covariance is regularised before it is inverted.
/// none: the sample covariance. oracle_approximating: towards a multiple of the identity, with the
/// optimal weight for Gaussian data (Chen et al. 2010), which needs no samples. automatic:
/// oracle_approximating where samples < 10 d, else none.
enum class Shrinkage { automatic, none, oracle_approximating };

struct GaussianScoreOptions {
  Shrinkage shrinkage = Shrinkage::automatic;
  bool operator==(const GaussianScoreOptions&) const = default;
};

/// Score of one environment under a Gaussian fit: s(x) = -precision (x - mean).
struct GaussianScore {
  std::string environment;
  std::vector<double> mean;
  Matrix precision;        ///< [d, d]
  double shrinkage = 0.0;  ///< weight of the identity target
  double condition = 0.0;  ///< of the covariance that was inverted
};

/// Gaussian scores of all environments.
/// @throws InvalidArgument naming the environment whose covariance is not positive definite.
/// Cost: d^3 per environment.
std::vector<GaussianScore> gaussian_scores(const std::vector<EnvironmentMoments>& moments,
                                           const GaussianScoreOptions& options = {});

/// s(x) at the rows of x. [N, d] -> [N, d].
Matrix evaluate(const GaussianScore& score, ConstMatrixView x);

/// The same as scores of a data set's environments. The seed picks the rows, a tenth, on which a
/// fit to the others has the held-out loss of the summary; the score is of a fit to all rows. The
/// loss is NaN with fewer than two such rows. @throws as above. Cost: N d^2 multiply-adds.
std::vector<Score> gaussian_scores(const Backend& backend, const Dataset& dataset,
                                   const GaussianScoreOptions& options = {}, Seed seed = {},
                                   Observer& observer = silent());

/// Score differences of Gaussian fits, d^m(x) = precision_m (x - mean_m) - precision_0 (x -
/// mean_0). The best there is for linear latents with Gaussian noise, and free; else a baseline.
/// The seed picks the rows, a tenth, on which a fit to the others has the held-out losses of the
/// summary; the differences are of a fit to all rows.
/// @throws InvalidArgument for data that validate() refuses, or naming the environment whose
/// covariance is not positive definite. Cost: N d^2 multiply-adds.
ScoreDifferences gaussian_differences(const Backend& backend, const Dataset& dataset,
                                      const GaussianScoreOptions& options = {}, Seed seed = {},
                                      Observer& observer = silent());

/// Closed form under the Gaussian fit, centred: R^mm = D_m S_0 D_m, D_m = Theta_m - Theta_0.
DifferenceMoments difference_moments(const std::vector<GaussianScore>& scores,
                                     ConstMatrixView observational_covariance);
/// R^ij = D_i S_0 D_j for one pair. @throws InvalidArgument if there is no such environment,
/// DimensionMismatch (here and above) if the covariance has another size.
Matrix cross_difference_moment(const std::vector<GaussianScore>& scores,
                               ConstMatrixView observational_covariance, std::size_t i,
                               std::size_t j);

}  // namespace lodestein
