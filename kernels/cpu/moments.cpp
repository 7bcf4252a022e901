#include "kernels/cpu/moments.hpp"

#include <algorithm>
#include <vector>

#include "kernels/cpu/products.hpp"

namespace lodestein::kernels::cpu {
namespace {

constexpr std::size_t pilot_rows = 64;  // rows whose mean is the shift

std::vector<double> pilot_mean(View<const double> x) {
  const std::size_t rows = std::min(pilot_rows, x.rows);
  std::vector<double> mean(x.cols, 0.0);
  for (std::size_t k = 0; k < rows; ++k) {
    for (std::size_t j = 0; j < x.cols; ++j) mean[j] += x(k, j);
  }
  for (double& m : mean) m /= static_cast<double>(rows);
  return mean;
}

Columns columns_of(const MomentsProblem& problem, const std::vector<double>& shift) {
  Columns columns;
  columns.rows = problem.samples.rows;
  columns.groups = 1;
  columns.size = problem.samples.cols;
  columns.weights = problem.weights;
  columns.samples = problem.samples;
  columns.shift = shift.data();
  return columns;
}

void finish(const MomentsProblem& problem, const std::vector<double>& shift,
            const Products& products) {
  const std::size_t d = problem.samples.cols;
  const double scale = 1.0 / products.weight;
  std::vector<double> offset(d);
  for (std::size_t j = 0; j < d; ++j) {
    offset[j] = products.sums[j] * scale;
    problem.mean[j] = shift[j] + offset[j];
  }
  for (std::size_t i = 0; i < d; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      const double value =
          products.of_columns[i * products.stride + j] * scale - offset[i] * offset[j];
      problem.covariance(i, j) = problem.covariance(j, i) = value;
    }
  }
}

}  // namespace

void Moments::run(std::span<const MomentsProblem> problems) const {
  std::vector<std::vector<double>> shifts;
  std::vector<Columns> matrices;
  for (const MomentsProblem& problem : problems) {
    shifts.push_back(pilot_mean(problem.samples));
    matrices.push_back(columns_of(problem, shifts.back()));
  }
  const std::vector<Products> products = sum_products(matrices, threads_);
  for (std::size_t p = 0; p < problems.size(); ++p) finish(problems[p], shifts[p], products[p]);
}

}  // namespace lodestein::kernels::cpu
