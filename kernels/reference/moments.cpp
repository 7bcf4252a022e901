#include "kernels/reference/moments.hpp"

#include <algorithm>

namespace lodestein::kernels::reference {
namespace {

double weight(const MomentsProblem& problem, std::size_t k) {
  return problem.weights == nullptr ? 1.0 : problem.weights[k];
}

void solve(const MomentsProblem& problem) {
  const View<const double> x = problem.samples;
  const std::size_t d = x.cols;
  double total = 0.0;
  std::fill_n(problem.mean, d, 0.0);
  for (std::size_t k = 0; k < x.rows; ++k) {
    total += weight(problem, k);
    for (std::size_t j = 0; j < d; ++j) problem.mean[j] += weight(problem, k) * x(k, j);
  }
  for (std::size_t j = 0; j < d; ++j) problem.mean[j] /= total;

  for (std::size_t i = 0; i < d; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = 0.0;
      for (std::size_t k = 0; k < x.rows; ++k) {
        sum += weight(problem, k) * (x(k, i) - problem.mean[i]) * (x(k, j) - problem.mean[j]);
      }
      problem.covariance(i, j) = problem.covariance(j, i) = sum / total;
    }
  }
}

}  // namespace

void Moments::run(std::span<const MomentsProblem> problems) const {
  for (const MomentsProblem& problem : problems) solve(problem);
}

}  // namespace lodestein::kernels::reference
