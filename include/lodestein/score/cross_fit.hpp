#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "lodestein/core/backend.hpp"
#include "lodestein/core/matrix.hpp"
#include "lodestein/core/observer.hpp"
#include "lodestein/core/random.hpp"
#include "lodestein/data/dataset.hpp"
#include "lodestein/score/classifier.hpp"
#include "lodestein/score/difference.hpp"

namespace lodestein {

/// Fits differences to each of several data sets; result i belongs to data set i.
using DifferenceEstimator = std::function<std::vector<ScoreDifferences>(
    const Backend&, const std::vector<Dataset>&, Seed, Observer&)>;

/// All trainings in one call.
DifferenceEstimator classifier_estimator(const ClassifierOptions& options = {});
/// One after the other, which is what the observer is told of.
DifferenceEstimator each(
    std::function<ScoreDifferences(const Backend&, const Dataset&, Seed, Observer&)> fit);

struct CrossFitOptions {
  std::size_t splits = 4;  ///< random splits of every environment into three parts
  MomentPoints points = MomentPoints::overlap;
};

/// Moments E[d_a^m (d_b^m)^T], symmetrised, of estimates a and b from disjoint samples at points
/// that neither has seen. Independent errors don't add a positive floor as they do to a square: an
/// entry that is zero in truth has expectation zero but for the bias that a and b share.
struct CrossMoments {
  std::vector<std::string> environments;  ///< the K interventional ones
  std::size_t splits = 0;
  /// [K][3 splits] of [d, d]: values[m][3 s + c] belongs to the points of part c of split s.
  std::vector<std::vector<Matrix>> values;
  /// The same shape: E[d d^T] of the mean of a split's three fits at the points of part c. Behind
  /// TouchTests::error only; may be empty.
  std::vector<std::vector<Matrix>> common{};

  DifferenceMoments mean() const;
};

/// Every split cuts each environment into three equal parts; the estimator is fitted to each, and
/// each pair of fits meets at the points of the third part.
/// @throws InvalidArgument for no splits or environments of fewer than 30 samples, and what the
/// estimator throws; Cancelled. Same seed, same bits. Cost: the estimator on `splits` times the
/// data.
CrossMoments cross_fit(const Backend& backend, const Dataset& dataset,
                       const DifferenceEstimator& estimator, const CrossFitOptions& options = {},
                       Seed seed = {}, Observer& observer = silent());

/// Whether g_j^T R^m g_j > 0: does intervention m touch latent j, itself or as a parent?
struct TouchTests {
  Matrix value;           ///< [K, n]
  Matrix standard_error;  ///< [K, n], of values that are 0 in truth: what p-values are made of
  Matrix p_value;         ///< [K, n], one-sided, for one entry
  Matrix error;           ///< [K, n], of any value, too large near 0; NaN without `common`
};

/// In the coordinates z of x = decoder z + offset; columns g_j. [d, n].
///
/// With no effect the three values of a split are uncorrelated, and so are pairs of samples in
/// them; averaging over splits therefore takes at most a third off the variance. With v the
/// variance of values within splits, error^2 = v/3 (1/splits + 2/3 (1 - 1/splits)); p-values are of
/// Student's t with 4 degrees of freedom (2 for one split), which simulation shows to keep the
/// level for 4 splits and more. Correct for the number of entries before use.
///
/// With an effect the estimate has a part linear in the sample, 2 L + M, L by way of the fits and M
/// of the points, which splits don't average out. Values of a split differ by M - L, those of
/// `common` by M, hence 3 common - 2 values by 2 L + M, a third of whose variance is error^2.
/// @throws DimensionMismatch.
TouchTests touch_tests(const CrossMoments& moments, ConstMatrixView decoder);

}  // namespace lodestein
