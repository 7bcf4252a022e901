#pragma once

#include <cstddef>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lodestein/core/backend.hpp"
#include "lodestein/core/finding.hpp"
#include "lodestein/core/matrix.hpp"
#include "lodestein/core/observer.hpp"
#include "lodestein/data/dataset.hpp"
#include "lodestein/score/score.hpp"

namespace lodestein {

/// Log-losses at single held-out samples: of environment m, and of the observational one.
struct HeldOutTerms {
  std::vector<double> own, observational;
};

/// How score differences came about.
struct DifferenceSummary {
  std::string estimator;                    ///< "classifier", "plug-in gaussian", ...
  std::vector<std::string> environments{};  ///< the K interventional ones
  double held_out_loss =                    ///< of the estimator's own criterion; NaN without
      std::numeric_limits<double>::quiet_NaN();
  std::vector<Setting> settings{};
  std::vector<Finding> findings{};
  /// Of estimators that model log p_m / p_0: held-out log-loss of telling environment m from the
  /// observational one at equal sizes, [K]; log 2 where they can't be told apart. Comparable
  /// between such estimators, and with equal seeds on the same rows; held_out_loss is its mean.
  std::vector<double> held_out_losses{};
  /// Their terms, for paired comparisons. [K]
  std::vector<HeldOutTerms> held_out_terms{};
};

/// Estimated score differences d^m(x) = s_0(x) - s_m(x) of K interventional environments against
/// the observational one. Cheap to copy; safe to share between threads.
class ScoreDifferences {
 public:
  /// What an estimator implements; x has the right number of columns and m < environments().
  class Model {
   public:
    virtual ~Model() = default;
    virtual std::size_t dimension() const = 0;     ///< d
    virtual std::size_t environments() const = 0;  ///< K
    /// d^m at the rows of x. [N, d] -> [N, d]
    virtual Matrix evaluate(ConstMatrixView x, std::size_t m) const = 0;
    /// P(1 - P) at the rows of x, P the probability of environment m against the observational one
    /// at equal sample sizes: 1/4 where both are equally dense, 0 where only one has mass. [N]
    virtual std::vector<double> overlap(ConstMatrixView x, std::size_t m) const = 0;
  };

  ScoreDifferences(std::shared_ptr<const Model> model, DifferenceSummary summary);

  std::size_t dimension() const { return model_->dimension(); }
  std::size_t environments() const { return model_->environments(); }
  const DifferenceSummary& summary() const { return summary_; }
  /// The same differences with another summary.
  ScoreDifferences with(DifferenceSummary summary) const { return {model_, std::move(summary)}; }

  /// d^m(x) at the rows of x, m = 0 .. K - 1. [N, d] -> [N, d].
  /// @throws DimensionMismatch, InvalidArgument if there is no environment m (here and below).
  Matrix evaluate(ConstMatrixView x, std::size_t m) const;
  /// How far the estimate at x rests on samples of both environments. [N, d] -> [N].
  std::vector<double> overlap(ConstMatrixView x, std::size_t m) const;

 private:
  std::shared_ptr<const Model> model_;
  DifferenceSummary summary_;
};

/// Differences of separate scores, one per environment of the data set in its order, whatever
/// estimated them. Their errors add up, also in coordinates that an intervention leaves alone: for
/// nonlinear latents prefer an estimator of the difference itself. The overlap is that of Gaussian
/// fits to the environments.
/// @throws DimensionMismatch if their number or dimension isn't the data set's; InvalidArgument if
/// a covariance can't be inverted.
ScoreDifferences plug_in_differences(const Backend& backend, const Dataset& dataset,
                                     const std::vector<Score>& scores,
                                     Observer& observer = silent());

/// Where d^m is averaged. An intervention leaves the same entries of d^m at zero everywhere, so the
/// choice is one of accuracy: estimates are good where both environments have samples.
/// observational: where the published methods average. own: at the samples of environment m;
/// inside the observational support if the intervention narrows. both: half and half, whatever the
/// sample sizes. overlap: both, weighted with P(1 - P).
enum class MomentPoints { observational, own, both, overlap };

/// Score-difference moments R^ij = E[d^i d^jT], d^m = s_0 - s_m, not centred.
struct DifferenceMoments {
  std::vector<std::string> environments;  ///< the K interventional ones
  std::vector<Matrix> own;                ///< R^mm [d, d], m = 0..K-1
};

/// R^mm averaged over samples of the data set, in fp64.
/// @throws DimensionMismatch if the differences are of other environments or variables;
/// InvalidArgument naming the environment that has no overlap with the observational one, or no
/// samples; Cancelled. Cost: one evaluation per environment and point, and N d^2 multiply-adds.
DifferenceMoments difference_moments(const Backend& backend, const ScoreDifferences& differences,
                                     const Dataset& dataset,
                                     MomentPoints points = MomentPoints::overlap,
                                     Observer& observer = silent());

/// R^ij of all pairs at common points: block (i, j) of [K d, K d]. [N, d], N >= 1.
/// @throws DimensionMismatch; InvalidArgument without points. Cost: N (K d)^2 multiply-adds.
Matrix all_difference_moments(const Backend& backend, const ScoreDifferences& differences,
                              ConstMatrixView points);

}  // namespace lodestein
