#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "kernels/view.hpp"

namespace lodestein::kernels::cpu {

/// Name of the vector instruction set chosen at run time, e.g. "AVX3".
std::string instruction_set();

/// Matrix whose columns are formed block by block: samples minus a shift, or score differences.
/// They fall into groups whose members are multiplied with each other.
struct Columns {
  std::size_t rows = 0, groups = 0, size = 0;  ///< size: columns of a group
  const double* weights = nullptr;             ///< [rows]; null: all 1
  View<const double> samples;                  ///< [rows, columns]; null data: scores instead
  const double* shift = nullptr;               ///< [columns], subtracted from samples
  View<const float> base, scores;              ///< see DifferenceMomentsProblem
  std::size_t environments = 0;                ///< of the scores
};

/// Weighted sums over the rows.
struct Products {
  std::vector<double> of_columns;  ///< [groups, size, stride], j <= i only: sum_k w x_i x_j
  std::size_t stride = 0;
  std::vector<double> sums;  ///< [size] of samples: sum_k w x_i
  double weight = 0.0;       ///< sum_k w
};

/// Same bits for any number of threads and whatever else is in the batch.
std::vector<Products> sum_products(std::span<const Columns> matrices, int threads);

}  // namespace lodestein::kernels::cpu
