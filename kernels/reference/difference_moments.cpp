#include "kernels/reference/difference_moments.hpp"

namespace lodestein::kernels::reference {
namespace {

double weight(const DifferenceMomentsProblem& problem, std::size_t k) {
  return problem.weights == nullptr ? 1.0 : problem.weights[k];
}

// d^m_i at sample k.
double difference(const DifferenceMomentsProblem& problem, std::size_t m, std::size_t k,
                  std::size_t i) {
  const double score = problem.scores(m * sample_count(problem) + k, i);
  return problem.base.data == nullptr ? score : problem.base(k, i) - score;
}

// E[d^a_i d^b_j]
double moment(const DifferenceMomentsProblem& problem, std::size_t a, std::size_t i, std::size_t b,
              std::size_t j) {
  double sum = 0.0, total = 0.0;
  for (std::size_t k = 0; k < sample_count(problem); ++k) {
    total += weight(problem, k);
    sum += weight(problem, k) * (difference(problem, a, k, i) * difference(problem, b, k, j));
  }
  return sum / total;
}

void solve(const DifferenceMomentsProblem& problem) {
  const std::size_t d = problem.scores.cols;
  for (std::size_t a = 0; a < problem.environments; ++a) {
    for (std::size_t b = 0; b < problem.environments; ++b) {
      if (problem.diagonal_only && a != b) continue;
      const std::size_t column = problem.diagonal_only ? 0 : b * d;
      for (std::size_t i = 0; i < d; ++i) {
        for (std::size_t j = 0; j < d; ++j)
          problem.moments(a * d + i, column + j) = moment(problem, a, i, b, j);
      }
    }
  }
}

}  // namespace

void DifferenceMoments::run(std::span<const DifferenceMomentsProblem> problems) const {
  for (const DifferenceMomentsProblem& problem : problems) solve(problem);
}

}  // namespace lodestein::kernels::reference
