#include <Eigen/Dense>
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
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

/// Centres a column and scales it to norm 1; zero where nothing but rounding is left of it.
void standardise(Eigen::Ref<Eigen::VectorXd> column) {
  if (column.size() == 0) return;
  const double largest = column.lpNorm<Eigen::Infinity>();
  if (largest == 0.0) return;
  column /= largest;
  column.array() -= column.mean();
  const double norm = column.norm();
  const double rounding =
      4.0 * Eigen::NumTraits<double>::epsilon() * std::sqrt(static_cast<double>(column.size()));
  if (norm <= rounding)
    column.setZero();
  else
    column /= norm;
}

/// A number whose order as an integer is the value's: negative ones have all bits turned, others
/// the first.
std::uint64_t sortable(double value) {
  const auto bits = std::bit_cast<std::uint64_t>(value + 0.0);  // -0 and 0 are tied
  return (bits >> 63) != 0 ? ~bits : bits | (std::uint64_t{1} << 63);
}

struct Placed {
  std::uint64_t value;
  std::size_t place;
};

bool less(const Placed& a, const Placed& b) { return a.value < b.value; }

constexpr unsigned digit_bits = 11, digits = 3, low_bits = 64 - digits * digit_bits;
constexpr std::size_t few = 1000;  // fewer aren't worth the counts of digits

/// Sorts by value. Comparisons would mispredict half of their branches, so that the first bits, by
/// which nearly all numbers differ, are sorted by digits, the last first, and only those that agree
/// in them by comparison. `other` is as long.
void sort_by_value(std::vector<Placed>& values, std::vector<Placed>& other) {
  if (values.size() < few) return std::sort(values.begin(), values.end(), less);
  const auto digit = [](const Placed& one, unsigned which) {
    return one.value >> (low_bits + digit_bits * which) & ((1u << digit_bits) - 1);
  };
  std::array<std::array<std::size_t, 1u << digit_bits>, digits> counts{};
  for (const Placed& one : values) {
    for (unsigned which = 0; which < digits; ++which) ++counts[which][digit(one, which)];
  }
  for (unsigned which = 0; which < digits; ++which) {
    auto& begin = counts[which];
    std::exclusive_scan(begin.begin(), begin.end(), begin.begin(), std::size_t{0});
    for (const Placed& one : values) other[begin[digit(one, which)]++] = one;
    std::swap(values, other);
  }
  for (auto first = values.begin(); first != values.end();) {
    const auto end = std::find_if(first, values.end(), [&](const Placed& one) {
      return one.value >> low_bits != first->value >> low_bits;
    });
    if (end - first > 1) std::sort(first, end, less);
    first = end;
  }
}

/// Ranks from 1 in place of the values; tied ones share the average of their ranks.
void rank_columns(Eigen::MatrixXd& columns) {
  std::vector<Placed> order(static_cast<std::size_t>(columns.rows())), other(order.size());
  for (Eigen::Index j = 0; j < columns.cols(); ++j) {
    for (std::size_t i = 0; i < order.size(); ++i)
      order[i] = {sortable(columns(static_cast<Eigen::Index>(i), j)), i};
    sort_by_value(order, other);
    for (std::size_t first = 0; first < order.size();) {
      std::size_t end = first;
      while (end < order.size() && order[end].value == order[first].value) ++end;
      const double average = 0.5 * static_cast<double>(first + 1 + end);
      for (; first < end; ++first)
        columns(static_cast<Eigen::Index>(order[first].place), j) = average;
    }
  }
}

Eigen::MatrixXd standardised_columns(ConstMatrixView latents, Correlation kind) {
  Eigen::MatrixXd result = as_eigen(latents);
  if (kind == Correlation::spearman) rank_columns(result);
  for (Eigen::Index j = 0; j < result.cols(); ++j) standardise(result.col(j));
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
