#include "score/nystrom.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "lodestein/core/error.hpp"

namespace lodestein {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using kernels::Buffer;
using kernels::RadialKernel;
using kernels::View;

constexpr std::size_t tile_rows = 4096;      // of K_nm at a time
constexpr std::size_t most_held_out = 2000;  // samples
constexpr std::size_t least_samples = 5;     // so that one is held out

View<const float> rows_of(View<const float> points, std::size_t first, std::size_t count) {
  return {points.row(first), count, points.cols, points.stride};
}

void add_to(RowMajor& sum, const std::vector<float>& values) {
  for (Index e = 0; e < sum.size(); ++e)
    sum.data()[e] += static_cast<double>(values[static_cast<std::size_t>(e)]);
}

// K_mn K_nm / n, a tile of samples at a time.
RowMajor second_moment(const Backend& backend, const RadialKernel& kernel, const Points& x,
                       const Points& z) {
  const kernels::Operations& operations = backend.operations();
  const std::size_t n = x.count(), m = z.count();
  const Buffer<float> values(operations.memory(), std::min(tile_rows, n) * m);
  const Buffer<float> out(operations.memory(), m * m);
  RowMajor sum = RowMajor::Zero(static_cast<Index>(m), static_cast<Index>(m));
  for (std::size_t first = 0; first < n; first += tile_rows) {
    const std::size_t count = std::min(tile_rows, n - first);
    kernels::GramProblem gram;
    gram.kernel = kernel;
    gram.x = rows_of(x.view(), first, count);
    gram.y = z.view();
    gram.out = {values.data(), count, m};
    operations.pairwise().gram({&gram, 1});
    kernels::PairwiseProblem product;
    product.kernel = kernel;
    product.x = z.view();
    product.y = gram.x;
    product.right = gram.out;
    product.out = {out.data(), m, m};
    operations.pairwise().product({&product, 1});
    add_to(sum, out.download());
  }
  return (0.5 / static_cast<double>(n)) * (sum + sum.transpose());
}

RowMajor gram_of(const Backend& backend, const RadialKernel& kernel, const Points& z) {
  const std::size_t m = z.count();
  const Buffer<float> values(backend.operations().memory(), m * m);
  kernels::GramProblem gram;
  gram.kernel = kernel;
  gram.x = gram.y = z.view();
  gram.out = {values.data(), m, m};
  gram.same_points = true;
  backend.operations().pairwise().gram({&gram, 1});
  const std::vector<float> host = values.download();
  RowMajor result(static_cast<Index>(m), static_cast<Index>(m));
  std::copy(host.begin(), host.end(), result.data());
  return result;
}

// -H
RowMajor right_side(const Backend& backend, const RadialKernel& kernel, const Points& x,
                    const Points& z) {
  RowMajor right(x.host().rows(), x.host().cols() + 1);
  right << x.host(), RowMajor::Ones(x.host().rows(), 1);
  const double share = 1.0 / static_cast<double>(x.count());
  const RowMajor p = kernel_product(backend, derivative(kernel, 1, -2.0 * share), z, x, right);
  const Index d = x.host().cols();
  return p.leftCols(d) - RowMajor(p.col(d).asDiagonal() * z.host());
}

// A Cholesky solution in fp64 with the least jitter that fp32 moments need.
RowMajor solve_normal(const Backend& backend, const std::string& environment,
                      const RowMajor& matrix, const RowMajor& right) {
  const kernels::Operations& operations = backend.operations();
  const auto m = static_cast<std::size_t>(matrix.rows());
  const Buffer<int> status(operations.memory(), 1);
  const double scale = matrix.trace() / static_cast<double>(m);
  for (double jitter = 1e-9; jitter < 1.0; jitter *= 10.0) {
    RowMajor shifted = matrix;
    shifted.diagonal().array() += jitter * scale;
    const Buffer<double> factor(
        operations.memory(),
        std::span<const double>(shifted.data(), static_cast<std::size_t>(shifted.size())));
    const kernels::CholeskyProblem problem{{factor.data(), m, m}, status.data()};
    operations.solve().factor(std::span<const kernels::CholeskyProblem>(&problem, 1));
    if (status.download()[0] != 0) continue;
    const Buffer<double> x(
        operations.memory(),
        std::span<const double>(right.data(), static_cast<std::size_t>(right.size())));
    kernels::SolveProblem solve;
    solve.factor = {factor.data(), m, m};
    solve.right = {x.data(), m, static_cast<std::size_t>(right.cols())};
    operations.solve().solve(std::span<const kernels::SolveProblem>(&solve, 1));
    const std::vector<double> values = x.download();
    return Eigen::Map<const RowMajor>(values.data(), right.rows(), right.cols());
  }
  throw InvalidArgument("environment '" + environment +
                        "': the Nystrom system is singular; give a larger ridge or fewer centres");
}

std::vector<double> ridges_to_try() {
  std::vector<double> ridges;
  for (int k = -7; k <= -2; ++k) ridges.push_back(std::pow(10.0, k));
  return ridges;
}

}  // namespace

NystromFit nystrom(const Backend& backend, const RadialKernel& kernel, const KernelSamples& samples,
                   std::size_t centres, double ridge, Seed seed) {
  const std::size_t n = samples.points.count();
  if (n < least_samples)
    throw InvalidArgument("environment '" + samples.environment + "' has " + std::to_string(n) +
                          " samples; nystrom needs at least " + std::to_string(least_samples) +
                          ", use the dense solver");
  const KernelSplit split = kernel_split(backend, samples, seed, n,
                                         std::min(most_held_out, std::max<std::size_t>(1, n / 20)));
  const Points z = rows_of(
      backend, split.train,
      random_rows({seed, Purpose::kernel_centres, samples.number}, split.train.count(), centres));
  const RowMajor second = second_moment(backend, kernel, split.train, z);
  const RowMajor gram = gram_of(backend, kernel, z);
  const RowMajor right = right_side(backend, kernel, split.train, z);
  NystromFit best{{backend, kernel, false, z, {}, 0.0}, split.held_out, ridge};
  double least = std::numeric_limits<double>::infinity();
  for (const double candidate : ridge > 0.0 ? std::vector<double>{ridge} : ridges_to_try()) {
    KernelExpansion expansion = best.expansion;
    expansion.coefficients =
        solve_normal(backend, samples.environment, second + candidate * gram, right);
    const double loss = kernel_loss(expansion, split.held_out);
    if (!(loss < least)) continue;
    least = loss;
    best.expansion = std::move(expansion);
    best.ridge = candidate;
  }
  if (std::isfinite(least)) return best;
  throw InvalidArgument("environment '" + samples.environment +
                        "': the held-out loss is finite for no ridge; remove outliers");
}

}  // namespace lodestein
