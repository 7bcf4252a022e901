#include "kernels/cpu/difference_moments.hpp"

#include <vector>

#include "kernels/cpu/products.hpp"

namespace lodestein::kernels::cpu {
namespace {

Columns columns_of(const DifferenceMomentsProblem& problem) {
  const std::size_t all = problem.environments * problem.scores.cols;
  Columns columns;
  columns.rows = sample_count(problem);
  columns.groups = problem.diagonal_only ? problem.environments : 1;
  columns.size = problem.diagonal_only ? problem.scores.cols : all;
  columns.weights = problem.weights;
  columns.base = problem.base;
  columns.scores = problem.scores;
  columns.environments = problem.environments;
  return columns;
}

// Group g of the products goes to rows g size.
void finish(const DifferenceMomentsProblem& problem, std::size_t groups, std::size_t size,
            const Products& products) {
  const double scale = 1.0 / products.weight;
  for (std::size_t g = 0; g < groups; ++g) {
    const double* product = products.of_columns.data() + g * size * products.stride;
    for (std::size_t i = 0; i < size; ++i) {
      for (std::size_t j = 0; j <= i; ++j) {
        const double value = product[i * products.stride + j] * scale;
        problem.moments(g * size + i, j) = problem.moments(g * size + j, i) = value;
      }
    }
  }
}

}  // namespace

void DifferenceMoments::run(std::span<const DifferenceMomentsProblem> problems) const {
  std::vector<Columns> matrices;
  for (const auto& problem : problems) matrices.push_back(columns_of(problem));
  const std::vector<Products> products = sum_products(matrices, threads_);
  for (std::size_t p = 0; p < problems.size(); ++p)
    finish(problems[p], matrices[p].groups, matrices[p].size, products[p]);
}

}  // namespace lodestein::kernels::cpu
