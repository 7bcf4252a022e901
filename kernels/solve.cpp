#include "kernels/solve.hpp"

#include <string>
#include <vector>

#include "lodestein/core/error.hpp"

namespace lodestein::kernels {
namespace {

// One problem of an operation, to name it in errors.
class Checked {
 public:
  Checked(const char* operation, std::size_t problem)
      : where_(std::string(operation) + ", problem " + std::to_string(problem) + ": ") {}

  void shape(const char* name, const View<const double>& view, std::size_t rows,
             std::size_t cols) const {
    if (view.rows != rows || view.cols != cols) {
      fail(name, "is " + size(view.rows, view.cols) + ", must be " + size(rows, cols));
    }
    if (view.rows > 1 && view.stride < view.cols) {
      fail(name, "has rows of " + std::to_string(view.cols) + " values " +
                     std::to_string(view.stride) + " apart");
    }
    if (!view.empty()) present(name, view.data);
  }
  void present(const char* name, const void* data) const {
    if (data == nullptr) fail(name, "is null");
  }

 private:
  static std::string size(std::size_t rows, std::size_t cols) {
    return std::to_string(rows) + " x " + std::to_string(cols);
  }
  [[noreturn]] void fail(const std::string& name, const std::string& what) const {
    throw DimensionMismatch(where_ + name + " " + what);
  }

  std::string where_;
};

}  // namespace

void Solve::factor(std::span<const CholeskyProblem> problems) const {
  for (std::size_t p = 0; p < problems.size(); ++p) {
    const auto& [matrix, status] = problems[p];
    const Checked check("Cholesky factor", p);
    check.shape("matrix", matrix, matrix.rows, matrix.rows);
    check.present("status", status);
  }
  if (!problems.empty()) run_factor(problems);
}

void Solve::solve(std::span<const SolveProblem> problems) const {
  for (std::size_t p = 0; p < problems.size(); ++p) {
    const SolveProblem& problem = problems[p];
    const std::size_t n = problem.factor.rows;
    const Checked check("Cholesky solve", p);
    check.shape("factor", problem.factor, n, n);
    const bool rows = problem.sides == RightSides::rows;
    check.shape("right", problem.right, rows ? problem.right.rows : n,
                rows ? n : problem.right.cols);
  }
  if (!problems.empty()) run_solve(problems);
}

void Solve::eigen(std::span<const EigenProblem> problems) const {
  for (std::size_t p = 0; p < problems.size(); ++p) {
    const auto& [matrix, values, status] = problems[p];
    const Checked check("symmetric eigenproblem", p);
    check.shape("matrix", matrix, matrix.rows, matrix.rows);
    if (matrix.rows > 0) check.present("values", values);
    check.present("status", status);
  }
  if (!problems.empty()) run_eigen(problems);
}

// With B = L L^T and w = L^T v it is (L^-1 A L^-T) w = lambda w.
void Solve::generalised_eigen(std::span<const GeneralisedEigenProblem> problems) const {
  std::vector<CholeskyProblem> metrics;
  std::vector<SolveProblem> whiten_columns, whiten_rows, back;
  std::vector<EigenProblem> eigenproblems, signs;
  for (std::size_t p = 0; p < problems.size(); ++p) {
    const auto& [matrix, metric, values, metric_status, status] = problems[p];
    const Checked check("generalised eigenproblem", p);
    check.shape("matrix", matrix, matrix.rows, matrix.rows);
    check.shape("metric", metric, matrix.rows, matrix.rows);
    if (matrix.rows > 0) check.present("values", values);
    check.present("metric_status", metric_status);
    check.present("status", status);
    metrics.push_back({metric, metric_status});
    whiten_columns.push_back({metric, matrix, System::factor, RightSides::columns, metric_status});
    whiten_rows.push_back({metric, matrix, System::factor, RightSides::rows, metric_status});
    eigenproblems.push_back({matrix, values, status});
    back.push_back({metric, matrix, System::transposed_factor, RightSides::columns, metric_status});
    signs.push_back({matrix, values, metric_status});
  }
  if (problems.empty()) return;
  run_factor(metrics);
  run_solve(whiten_columns);
  run_solve(whiten_rows);
  run_eigen(eigenproblems);
  run_solve(back);
  run_fix_signs(signs);
}

}  // namespace lodestein::kernels
