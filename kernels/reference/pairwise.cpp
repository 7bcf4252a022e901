#include "kernels/reference/pairwise.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace lodestein::kernels::reference {
namespace {

double squared_distance(const float* x, const float* y, std::size_t d) {
  double sum = 0.0;
  for (std::size_t l = 0; l < d; ++l) {
    const double difference = static_cast<double>(x[l]) - static_cast<double>(y[l]);
    sum += difference * difference;
  }
  return sum;
}

// phi and its first two derivatives at the squared distance.
struct Phi {
  double value, first, second;
};

Phi phi(const RadialKernel& kernel, double squared) {
  const double width2 = kernel.width * kernel.width;
  if (kernel.form == RadialKernel::Form::rbf) {
    const double a = 0.5 / width2, k = std::exp(-a * squared);
    return {k, -a * k, a * a * k};
  }
  const double b = 1.0 / width2, q = 1.0 / (1.0 + b * squared), k = std::sqrt(q);
  const double first = -0.5 * b * q * k;
  return {k, first, -1.5 * b * q * first};
}

double value(const RadialKernel& kernel, View<const float> x, View<const float> y, std::size_t i,
             std::size_t j, bool same_points) {
  const bool diagonal = same_points && i == j;
  const double squared = diagonal ? 0.0 : squared_distance(x.row(i), y.row(j), x.cols);
  const double k = phi(kernel, squared).value;
  const bool rbf = kernel.form == RadialKernel::Form::rbf;
  const double t = rbf ? squared / (kernel.width * kernel.width) : k * k;
  double polynomial = 0.0;
  for (std::size_t p = kernel.profile.size(); p-- > 0;)
    polynomial = polynomial * t + kernel.profile[p];
  return k * polynomial;
}

void multiply(const PairwiseProblem& problem) {
  const auto& [kernel, x, y, right, out, same_points] = problem;
  std::vector<double> sum(right.cols);
  for (std::size_t i = 0; i < x.rows; ++i) {
    std::fill(sum.begin(), sum.end(), 0.0);
    for (std::size_t j = 0; j < y.rows; ++j) {
      const double k = value(kernel, x, y, i, j, same_points);
      for (std::size_t c = 0; c < right.cols; ++c) sum[c] += k * static_cast<double>(right(j, c));
    }
    for (std::size_t c = 0; c < right.cols; ++c) out(i, c) = static_cast<float>(sum[c]);
  }
}

// out_i = sum_j -2 phi' c_j - 4 phi'' u (u . c_j) with u = x_i - y_j.
void multiply_curl_free(const PairwiseProblem& problem) {
  const auto& [kernel, x, y, right, out, same_points] = problem;
  const std::size_t d = x.cols;
  std::vector<double> sum(d), u(d);
  for (std::size_t i = 0; i < x.rows; ++i) {
    std::fill(sum.begin(), sum.end(), 0.0);
    for (std::size_t j = 0; j < y.rows; ++j) {
      double squared = 0.0, along = 0.0;
      for (std::size_t l = 0; l < d; ++l) {
        const double difference = static_cast<double>(x(i, l)) - static_cast<double>(y(j, l));
        u[l] = same_points && i == j ? 0.0 : difference;
        squared += u[l] * u[l];
        along += u[l] * static_cast<double>(right(j, l));
      }
      const Phi f = phi(kernel, squared);
      for (std::size_t l = 0; l < d; ++l) {
        sum[l] += -2.0 * f.first * static_cast<double>(right(j, l)) - 4.0 * f.second * along * u[l];
      }
    }
    for (std::size_t l = 0; l < d; ++l) out(i, l) = static_cast<float>(sum[l]);
  }
}

}  // namespace

void Pairwise::run_product(std::span<const PairwiseProblem> problems) const {
  for (const PairwiseProblem& problem : problems) multiply(problem);
}

void Pairwise::run_curl_free(std::span<const PairwiseProblem> problems) const {
  for (const PairwiseProblem& problem : problems) multiply_curl_free(problem);
}

void Pairwise::run_gram(std::span<const GramProblem> problems) const {
  for (const auto& [kernel, x, y, out, same_points, ridge] : problems) {
    for (std::size_t i = 0; i < x.rows; ++i) {
      for (std::size_t j = 0; j < y.rows; ++j) {
        out(i, j) = static_cast<float>(value(kernel, x, y, i, j, same_points));
      }
      if (same_points) out(i, i) += ridge;
    }
  }
}

void Pairwise::run_quantile(std::span<const DistanceQuantileProblem> problems) const {
  for (const auto& [x, y, rank, distance] : problems) {
    std::vector<double> squared;
    squared.reserve(x.rows * y.rows);
    for (std::size_t i = 0; i < x.rows; ++i) {
      for (std::size_t j = 0; j < y.rows; ++j)
        squared.push_back(squared_distance(x.row(i), y.row(j), x.cols));
    }
    const auto chosen = squared.begin() + static_cast<std::ptrdiff_t>(rank);
    std::nth_element(squared.begin(), chosen, squared.end());
    *distance = static_cast<float>(std::sqrt(*chosen));
  }
}

}  // namespace lodestein::kernels::reference
