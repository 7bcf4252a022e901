#include "kernels/pairwise.hpp"

#include <cmath>
#include <string>

#include "lodestein/core/error.hpp"

namespace lodestein::kernels {
namespace {

// Checks of one problem's arguments; each failure names operation, problem and argument.
class Check {
 public:
  Check(const char* operation, std::size_t problem)
      : where_(std::string(operation) + ", problem " + std::to_string(problem) + ": ") {}

  void kernel(const RadialKernel& kernel) const {
    if (kernel.width > 0.0 && std::isfinite(kernel.width)) return;
    throw InvalidArgument(where_ + "width is " + std::to_string(kernel.width) +
                          ", must be positive and finite");
  }
  template <class T>
  void array(const char* name, const View<T>& view) const {
    if (view.empty()) return;
    if (view.data == nullptr) throw InvalidArgument(where_ + name + " is null");
    if (view.rows > 1 && view.stride < view.cols) {
      throw DimensionMismatch(where_ + name + " has " + std::to_string(view.cols) +
                              " columns in rows " + std::to_string(view.stride) + " apart");
    }
  }
  template <class T>
  void shape(const char* name, const View<T>& view, std::size_t rows, std::size_t cols) const {
    if (view.rows != rows || view.cols != cols) {
      throw DimensionMismatch(where_ + name + " is " + std::to_string(view.rows) + " x " +
                              std::to_string(view.cols) + ", must be " + std::to_string(rows) +
                              " x " + std::to_string(cols));
    }
    array(name, view);
  }
  void points(const View<const float>& x, const View<const float>& y) const {
    array("x", x);
    shape("y", y, y.rows, x.cols);
  }
  void same(bool same_points, std::size_t n, std::size_t m) const {
    if (!same_points || n == m) return;
    throw DimensionMismatch(where_ + "same_points, but x has " + std::to_string(n) +
                            " rows and y " + std::to_string(m));
  }
  void quantile(const DistanceQuantileProblem& problem) const {
    const std::size_t pairs = problem.x.rows * problem.y.rows;
    if (problem.rank >= pairs) {
      throw InvalidArgument(where_ + "rank is " + std::to_string(problem.rank) + " of " +
                            std::to_string(pairs) + " distances");
    }
    if (problem.distance == nullptr) throw InvalidArgument(where_ + "distance is null");
  }

 private:
  std::string where_;
};

void check(const char* operation, std::span<const PairwiseProblem> problems, bool curl_free) {
  for (std::size_t p = 0; p < problems.size(); ++p) {
    const auto& [kernel, x, y, right, out, same_points] = problems[p];
    const Check check(operation, p);
    check.kernel(kernel);
    check.points(x, y);
    check.shape("right", right, y.rows, curl_free ? x.cols : right.cols);
    check.shape("out", out, x.rows, right.cols);
    check.same(same_points, x.rows, y.rows);
  }
}

}  // namespace

void Pairwise::product(std::span<const PairwiseProblem> problems) const {
  check("pairwise product", problems, false);
  run_product(problems);
}

void Pairwise::curl_free_product(std::span<const PairwiseProblem> problems) const {
  check("curl-free product", problems, true);
  run_curl_free(problems);
}

void Pairwise::gram(std::span<const GramProblem> problems) const {
  for (std::size_t p = 0; p < problems.size(); ++p) {
    const auto& [kernel, x, y, out, same_points] = problems[p];
    const Check check("gram matrix", p);
    check.kernel(kernel);
    check.points(x, y);
    check.shape("out", out, x.rows, y.rows);
    check.same(same_points, x.rows, y.rows);
  }
  run_gram(problems);
}

void Pairwise::distance_quantile(std::span<const DistanceQuantileProblem> problems) const {
  for (std::size_t p = 0; p < problems.size(); ++p) {
    const Check check("distance quantile", p);
    check.points(problems[p].x, problems[p].y);
    check.quantile(problems[p]);
  }
  run_quantile(problems);
}

}  // namespace lodestein::kernels
