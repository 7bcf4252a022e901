#pragma once

#include <cstddef>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "lodestein/core/finding.hpp"
#include "lodestein/core/matrix.hpp"
#include "lodestein/score/score.hpp"

namespace lodestein {

/// How score differences came about.
struct DifferenceSummary {
  std::string estimator;                    ///< "classifier", "plug-in gaussian", ...
  std::vector<std::string> environments{};  ///< the K interventional ones
  double held_out_loss =                    ///< of the estimator's own criterion; NaN without
      std::numeric_limits<double>::quiet_NaN();
  std::vector<Setting> settings{};
  std::vector<Finding> findings{};
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

  /// d^m(x) at the rows of x, m = 0 .. K - 1. [N, d] -> [N, d].
  /// @throws DimensionMismatch, InvalidArgument if there is no environment m (here and below).
  Matrix evaluate(ConstMatrixView x, std::size_t m) const;
  /// How far the estimate at x rests on samples of both environments. [N, d] -> [N].
  std::vector<double> overlap(ConstMatrixView x, std::size_t m) const;

 private:
  std::shared_ptr<const Model> model_;
  DifferenceSummary summary_;
};

}  // namespace lodestein
