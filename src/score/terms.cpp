#include "score/terms.hpp"

#include <algorithm>
#include <cmath>

namespace lodestein {

MeanEstimate mean_of(const std::vector<double>& terms) {
  const auto n = static_cast<double>(terms.size());
  double sum = 0.0, square = 0.0;
  for (const double term : terms) sum += term;
  const double mean = sum / n;
  for (const double term : terms) square += (term - mean) * (term - mean);
  return {mean, std::sqrt(square / (n * (n - 1.0)))};
}

std::vector<double> hyvarinen_terms(const Score& score, ConstMatrixView x) {
  const Matrix s = score.evaluate(x);
  std::vector<double> terms = score.divergence(x);
  for (std::size_t k = 0; k < s.rows(); ++k)
    for (std::size_t j = 0; j < s.cols(); ++j) terms[k] += 0.5 * s(k, j) * s(k, j);
  return terms;
}

double softplus(double t) { return std::max(t, 0.0) + std::log1p(std::exp(-std::abs(t))); }

}  // namespace lodestein
