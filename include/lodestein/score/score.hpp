#pragma once

#include <cstddef>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lodestein/core/finding.hpp"
#include "lodestein/core/matrix.hpp"

namespace lodestein {

/// A number that an estimator chose or measured, e.g. {"ridge", 1e-3}.
struct Setting {
  std::string name;
  double value = 0.0;
};

/// How a score came about.
struct ScoreSummary {
  std::string environment{};
  std::string estimator;    ///< "gaussian", "stein", "score-matching", ...
  std::size_t samples = 0;  ///< it was fitted on
  double held_out_loss =    ///< Hyvarinen loss on samples it was not fitted on; NaN without
      std::numeric_limits<double>::quiet_NaN();
  std::vector<Setting> settings{};
  std::vector<Finding> findings{};
};

/// Estimated score s(x) = grad log p(x) of one environment. Cheap to copy; safe to share between
/// threads.
class Score {
 public:
  /// What an estimator implements; x has the right number of columns.
  class Model {
   public:
    virtual ~Model() = default;
    virtual std::size_t dimension() const = 0;                            ///< d
    virtual Matrix evaluate(ConstMatrixView x) const = 0;                 ///< [N, d] -> [N, d]
    virtual std::vector<double> divergence(ConstMatrixView x) const = 0;  ///< [N, d] -> [N]
  };

  Score(std::shared_ptr<const Model> model, ScoreSummary summary);

  std::size_t dimension() const { return model_->dimension(); }
  const ScoreSummary& summary() const { return summary_; }
  /// The same score with another summary.
  Score with(ScoreSummary summary) const { return {model_, std::move(summary)}; }

  /// s(x) at the rows of x. [N, d] -> [N, d]. @throws DimensionMismatch (here and below).
  Matrix evaluate(ConstMatrixView x) const;
  /// div s(x) at the rows of x. [N, d] -> [N].
  std::vector<double> divergence(ConstMatrixView x) const;

 private:
  std::shared_ptr<const Model> model_;
  ScoreSummary summary_;
};

}  // namespace lodestein
