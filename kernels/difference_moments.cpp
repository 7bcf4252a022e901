#include "kernels/difference_moments.hpp"

#include <string>

#include "lodestein/core/error.hpp"

namespace lodestein::kernels {
namespace {

std::string shape(std::size_t rows, std::size_t cols) {
  return std::to_string(rows) + " x " + std::to_string(cols);
}

void check(const DifferenceMomentsProblem& problem, const std::string& where) {
  const auto& [base, scores, environments, weights, diagonal_only, moments] = problem;
  const std::size_t columns = environments * scores.cols;
  const std::size_t width = diagonal_only ? scores.cols : columns;
  if (moments.rows != columns || moments.cols != width) {
    throw DimensionMismatch(where + "moments are " + shape(moments.rows, moments.cols) +
                            ", they must be " + shape(columns, width));
  }
  if (columns == 0) return;
  if (scores.rows == 0) throw DimensionMismatch(where + "no samples");
  if (scores.rows % environments != 0) {
    throw DimensionMismatch(where + "scores have " + std::to_string(scores.rows) +
                            " rows, no multiple of " + std::to_string(environments) +
                            " environments");
  }
  const std::size_t samples = sample_count(problem);
  if (base.data != nullptr && (base.rows != samples || base.cols != scores.cols)) {
    throw DimensionMismatch(where + "base is " + shape(base.rows, base.cols) +
                            ", an environment's scores are " + shape(samples, scores.cols));
  }
  if (scores.data == nullptr) throw InvalidArgument(where + "scores are null");
  if (moments.data == nullptr) throw InvalidArgument(where + "moments are null");
}

}  // namespace

void DifferenceMoments::operator()(std::span<const DifferenceMomentsProblem> problems) const {
  for (std::size_t p = 0; p < problems.size(); ++p)
    check(problems[p], "difference_moments, problem " + std::to_string(p) + ": ");
  run(problems);
}

}  // namespace lodestein::kernels
