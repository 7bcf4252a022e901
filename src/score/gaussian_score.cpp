#include <memory>
#include <utility>

#include "lodestein/score/check.hpp"
#include "lodestein/score/gaussian.hpp"
#include "score/classes.hpp"

namespace lodestein {
namespace {

class GaussianModel final : public Score::Model {
 public:
  explicit GaussianModel(GaussianScore score) : score_(std::move(score)) {}
  std::size_t dimension() const override { return score_.mean.size(); }
  Matrix evaluate(ConstMatrixView x) const override { return lodestein::evaluate(score_, x); }
  std::vector<double> divergence(ConstMatrixView x) const override {
    double trace = 0.0;
    for (std::size_t j = 0; j < dimension(); ++j) trace += score_.precision(j, j);
    return std::vector<double>(x.rows(), -trace);
  }

 private:
  GaussianScore score_;
};

ScoreSummary summary_of(const GaussianScore& fit, std::size_t samples) {
  ScoreSummary summary{.environment = fit.environment, .estimator = "gaussian", .samples = samples};
  summary.settings = {{"shrinkage", fit.shrinkage}, {"condition", fit.condition}};
  return summary;
}

}  // namespace

std::vector<Score> gaussian_scores(const Backend& backend, const Dataset& dataset,
                                   const GaussianScoreOptions& options, Seed seed,
                                   Observer& observer) {
  constexpr double held_out = 0.1;
  const auto fit = [&](const Dataset& samples) {
    return gaussian_scores(compute_moments(backend, samples, observer), options);
  };
  const std::vector<RowSplit> splits = split_rows(dataset, held_out, seed);
  const std::vector<GaussianScore> parts = fit(training_part(dataset, splits));
  std::vector<GaussianScore> fits = fit(dataset);
  std::vector<Score> scores;
  for (std::size_t e = 0; e < fits.size(); ++e) {
    const Matrix& x = dataset.environments[e].samples;
    ScoreSummary summary = summary_of(fits[e], x.rows());
    if (splits[e].held_out.size() >= 2) {
      const Score part(std::make_shared<GaussianModel>(parts[e]), summary);
      summary.held_out_loss = hyvarinen_loss(part, picked_rows(x, splits[e].held_out)).value;
    }
    scores.emplace_back(std::make_shared<GaussianModel>(std::move(fits[e])), std::move(summary));
  }
  return scores;
}

}  // namespace lodestein
