#include "kernels/difference_moments.hpp"

#include "kernels/arguments.hpp"

namespace lodestein::kernels {
namespace {

void check(const DifferenceMomentsProblem& problem, const Arguments& arguments) {
  const auto& [base, scores, environments, weights, diagonal_only, moments] = problem;
  const std::size_t columns = environments * scores.cols;
  arguments.shape("moments", moments, columns, diagonal_only ? scores.cols : columns);
  if (columns == 0) return;
  if (scores.rows == 0) arguments.mismatch("scores have no rows");
  if (scores.rows % environments != 0) {
    arguments.mismatch("scores have " + std::to_string(scores.rows) + " rows, no multiple of " +
                       std::to_string(environments) + " environments");
  }
  arguments.array("scores", scores);
  if (base.data != nullptr) arguments.shape("base", base, sample_count(problem), scores.cols);
}

}  // namespace

void DifferenceMoments::operator()(std::span<const DifferenceMomentsProblem> problems) const {
  for (std::size_t p = 0; p < problems.size(); ++p)
    check(problems[p], Arguments("difference_moments", p));
  with_memory("difference_moments", [&] { run(problems); });
}

}  // namespace lodestein::kernels
