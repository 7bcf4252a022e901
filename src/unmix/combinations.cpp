#include "unmix/combinations.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/eigen.hpp"
#include "lodestein/core/error.hpp"

namespace lodestein::unmix {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::MatrixXi;
using Eigen::VectorXi;

// Appends every way to fill the entries from `at` on.
void append_sparse(VectorXi& w, Index at, Index left, bool any, std::vector<VectorXi>& to) {
  if (any) to.push_back(w);
  if (left == 0) return;
  for (Index i = at; i < w.size(); ++i) {
    for (const int value : {1, -1}) {
      if (!any && value < 0) continue;  // -w is there already
      w(i) = value;
      append_sparse(w, i + 1, left - 1, true, to);
    }
    w(i) = 0;
  }
}

}  // namespace

double combination_count(Index length, int kappa) {
  return (std::pow(2.0 * kappa + 1.0, static_cast<double>(length)) - 1.0) / 2.0;
}

MatrixXi symmetric_combinations(Index length, int kappa) {
  const auto count = static_cast<Index>(std::llround(combination_count(length, kappa)));
  MatrixXi result(length, count);
  VectorXi w = VectorXi::Constant(length, -kappa);
  for (Index c = 0; c < count; ++c) {  // 0 is the next one after these
    result.col(c) = w;
    for (Index i = length; i-- > 0;) {
      if (++w(i) <= kappa) break;
      w(i) = -kappa;
    }
  }
  return result;
}

MatrixXi sparse_combinations(Index length, Index most_nonzero) {
  std::vector<VectorXi> all;
  VectorXi w = VectorXi::Zero(length);
  append_sparse(w, 0, most_nonzero, false, all);
  MatrixXi result(length, static_cast<Index>(all.size()));
  for (std::size_t c = 0; c < all.size(); ++c) result.col(static_cast<Index>(c)) = all[c];
  return result;
}

int common_divisor(const VectorXi& w) {
  int result = 0;
  for (const int value : w) result = std::gcd(result, value);
  return result;
}

Eigen::Map<const Eigen::VectorXd> CombinedSpectra::eigenvalues(Index w) const {
  return {values.data() + static_cast<std::size_t>(w) * dimension, static_cast<Index>(dimension)};
}

Eigen::Map<const RowMajor> CombinedSpectra::eigenvectors(Index w) const {
  const auto n = static_cast<Index>(dimension);
  return {vectors.data() + static_cast<std::size_t>(w) * dimension * dimension, n, n};
}

CombinedSpectra combined_spectra(const kernels::Operations& operations, const PairMoments& moments,
                                 const MatrixXd& w) {
  const auto n = static_cast<std::size_t>(moments.dimension());
  const auto count = static_cast<std::size_t>(w.cols());
  CombinedSpectra result{n, {}, std::vector<double>(count * n * n)};
  for (std::size_t c = 0; c < count; ++c) {
    Eigen::Map<RowMajor>(result.vectors.data() + c * n * n, static_cast<Index>(n),
                         static_cast<Index>(n)) = moments.combined(w.col(static_cast<Index>(c)));
  }
  const kernels::Memory& memory = operations.memory();
  const kernels::Buffer<double> matrices(memory, result.vectors), values(memory, count * n);
  const kernels::Buffer<int> status(memory, count);
  std::vector<kernels::EigenProblem> problems;
  problems.reserve(count);
  for (std::size_t c = 0; c < count; ++c) {
    problems.push_back(
        {{matrices.data() + c * n * n, n, n}, values.data() + c * n, status.data() + c});
  }
  operations.solve().eigen(problems);
  const std::vector<int> statuses = status.download();
  if (std::any_of(statuses.begin(), statuses.end(), [](int s) { return s != 0; })) {
    throw InvalidArgument(
        "umni: a combined score-difference moment has no eigenvalues; are all "
        "moments finite?");
  }
  result.vectors = matrices.download();
  result.values = values.download();
  return result;
}

}  // namespace lodestein::unmix
