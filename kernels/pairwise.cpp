#include "kernels/pairwise.hpp"

#include <cmath>

#include "kernels/arguments.hpp"

namespace lodestein::kernels {
namespace {

void check_kernel(const Arguments& arguments, const RadialKernel& kernel) {
  arguments.require(kernel.width > 0.0 && std::isfinite(kernel.width),
                    "width is " + std::to_string(kernel.width) + ", must be positive and finite");
  for (const double coefficient : kernel.profile)
    arguments.require(std::isfinite(coefficient), "profile is not finite");
}

void check_points(const Arguments& arguments, const View<const float>& x,
                  const View<const float>& y, bool same_points) {
  arguments.array("x", x);
  arguments.shape("y", y, y.rows, x.cols);
  if (same_points && x.rows != y.rows) {
    arguments.mismatch("same_points, but x has " + std::to_string(x.rows) + " rows and y " +
                       std::to_string(y.rows));
  }
}

void check(const char* operation, std::span<const PairwiseProblem> problems, bool curl_free) {
  for (std::size_t p = 0; p < problems.size(); ++p) {
    const auto& [kernel, x, y, right, out, same_points] = problems[p];
    const Arguments arguments(operation, p);
    check_kernel(arguments, kernel);
    arguments.require(!curl_free || kernel.plain(), "kernel has a profile");
    check_points(arguments, x, y, same_points);
    arguments.shape("right", right, y.rows, curl_free ? x.cols : right.cols);
    arguments.shape("out", out, x.rows, right.cols);
  }
}

}  // namespace

void Pairwise::product(std::span<const PairwiseProblem> problems) const {
  check("pairwise product", problems, false);
  with_memory("pairwise product", [&] { run_product(problems); });
}

void Pairwise::curl_free_product(std::span<const PairwiseProblem> problems) const {
  check("curl-free product", problems, true);
  with_memory("curl-free product", [&] { run_curl_free(problems); });
}

void Pairwise::gram(std::span<const GramProblem> problems) const {
  for (std::size_t p = 0; p < problems.size(); ++p) {
    const auto& [kernel, x, y, out, same_points, ridge] = problems[p];
    const Arguments arguments("gram matrix", p);
    check_kernel(arguments, kernel);
    check_points(arguments, x, y, same_points);
    arguments.require(same_points || ridge == 0.0f, "ridge without same_points");
    arguments.shape("out", out, x.rows, y.rows);
  }
  with_memory("gram matrix", [&] { run_gram(problems); });
}

void Pairwise::distance_quantile(std::span<const DistanceQuantileProblem> problems) const {
  for (std::size_t p = 0; p < problems.size(); ++p) {
    const auto& [x, y, rank, distance] = problems[p];
    const Arguments arguments("distance quantile", p);
    check_points(arguments, x, y, false);
    const std::size_t pairs = x.rows * y.rows;
    arguments.require(rank < pairs, "rank is " + std::to_string(rank) + " of " +
                                        std::to_string(pairs) + " distances");
    arguments.present("distance", distance);
  }
  with_memory("distance quantile", [&] { run_quantile(problems); });
}

}  // namespace lodestein::kernels
