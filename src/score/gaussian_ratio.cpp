#include "score/gaussian_ratio.hpp"

#include "core/eigen.hpp"
#include "score/classes.hpp"

namespace lodestein {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

double log_determinant(const MatrixXd& positive) {
  return 2.0 * positive.llt().matrixLLT().diagonal().array().log().sum();
}

Eigen::Map<const VectorXd> mean_of(const GaussianScore& score) {
  return {score.mean.data(), static_cast<Index>(score.mean.size())};
}

MatrixXd centred(ConstMatrixView x, const VectorXd& centre) {
  return as_eigen(x).rowwise() - centre.transpose();
}

}  // namespace

std::vector<GaussianRatio> gaussian_ratios(const std::vector<GaussianScore>& scores) {
  const MatrixXd base = as_eigen(scores.front().precision);
  const VectorXd centre = mean_of(scores.front());
  const double base_determinant = log_determinant(base);
  std::vector<GaussianRatio> ratios;
  for (std::size_t m = 1; m < scores.size(); ++m) {
    const MatrixXd precision = as_eigen(scores[m].precision);
    const VectorXd shift = mean_of(scores[m]) - centre, pulled = precision * shift;
    const double constant =
        0.5 * (log_determinant(precision) - base_determinant - shift.dot(pulled));
    ratios.push_back({centre, constant, pulled, 0.5 * (base - precision)});
  }
  return ratios;
}

Matrix GaussianDifferences::evaluate(ConstMatrixView x, std::size_t m) const {
  const GaussianRatio& ratio = ratios_[m];
  const MatrixXd gradient = 2.0 * centred(x, ratio.centre) * ratio.quadratic;
  return to_matrix((-gradient).rowwise() - ratio.linear.transpose());
}

std::vector<double> GaussianDifferences::log_ratio(ConstMatrixView x, std::size_t m) const {
  const GaussianRatio& ratio = ratios_[m];
  const MatrixXd u = centred(x, ratio.centre);
  const VectorXd values =
      ((u * ratio.quadratic).cwiseProduct(u).rowwise().sum() + u * ratio.linear).array() +
      ratio.constant;
  return {values.data(), values.data() + values.size()};
}

ScoreDifferences gaussian_differences(const Backend& backend, const Dataset& dataset,
                                      const GaussianScoreOptions& options, Seed seed,
                                      Observer& observer) {
  constexpr double held_out = 0.1;
  validate(dataset, 2);
  const auto fit = [&](const Dataset& samples) {
    return std::make_shared<GaussianDifferences>(
        gaussian_scores(compute_moments(backend, samples, observer), options));
  };
  DifferenceSummary summary{.estimator = "plug-in gaussian",
                            .environments = interventional_names(dataset)};
  const std::vector<RowSplit> splits = split_rows(dataset, held_out, seed);
  std::vector<Matrix> points;
  for (std::size_t e = 0; e < splits.size(); ++e)
    points.push_back(picked_rows(dataset.environments[e].samples, splits[e].held_out));
  judge(*fit(training_part(dataset, splits)), points, summary);
  return {fit(dataset), std::move(summary)};
}

}  // namespace lodestein
