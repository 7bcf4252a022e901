#include "kernels/cpu/solve.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <exception>
#include <type_traits>
#include <vector>

#include "kernels/cpu/cholesky32.hpp"

namespace lodestein::kernels::cpu {
namespace {

using Eigen::Dynamic;
using Eigen::Index;
using Matrix = Eigen::Matrix<double, Dynamic, Dynamic, Eigen::RowMajor>;
using Block = Eigen::Map<Matrix, 0, Eigen::OuterStride<>>;
using ConstBlock = Eigen::Map<const Matrix, 0, Eigen::OuterStride<>>;

constexpr std::size_t tile = 128;         // of a large factor
constexpr std::size_t tiled_from = 512;   // smaller factors are one task
constexpr std::size_t chunk_sides = 128;  // right-hand sides of one task
constexpr int grains = 16;  // thousands of small tasks go to a thread in so many parts

template <class T>
auto block(const View<T>& view, std::size_t row, std::size_t col, std::size_t rows,
           std::size_t cols) {
  using Map = std::conditional_t<std::is_const_v<T>, ConstBlock, Block>;
  return Map(view.row(row) + col, static_cast<Index>(rows), static_cast<Index>(cols),
             Eigen::OuterStride<>(static_cast<Index>(view.stride)));
}

template <class T>
auto whole(const View<T>& view) {
  return block(view, 0, 0, view.rows, view.cols);
}

// task(i) for every i < count. Eigen allocates, so what a task throws is thrown here again.
template <class Task>
void run_tasks(int threads, std::size_t count, const Task& task) {
  std::exception_ptr failure;
  const int tasks = static_cast<int>(count), grain = std::max(1, tasks / (threads * grains));
#pragma omp parallel for schedule(dynamic, grain) num_threads(threads)
  for (int t = 0; t < tasks; ++t) {
    try {
      task(static_cast<std::size_t>(t));
    } catch (...) {
#pragma omp critical(lodestein_solve_failure)
      failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
}

// In place, as LAPACK's info: Eigen lets a pivot pass that is not finite.
int factor_block(Block a) {
  const Index bad = Eigen::internal::llt_inplace<double, Eigen::Lower>::blocked(a);
  for (Index k = 0; k < (bad < 0 ? a.rows() : bad); ++k) {
    if (!(a(k, k) > 0.0) || !std::isfinite(a(k, k))) return static_cast<int>(k) + 1;
  }
  return static_cast<int>(bad) + 1;
}

// Right-looking, by tiles: each is updated by one task, in a fixed order.
int factor_tiles(const View<double>& a, int threads) {
  const std::size_t tiles = (a.rows + tile - 1) / tile;
  const auto part = [&](std::size_t i, std::size_t j) {
    return block(a, i * tile, j * tile, std::min(tile, a.rows - i * tile),
                 std::min(tile, a.rows - j * tile));
  };
  for (std::size_t k = 0; k < tiles; ++k) {
    const int status = factor_block(part(k, k));
    if (status != 0) return static_cast<int>(k * tile) + status;
    const std::size_t rest = tiles - k - 1;
    run_tasks(threads, rest, [&](std::size_t t) {
      part(k, k).triangularView<Eigen::Lower>().transpose().solveInPlace<Eigen::OnTheRight>(
          part(k + 1 + t, k));
    });
    run_tasks(threads, rest * rest, [&](std::size_t t) {
      const std::size_t i = k + 1 + t / rest, j = k + 1 + t % rest;
      if (i > j) part(i, j).noalias() -= part(i, k) * part(j, k).transpose();
      if (i == j) part(i, i).selfadjointView<Eigen::Lower>().rankUpdate(part(i, k), -1.0);
    });
  }
  return 0;
}

void solve_chunk(const SolveProblem& problem, std::size_t first, std::size_t count) {
  const ConstBlock factor = whole(problem.factor);
  const auto lower = factor.triangularView<Eigen::Lower>();
  const std::size_t n = problem.factor.rows;
  if (problem.sides == RightSides::columns) {
    Block x = block(problem.right, 0, first, n, count);
    if (problem.system != System::transposed_factor) lower.solveInPlace(x);
    if (problem.system != System::factor) lower.transpose().solveInPlace(x);
  } else {
    Block x = block(problem.right, first, 0, count, n);
    if (problem.system != System::transposed_factor) {
      lower.transpose().solveInPlace<Eigen::OnTheRight>(x);
    }
    if (problem.system != System::factor) lower.solveInPlace<Eigen::OnTheRight>(x);
  }
}

void fix_sign(Eigen::Ref<Eigen::VectorXd, 0, Eigen::InnerStride<>> vector) {
  Index largest = 0;
  vector.cwiseAbs().maxCoeff(&largest);
  if (vector[largest] < 0.0) vector = -vector;
}

void fix_signs(Block vectors) {
  for (Index k = 0; k < vectors.cols(); ++k) fix_sign(vectors.col(k));
}

int find_eigenvectors(const EigenProblem& problem) {
  Block matrix = whole(problem.matrix);
  if (matrix.rows() == 0) return 0;
  const Eigen::MatrixXd lower = matrix.triangularView<Eigen::Lower>();
  if (!lower.allFinite()) return 1;
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(lower);
  if (solver.info() != Eigen::Success) return 1;
  std::copy_n(solver.eigenvalues().data(), problem.matrix.rows, problem.values);
  matrix = solver.eigenvectors();
  fix_signs(matrix);
  return 0;
}

}  // namespace

void Solve::run_factor(std::span<const CholeskyProblem> problems) const {
  run_tasks(threads_, problems.size(), [&](std::size_t p) {
    const auto& [matrix, status] = problems[p];
    if (matrix.rows < tiled_from) *status = matrix.rows == 0 ? 0 : factor_block(whole(matrix));
  });
  for (const auto& [matrix, status] : problems) {
    if (matrix.rows >= tiled_from) *status = factor_tiles(matrix, threads_);
  }
}

void Solve::run_solve(std::span<const SolveProblem> problems) const {
  struct Task {
    std::size_t problem, first, count;
  };
  std::vector<Task> tasks;
  for (std::size_t p = 0; p < problems.size(); ++p) {
    const SolveProblem& problem = problems[p];
    if (problem.right.empty() || (problem.status != nullptr && *problem.status != 0)) continue;
    const std::size_t sides =
        problem.sides == RightSides::rows ? problem.right.rows : problem.right.cols;
    for (std::size_t first = 0; first < sides; first += chunk_sides) {
      tasks.push_back({p, first, std::min(chunk_sides, sides - first)});
    }
  }
  run_tasks(threads_, tasks.size(), [&](std::size_t t) {
    solve_chunk(problems[tasks[t].problem], tasks[t].first, tasks[t].count);
  });
}

void Solve::run_factor32(std::span<const CholeskyProblem32> problems) const {
  run_tasks(threads_, problems.size(), [&](std::size_t p) {
    const auto& [matrix, status] = problems[p];
    if (matrix.rows < tiled_from) *status = factor32(matrix, 1);
  });
  for (const auto& [matrix, status] : problems) {
    if (matrix.rows >= tiled_from) *status = factor32(matrix, threads_);
  }
}

void Solve::run_solve32(std::span<const SolveProblem32> problems) const {
  for (const auto& [factor, right, status] : problems) {
    if (!right.empty() && (status == nullptr || *status == 0)) solve32(factor, right, threads_);
  }
}

void Solve::run_eigen(std::span<const EigenProblem> problems) const {
  run_tasks(threads_, problems.size(),
            [&](std::size_t p) { *problems[p].status = find_eigenvectors(problems[p]); });
}

void Solve::run_fix_signs(std::span<const EigenProblem> problems) const {
  run_tasks(threads_, problems.size(), [&](std::size_t p) {
    if (*problems[p].status == 0 && !problems[p].matrix.empty()) {
      fix_signs(whole(problems[p].matrix));
    }
  });
}

}  // namespace lodestein::kernels::cpu
