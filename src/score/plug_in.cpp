#include <string>

#include "core/eigen.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/data/moments.hpp"
#include "lodestein/score/difference.hpp"
#include "score/classes.hpp"
#include "score/gaussian_ratio.hpp"

namespace lodestein {
namespace {

class PlugIn final : public ScoreDifferences::Model {
 public:
  PlugIn(std::vector<Score> scores, GaussianDifferences gaussian)
      : scores_(std::move(scores)), gaussian_(std::move(gaussian)) {}
  std::size_t dimension() const override { return gaussian_.dimension(); }
  std::size_t environments() const override { return scores_.size() - 1; }
  Matrix evaluate(ConstMatrixView x, std::size_t m) const override {
    const Matrix base = scores_[0].evaluate(x), other = scores_[m + 1].evaluate(x);
    return to_matrix(as_eigen(base) - as_eigen(other));
  }
  std::vector<double> overlap(ConstMatrixView x, std::size_t m) const override {
    return gaussian_.overlap(x, m);
  }

 private:
  std::vector<Score> scores_;
  GaussianDifferences gaussian_;
};

void check(const Dataset& dataset, const std::vector<Score>& scores) {
  if (scores.size() != dataset.environments.size()) {
    throw DimensionMismatch("plug-in differences: " + std::to_string(scores.size()) +
                            " scores of a data set with " +
                            std::to_string(dataset.environments.size()) + " environments");
  }
  for (std::size_t e = 0; e < scores.size(); ++e) {
    if (scores[e].dimension() == dataset.feature_count()) continue;
    throw DimensionMismatch("plug-in differences: the score of environment '" +
                            dataset.environments[e].name + "' has " +
                            std::to_string(scores[e].dimension()) + " variables, the data set " +
                            std::to_string(dataset.feature_count()));
  }
}

}  // namespace

ScoreDifferences plug_in_differences(const Backend& backend, const Dataset& dataset,
                                     const std::vector<Score>& scores, Observer& observer) {
  validate(dataset, 2);
  check(dataset, scores);
  DifferenceSummary summary{.estimator = "plug-in " + scores.front().summary().estimator,
                            .environments = interventional_names(dataset)};
  for (const Score& score : scores) {
    const std::vector<Finding>& findings = score.summary().findings;
    summary.findings.insert(summary.findings.end(), findings.begin(), findings.end());
  }
  GaussianDifferences gaussian(gaussian_scores(compute_moments(backend, dataset, observer)));
  return {std::make_shared<PlugIn>(scores, std::move(gaussian)), std::move(summary)};
}

}  // namespace lodestein
