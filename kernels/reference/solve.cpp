#include "kernels/reference/solve.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

namespace lodestein::kernels::reference {
namespace {

template <class T>
int factorise(const View<T>& a) {
  for (std::size_t j = 0; j < a.rows; ++j) {
    double pivot = double{a(j, j)};
    for (std::size_t k = 0; k < j; ++k) pivot -= double{a(j, k)} * double{a(j, k)};
    if (!(pivot > 0.0) || !std::isfinite(pivot)) return static_cast<int>(j) + 1;
    a(j, j) = static_cast<T>(std::sqrt(pivot));
    for (std::size_t i = j + 1; i < a.rows; ++i) {
      double sum = double{a(i, j)};
      for (std::size_t k = 0; k < j; ++k) sum -= double{a(i, k)} * double{a(j, k)};
      a(i, j) = static_cast<T>(sum / double{a(j, j)});
    }
  }
  return 0;
}

// Right-hand side `side` of a problem.
class Side {
 public:
  Side(const SolveProblem& problem, std::size_t side)
      : right_(problem.right), rows_(problem.sides == RightSides::rows), side_(side) {}
  double& operator[](std::size_t i) const { return rows_ ? right_(side_, i) : right_(i, side_); }

 private:
  View<double> right_;
  bool rows_;
  std::size_t side_;
};

void solve_factor(const View<const double>& l, const Side& x) {
  for (std::size_t i = 0; i < l.rows; ++i) {
    for (std::size_t k = 0; k < i; ++k) x[i] -= l(i, k) * x[k];
    x[i] /= l(i, i);
  }
}

void solve_transposed_factor(const View<const double>& l, const Side& x) {
  for (std::size_t i = l.rows; i-- > 0;) {
    for (std::size_t k = i + 1; k < l.rows; ++k) x[i] -= l(k, i) * x[k];
    x[i] /= l(i, i);
  }
}

void rotate(double& x, double& y, double c, double s) {
  const double old = x;
  x = c * old - s * y;
  y = s * old + c * y;
}

// The rotation of columns p and q that makes a(p, q) 0, as Golub and Van Loan 8.5.2.
void annihilate(const View<double>& a, const View<double>& v, std::size_t p, std::size_t q) {
  const double theta = (a(q, q) - a(p, p)) / (2.0 * a(p, q));
  const double t = std::copysign(1.0, theta) / (std::abs(theta) + std::hypot(theta, 1.0));
  const double c = 1.0 / std::hypot(t, 1.0), s = t * c;
  for (std::size_t k = 0; k < a.rows; ++k) rotate(a(k, p), a(k, q), c, s);
  for (std::size_t k = 0; k < a.rows; ++k) rotate(a(p, k), a(q, k), c, s);
  a(p, q) = a(q, p) = 0.0;
  for (std::size_t k = 0; k < a.rows; ++k) rotate(v(k, p), v(k, q), c, s);
}

// Makes `a` diagonal, `v` its eigenvectors in columns. False if it takes too many sweeps.
bool diagonalise(const View<double>& a, const View<double>& v, double largest) {
  const double negligible = 0.25 * std::numeric_limits<double>::epsilon() * largest;
  for (int sweep = 0; sweep < 50; ++sweep) {
    bool done = true;
    for (std::size_t p = 0; p < a.rows; ++p) {
      for (std::size_t q = p + 1; q < a.rows; ++q) {
        if (std::abs(a(p, q)) <= negligible) continue;
        annihilate(a, v, p, q);
        done = false;
      }
    }
    if (done) return true;
  }
  return false;
}

int find_eigenvectors(const EigenProblem& problem) {
  const std::size_t n = problem.matrix.rows;
  std::vector<double> copy(n * n), vectors(n * n, 0.0);
  const View<double> a(copy.data(), n, n), v(vectors.data(), n, n);
  double largest = 0.0;
  for (std::size_t i = 0; i < n; ++i) {
    v(i, i) = 1.0;
    for (std::size_t j = 0; j <= i; ++j) {
      a(i, j) = a(j, i) = problem.matrix(i, j);
      if (!std::isfinite(a(i, j))) return 1;
      largest = std::max(largest, std::abs(a(i, j)));
    }
  }
  if (!diagonalise(a, v, largest)) return 1;
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t i, std::size_t j) { return a(i, i) < a(j, j); });
  for (std::size_t k = 0; k < n; ++k) {
    problem.values[k] = a(order[k], order[k]);
    for (std::size_t i = 0; i < n; ++i) problem.matrix(i, k) = v(i, order[k]);
  }
  return 0;
}

void fix_signs(const View<double>& v) {
  for (std::size_t k = 0; k < v.cols; ++k) {
    std::size_t largest = 0;
    for (std::size_t i = 1; i < v.rows; ++i) {
      if (std::abs(v(i, k)) > std::abs(v(largest, k))) largest = i;
    }
    if (v(largest, k) >= 0.0) continue;
    for (std::size_t i = 0; i < v.rows; ++i) v(i, k) = -v(i, k);
  }
}

}  // namespace

void Solve::run_factor(std::span<const CholeskyProblem> problems) const {
  for (const auto& [matrix, status] : problems) *status = factorise(matrix);
}

void Solve::run_solve(std::span<const SolveProblem> problems) const {
  for (const SolveProblem& problem : problems) {
    if (problem.status != nullptr && *problem.status != 0) continue;
    const std::size_t sides =
        problem.sides == RightSides::rows ? problem.right.rows : problem.right.cols;
    for (std::size_t side = 0; side < sides; ++side) {
      const Side x(problem, side);
      if (problem.system != System::transposed_factor) solve_factor(problem.factor, x);
      if (problem.system != System::factor) solve_transposed_factor(problem.factor, x);
    }
  }
}

void Solve::run_factor32(std::span<const CholeskyProblem32> problems) const {
  for (const auto& [matrix, status] : problems) *status = factorise(matrix);
}

void Solve::run_solve32(std::span<const SolveProblem32> problems) const {
  for (const auto& [l, right, status] : problems) {
    if (status != nullptr && *status != 0) continue;
    std::vector<double> x(l.rows);
    for (std::size_t c = 0; c < right.cols; ++c) {
      for (std::size_t i = 0; i < l.rows; ++i) {
        x[i] = double{right(i, c)};
        for (std::size_t k = 0; k < i; ++k) x[i] -= double{l(i, k)} * x[k];
        x[i] /= double{l(i, i)};
      }
      for (std::size_t i = l.rows; i-- > 0;) {
        for (std::size_t k = i + 1; k < l.rows; ++k) x[i] -= double{l(k, i)} * x[k];
        x[i] /= double{l(i, i)};
        right(i, c) = static_cast<float>(x[i]);
      }
    }
  }
}

void Solve::run_eigen(std::span<const EigenProblem> problems) const {
  for (const EigenProblem& problem : problems) *problem.status = find_eigenvectors(problem);
  run_fix_signs(problems);
}

void Solve::run_fix_signs(std::span<const EigenProblem> problems) const {
  for (const EigenProblem& problem : problems) {
    if (*problem.status == 0) fix_signs(problem.matrix);
  }
}

}  // namespace lodestein::kernels::reference
