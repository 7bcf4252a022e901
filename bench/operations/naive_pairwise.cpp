#include "bench/operations/naive_pairwise.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "lodestein/core/error.hpp"

namespace lodestein::bench {
namespace {

constexpr std::size_t most_columns = 129;

float squared_distance(const float* x, const float* y, std::size_t d) {
  float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
  for (std::size_t l = 0; l < d; ++l) sum += (x[l] - y[l]) * (x[l] - y[l]);
  return sum;
}

}  // namespace

void naive_product(const kernels::PairwiseProblem& problem) {
  const auto& [kernel, x, y, right, out, same_points] = problem;
  if (kernel.form != kernels::RadialKernel::Form::rbf || right.cols > most_columns) {
    throw InvalidArgument("naive product: takes an rbf kernel and up to 129 columns");
  }
  const auto factor = static_cast<float>(-0.5 / (kernel.width * kernel.width));
  std::array<float, most_columns> sum{};
  for (std::size_t i = 0; i < x.rows; ++i) {
    std::fill_n(sum.begin(), right.cols, 0.0f);
    for (std::size_t j = 0; j < y.rows; ++j) {
      const float squared =
          same_points && i == j ? 0.0f : squared_distance(x.row(i), y.row(j), x.cols);
      const float k = std::exp(factor * squared);
      const float* r = right.row(j);
      for (std::size_t c = 0; c < right.cols; ++c) sum[c] += k * r[c];
    }
    std::copy_n(sum.begin(), right.cols, out.row(i));
  }
}

}  // namespace lodestein::bench
