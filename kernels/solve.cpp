#include "kernels/solve.hpp"

#include <vector>

#include "kernels/arguments.hpp"

namespace lodestein::kernels {
namespace {

void check_eigenproblems(const char* operation, std::span<const EigenProblem> problems) {
  for (std::size_t p = 0; p < problems.size(); ++p) {
    const auto& [matrix, values, status] = problems[p];
    const Arguments arguments(operation, p);
    arguments.shape("matrix", matrix, matrix.rows, matrix.rows);
    if (matrix.rows > 0) arguments.present("values", values);
    arguments.present("status", status);
  }
}

}  // namespace

void Solve::factor(std::span<const CholeskyProblem> problems) const {
  for (std::size_t p = 0; p < problems.size(); ++p) {
    const auto& [matrix, status] = problems[p];
    const Arguments arguments("Cholesky factor", p);
    arguments.shape("matrix", matrix, matrix.rows, matrix.rows);
    arguments.present("status", status);
  }
  with_memory("Cholesky factor", [&] {
    if (!problems.empty()) run_factor(problems);
  });
}

void Solve::solve(std::span<const SolveProblem> problems) const {
  for (std::size_t p = 0; p < problems.size(); ++p) {
    const SolveProblem& problem = problems[p];
    const std::size_t n = problem.factor.rows;
    const Arguments arguments("Cholesky solve", p);
    arguments.shape("factor", problem.factor, n, n);
    const bool rows = problem.sides == RightSides::rows;
    arguments.shape("right", problem.right, rows ? problem.right.rows : n,
                    rows ? n : problem.right.cols);
  }
  with_memory("Cholesky solve", [&] {
    if (!problems.empty()) run_solve(problems);
  });
}

void Solve::factor(std::span<const CholeskyProblem32> problems) const {
  for (std::size_t p = 0; p < problems.size(); ++p) {
    const auto& [matrix, status] = problems[p];
    const Arguments arguments("fp32 Cholesky factor", p);
    arguments.shape("matrix", matrix, matrix.rows, matrix.rows);
    arguments.present("status", status);
  }
  with_memory("fp32 Cholesky factor", [&] {
    if (!problems.empty()) run_factor32(problems);
  });
}

void Solve::solve(std::span<const SolveProblem32> problems) const {
  for (std::size_t p = 0; p < problems.size(); ++p) {
    const auto& [factor, right, status] = problems[p];
    const Arguments arguments("fp32 Cholesky solve", p);
    arguments.shape("factor", factor, factor.rows, factor.rows);
    arguments.shape("right", right, factor.rows, right.cols);
  }
  with_memory("fp32 Cholesky solve", [&] {
    if (!problems.empty()) run_solve32(problems);
  });
}

void Solve::eigen(std::span<const EigenProblem> problems) const {
  check_eigenproblems("symmetric eigenproblem", problems);
  with_memory("symmetric eigenproblem", [&] {
    if (!problems.empty()) run_eigen(problems);
  });
}

void Solve::fix_eigenvector_signs(std::span<const EigenProblem> problems) const {
  check_eigenproblems("signs of eigenvectors", problems);
  with_memory("signs of eigenvectors", [&] {
    if (!problems.empty()) run_fix_signs(problems);
  });
}

// With B = L L^T and w = L^T v it is (L^-1 A L^-T) w = lambda w.
void Solve::generalised_eigen(std::span<const GeneralisedEigenProblem> problems) const {
  std::vector<CholeskyProblem> metrics;
  std::vector<SolveProblem> whiten_columns, whiten_rows, back;
  std::vector<EigenProblem> eigenproblems, signs;
  for (std::size_t p = 0; p < problems.size(); ++p) {
    const auto& [matrix, metric, values, metric_status, status] = problems[p];
    const Arguments arguments("generalised eigenproblem", p);
    arguments.shape("matrix", matrix, matrix.rows, matrix.rows);
    arguments.shape("metric", metric, matrix.rows, matrix.rows);
    if (matrix.rows > 0) arguments.present("values", values);
    arguments.present("metric_status", metric_status);
    arguments.present("status", status);
    metrics.push_back({metric, metric_status});
    whiten_columns.push_back({metric, matrix, System::factor, RightSides::columns, metric_status});
    whiten_rows.push_back({metric, matrix, System::factor, RightSides::rows, metric_status});
    eigenproblems.push_back({matrix, values, status});
    back.push_back({metric, matrix, System::transposed_factor, RightSides::columns, metric_status});
    signs.push_back({matrix, values, metric_status});
  }
  if (problems.empty()) return;
  with_memory("generalised eigenproblem", [&] {
    run_factor(metrics);
    run_solve(whiten_columns);
    run_solve(whiten_rows);
    run_eigen(eigenproblems);
    run_solve(back);
    run_fix_signs(signs);
  });
}

}  // namespace lodestein::kernels
