#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "core/eigen.hpp"
#include "evaluate/checks.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/evaluate/metrics.hpp"

namespace lodestein {
namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

void check_pair(ConstMatrixView truth, ConstMatrixView estimate) {
  if (truth.rows() != estimate.rows()) {
    throw DimensionMismatch("latents: " + std::to_string(truth.rows()) + " true samples but " +
                            std::to_string(estimate.rows()) +
                            " estimated ones; give both at the same samples");
  }
  require_finite(truth, "true latents");
  require_finite(estimate, "estimated latents");
}

/// Column centred and scaled to norm 1; zero where nothing but rounding is left of it.
Eigen::VectorXd standardised(Eigen::VectorXd column) {
  if (column.size() == 0) return column;
  const double largest = column.lpNorm<Eigen::Infinity>();
  if (largest == 0.0) return column;
  column /= largest;
  column.array() -= column.mean();
  const double norm = column.norm();
  const double rounding =
      4.0 * Eigen::NumTraits<double>::epsilon() * std::sqrt(static_cast<double>(column.size()));
  if (norm <= rounding) return Eigen::VectorXd::Zero(column.size());
  return column / norm;
}

/// Ranks from 1; tied values share the average of their ranks.
Eigen::VectorXd average_ranks(const Eigen::VectorXd& values) {
  // Values beside their places: sorting places alone would fetch every value from elsewhere.
  std::vector<std::pair<double, Eigen::Index>> sorted;
  sorted.reserve(static_cast<std::size_t>(values.size()));
  for (Eigen::Index i = 0; i < values.size(); ++i) sorted.emplace_back(values(i), i);
  std::sort(sorted.begin(), sorted.end());
  Eigen::VectorXd ranks(values.size());
  for (std::size_t first = 0; first < sorted.size();) {
    std::size_t end = first;
    while (end < sorted.size() && sorted[end].first == sorted[first].first) ++end;
    const double average = 0.5 * static_cast<double>(first + 1 + end);
    for (; first < end; ++first) ranks(sorted[first].second) = average;
  }
  return ranks;
}

Eigen::MatrixXd standardised_columns(ConstMatrixView latents, Correlation kind) {
  Eigen::MatrixXd result = as_eigen(latents);
  for (Eigen::Index j = 0; j < result.cols(); ++j) {
    const Eigen::VectorXd column = result.col(j);
    result.col(j) = standardised(kind == Correlation::spearman ? average_ranks(column) : column);
  }
  return result;
}

/// Column of each row for the largest total; rows that get none are `unmatched`. [r, c].
std::vector<std::size_t> largest_assignment(const Matrix& gain) {
  const bool wide = gain.rows() <= gain.cols();
  Matrix cost = wide ? gain : transpose(gain);
  as_eigen(cost) *= -1.0;
  auto found = minimum_cost_assignment(cost);
  if (wide) return found;
  std::vector<std::size_t> result(gain.rows(), unmatched);
  for (std::size_t j = 0; j < found.size(); ++j) result[found[j]] = j;
  return result;
}

}  // namespace

Matrix absolute_correlations(ConstMatrixView truth, ConstMatrixView estimate, Correlation kind) {
  check_pair(truth, estimate);
  const auto a = standardised_columns(truth, kind), b = standardised_columns(estimate, kind);
  return to_matrix((a.transpose() * b).cwiseAbs().cwiseMin(1.0).eval());
}

MatchedCorrelation mean_correlation_coefficient(ConstMatrixView truth, ConstMatrixView estimate,
                                                Correlation kind) {
  const Matrix correlations = absolute_correlations(truth, estimate, kind);
  MatchedCorrelation result{not_a_number, largest_assignment(correlations)};
  if (truth.cols() == 0) return result;
  double total = 0.0;
  for (std::size_t i = 0; i < truth.cols(); ++i) {
    if (result.estimate[i] != unmatched) total += correlations(i, result.estimate[i]);
  }
  result.mean = total / static_cast<double>(truth.cols());
  return result;
}

double linear_r_squared(ConstMatrixView truth, ConstMatrixView estimate) {
  check_pair(truth, estimate);
  if (truth.cols() == 0) return not_a_number;
  if (truth.rows() == 0 || estimate.cols() == 0) return 0.0;
  const auto target = standardised_columns(truth, Correlation::pearson);
  Eigen::ColPivHouseholderQR<Eigen::MatrixXd> qr(estimate.rows(), estimate.cols());
  // Directions of collinear estimates are left out, not fitted to rounding errors.
  qr.setThreshold(static_cast<double>(estimate.rows()) * Eigen::NumTraits<double>::epsilon());
  qr.compute(standardised_columns(estimate, Correlation::pearson));
  const Eigen::MatrixXd rotated = qr.householderQ().adjoint() * target;
  const double explained = rotated.topRows(qr.rank()).squaredNorm();
  return std::min(1.0, explained / static_cast<double>(truth.cols()));
}

}  // namespace lodestein
