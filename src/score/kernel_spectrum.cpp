#include "score/kernel_spectrum.hpp"

#include <algorithm>

#include "lodestein/core/error.hpp"

namespace lodestein {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using kernels::Buffer;

constexpr Index first_size = 32, spare = 8, always_whole = 400;
constexpr int passes = 6;
constexpr std::size_t most_whole = 8000;  // 2.2 GB

KernelSpectrum descending(const VectorXd& values, const MatrixXd& vectors, Index wanted) {
  KernelSpectrum spectrum;
  wanted = std::clamp<Index>(wanted, 1, values.size());
  spectrum.values = values.reverse().head(wanted);
  spectrum.vectors = vectors.rowwise().reverse().leftCols(wanted);
  return spectrum;
}

KernelSpectrum whole(const Backend& backend, const kernels::RadialKernel& kernel,
                     const Points& points, const std::function<Index(const VectorXd&)>& enough,
                     const std::string& environment) {
  const kernels::Operations& operations = backend.operations();
  const std::size_t n = points.count();
  if (n > most_whole)
    throw InvalidArgument("environment '" + environment +
                          "': more than a quarter of the eigenvectors of its " + std::to_string(n) +
                          " samples are wanted, which takes at most " + std::to_string(most_whole) +
                          " samples; give a larger ridge, a smaller share or fewer eigenvectors");
  const Buffer<float> gram(operations.memory(), n * n);
  kernels::GramProblem problem;
  problem.kernel = kernel;
  problem.x = problem.y = points.view();
  problem.out = {gram.data(), n, n};
  problem.same_points = true;
  operations.pairwise().gram({&problem, 1});
  const std::vector<float> entries = gram.download();
  const Buffer<double> matrix(operations.memory(),
                              std::vector<double>(entries.begin(), entries.end()));
  const Buffer<double> values(operations.memory(), n);
  const Buffer<int> status(operations.memory(), 1);
  const kernels::EigenProblem eigen{{matrix.data(), n, n}, values.data(), status.data()};
  operations.solve().eigen({&eigen, 1});
  if (status.download()[0] != 0)
    throw InvalidArgument("environment '" + environment +
                          "': the eigenvectors of its kernel matrix were not found; give another "
                          "width");
  const std::vector<double> host = matrix.download(), lambda = values.download();
  const auto size = static_cast<Index>(n);
  const Eigen::Map<const VectorXd> ascending(lambda.data(), size);
  return descending(ascending, Eigen::Map<const RowMajor>(host.data(), size, size),
                    enough(ascending.reverse()));
}

MatrixXd orthonormal(const MatrixXd& a) {
  Eigen::HouseholderQR<MatrixXd> qr(a);
  return qr.householderQ() * MatrixXd::Identity(a.rows(), a.cols());
}

}  // namespace

KernelSpectrum leading_spectrum(const Backend& backend, const kernels::RadialKernel& kernel,
                                const Points& points,
                                const std::function<Index(const VectorXd&)>& enough,
                                const std::string& environment, const RandomStream& stream) {
  const auto n = static_cast<Index>(points.count());
  for (Index size = first_size; n > always_whole && 4 * size <= n; size *= 2) {
    MatrixXd q(n, size);
    for (Index i = 0; i < n; ++i) {
      Draws draws = stream.at(static_cast<std::uint64_t>(i));
      for (Index j = 0; j < size; ++j) q(i, j) = draws.normal();
    }
    MatrixXd image;
    for (int pass = 0; pass < passes; ++pass) {
      q = orthonormal(q);
      image = kernel_product(backend, kernel, points, points, q);
      if (pass + 1 < passes) q = image;
    }
    const MatrixXd small = q.transpose() * image;
    const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(0.5 * (small + small.transpose()));
    const Index wanted = enough(eigen.eigenvalues().reverse());
    if (wanted + spare <= size)
      return descending(eigen.eigenvalues(), q * eigen.eigenvectors(), wanted);
  }
  return whole(backend, kernel, points, enough, environment);
}

}  // namespace lodestein
