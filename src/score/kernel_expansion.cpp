#include "score/kernel_expansion.hpp"

#include <algorithm>

#include "score/chunks.hpp"

namespace lodestein {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using kernels::RadialKernel;

constexpr std::size_t chunk_rows = 16384;  // of points evaluated at a time

RadialKernel sum(RadialKernel a, const RadialKernel& b) {
  for (std::size_t p = 0; p < a.profile.size(); ++p) a.profile[p] += b.profile[p];
  return a;
}

Index rows_of(const Points& points) { return static_cast<Index>(points.count()); }

RowMajor ones(Index n) { return RowMajor::Ones(n, 1); }

RowMajor beside(const std::vector<RowMajor>& parts) {
  Index cols = 0;
  for (const RowMajor& part : parts) cols += part.cols();
  RowMajor all(parts.front().rows(), cols);
  Index at = 0;
  for (const RowMajor& part : parts) {
    all.middleCols(at, part.cols()) = part;
    at += part.cols();
  }
  return all;
}

// sum_j w(r^2) (x - z_j) . e_j, w radial.
VectorXd sum_along(const KernelExpansion& k, const RadialKernel& weight, const Points& points,
                   const RowMajor& e) {
  const RowMajor& z = k.centres.host();
  const RowMajor along = (z.array() * e.array()).rowwise().sum();
  const RowMajor p = kernel_product(k.backend, weight, points, k.centres, beside({e, along}));
  const Index d = z.cols();
  return (points.host().array() * p.leftCols(d).array()).rowwise().sum() - p.col(d).array();
}

// sum_j w(r^2) (x - z_j)^T M (x - z_j).
VectorXd sum_squares(const KernelExpansion& k, const RadialKernel& weight, const Points& points,
                     const MatrixXd& metric) {
  const RowMajor &z = k.centres.host(), &x = points.host();
  const RowMajor zm = z * metric;
  const RowMajor square = (z.array() * zm.array()).rowwise().sum();
  const RowMajor p =
      kernel_product(k.backend, weight, points, k.centres, beside({ones(z.rows()), zm, square}));
  const Index d = z.cols();
  const VectorXd own = (x.array() * (x * metric).array()).rowwise().sum();
  return own.array() * p.col(0).array() -
         2.0 * (x.array() * p.middleCols(1, d).array()).rowwise().sum() + p.col(d + 1).array();
}

// sum_j w(r^2) (u^T M u)(u . c_j) with u = x - z_j, by its monomials in x.
VectorXd sum_cubes(const KernelExpansion& k, const RadialKernel& weight, const Points& points,
                   const MatrixXd& metric) {
  const RowMajor &z = k.centres.host(), &x = points.host(), &c = k.coefficients;
  const Index d = z.cols(), m = z.rows();
  const RowMajor zm = z * metric;
  const VectorXd along = (z.array() * c.array()).rowwise().sum();
  const VectorXd square = (z.array() * zm.array()).rowwise().sum();
  RowMajor outer(m, d * d);
  for (Index a = 0; a < d; ++a) outer.middleCols(a * d, d) = zm.col(a).asDiagonal() * c;
  const RowMajor p = kernel_product(k.backend, weight, points, k.centres,
                                    beside({c, along, outer, along.asDiagonal() * zm,
                                            square.asDiagonal() * c, square.cwiseProduct(along)}));
  const VectorXd own = (x.array() * (x * metric).array()).rowwise().sum();
  VectorXd result =
      own.array() * ((x.array() * p.leftCols(d).array()).rowwise().sum() - p.col(d).array());
  for (Index a = 0; a < d; ++a) {
    result.array() -= 2.0 * x.col(a).array() *
                      (x.array() * p.middleCols(d + 1 + a * d, d).array()).rowwise().sum();
  }
  const Index rest = d + 1 + d * d;
  result.array() += 2.0 * (x.array() * p.middleCols(rest, d).array()).rowwise().sum();
  result.array() += (x.array() * p.middleCols(rest + d, d).array()).rowwise().sum();
  return result - p.col(rest + 2 * d);
}

// zeta(x) = mean_j w(r^2) (x - z_j).
RadialKernel source_weight(const KernelExpansion& k) {
  const double d = static_cast<double>(k.centres.dimension());
  const double share = 1.0 / static_cast<double>(k.centres.count());
  if (!k.curl_free) return derivative(k.kernel, 1, -2.0 * share);
  return sum(derivative(k.kernel, 2, 4.0 * (d + 2.0) * share),
             derivative(k.kernel, 3, 8.0 * share, 1));
}

// tr(M J) of zeta: J = w I + 2 w' u u^T.
VectorXd source_divergence(const KernelExpansion& k, const Points& points, const MatrixXd& metric) {
  const double d = static_cast<double>(k.centres.dimension());
  const double share = 1.0 / static_cast<double>(k.centres.count());
  const RadialKernel slope = k.curl_free ? sum(derivative(k.kernel, 3, 8.0 * (d + 4.0) * share),
                                               derivative(k.kernel, 4, 16.0 * share, 1))
                                         : derivative(k.kernel, 2, -4.0 * share);
  const RowMajor weight =
      kernel_product(k.backend, source_weight(k), points, k.centres, ones(rows_of(k.centres)));
  return metric.trace() * weight.col(0) + sum_squares(k, slope, points, metric);
}

VectorXd expansion_divergence(const KernelExpansion& k, const Points& points,
                              const MatrixXd& metric) {
  const RowMajor& c = k.coefficients;
  if (!k.curl_free) return sum_along(k, derivative(k.kernel, 1, 2.0), points, c * metric);
  const VectorXd first =
      sum_along(k, derivative(k.kernel, 2, -4.0), points, metric.trace() * c + 2.0 * c * metric);
  if (metric.isIdentity(0.0))
    return first + sum_along(k, derivative(k.kernel, 3, -8.0, 1), points, c);
  return first + sum_cubes(k, derivative(k.kernel, 3, -8.0), points, metric);
}

}  // namespace

Points::Points(const Backend& backend, const std::vector<float>& rows, std::size_t dimension)
    : data_(std::make_shared<const Data>(
          Data{kernels::Buffer<float>(backend.operations().memory(), rows),
               from_floats(rows, static_cast<Index>(dimension))})) {}

std::vector<RowMajor> kernel_products(const Backend& backend,
                                      const std::vector<KernelProduct>& products, bool curl_free) {
  const kernels::Operations& operations = backend.operations();
  const kernels::Memory& memory = operations.memory();
  std::vector<kernels::Buffer<float>> rights, outs;
  std::vector<kernels::PairwiseProblem> problems;
  for (const KernelProduct& product : products) {
    const std::size_t n = product.x.count(), m = product.y.count();
    const auto r = static_cast<std::size_t>(product.right->cols());
    rights.emplace_back(memory, to_floats(*product.right));
    outs.emplace_back(memory, n * r);
    kernels::PairwiseProblem problem;
    problem.kernel = product.kernel;
    problem.x = product.x.view();
    problem.y = product.y.view();
    problem.right = {rights.back().data(), m, r};
    problem.out = {outs.back().data(), n, r};
    problem.same_points = problem.x.data == problem.y.data;
    problems.push_back(problem);
  }
  if (curl_free) {
    operations.pairwise().curl_free_product(problems);
  } else {
    operations.pairwise().product(problems);
  }
  std::vector<RowMajor> results;
  for (std::size_t k = 0; k < products.size(); ++k)
    results.push_back(from_floats(outs[k].download(), products[k].right->cols()));
  return results;
}

RowMajor kernel_product(const Backend& backend, const RadialKernel& kernel, const Points& x,
                        const Points& y, const RowMajor& right, bool curl_free) {
  return std::move(kernel_products(backend, {{kernel, x, y, &right}}, curl_free).front());
}

// rbf: phi = e^(-a r^2), a = 1 / (2 h^2). Inverse multiquadric: phi = q^(1/2), q = 1 / (1 + b r^2),
// whose derivatives are multiples of b^m q^(m + 1/2), and r^2 = (1 / q - 1) / b.
RadialKernel derivative(const RadialKernel& kernel, std::size_t order, double factor,
                        unsigned power) {
  RadialKernel result = kernel;
  result.profile = {};
  const double width2 = kernel.width * kernel.width;
  if (kernel.form == RadialKernel::Form::rbf) {
    for (std::size_t m = 0; m < order; ++m) factor *= -0.5 / width2;
    result.profile[power] = power == 0 ? factor : factor * width2;
    return result;
  }
  for (std::size_t m = 0; m < order; ++m) factor *= -(static_cast<double>(m) + 0.5) / width2;
  if (power == 0) {
    result.profile[order] = factor;
  } else {
    result.profile[order - 1] = factor * width2;
    result.profile[order] = -factor * width2;
  }
  return result;
}

RowMajor kernel_source(const KernelExpansion& k, const Points& points) {
  const RowMajor& z = k.centres.host();
  const RowMajor p =
      kernel_product(k.backend, source_weight(k), points, k.centres, beside({ones(z.rows()), z}));
  RowMajor zeta = p.col(0).asDiagonal() * points.host();
  return zeta - p.rightCols(z.cols());
}

RowMajor KernelExpansion::field(const Points& points) const {
  RowMajor s = kernel_product(backend, kernel, points, centres, coefficients, curl_free);
  if (source != 0.0) s += source * kernel_source(*this, points);
  return s;
}

VectorXd KernelExpansion::divergence(const Points& points, const MatrixXd& metric) const {
  VectorXd result = expansion_divergence(*this, points, metric);
  if (source != 0.0) result += source * source_divergence(*this, points, metric);
  return result;
}

double kernel_loss(const KernelExpansion& expansion, const Points& held_out) {
  const auto d = static_cast<Index>(held_out.dimension());
  const RowMajor s = expansion.field(held_out);
  const VectorXd div = expansion.divergence(held_out, MatrixXd::Identity(d, d));
  return (0.5 * s.squaredNorm() + div.sum()) / static_cast<double>(held_out.count());
}

double kernel_loss_in_x(const KernelExpansion& expansion, const Points& held_out,
                        const Whitening& whitening) {
  const RowMajor s = expansion.field(held_out) * whitening.forward;
  const VectorXd div = expansion.divergence(held_out, whitening.forward * whitening.forward);
  return (0.5 * s.squaredNorm() + div.sum()) / static_cast<double>(held_out.count());
}

Matrix KernelModel::evaluate(ConstMatrixView x) const {
  const std::size_t d = dimension();
  Matrix result(x.rows(), d);
  by_chunks(x, chunk_rows, [&](std::size_t first, ConstMatrixView chunk) {
    const Points points(expansion_.backend, whitening_.apply(chunk), d);
    as_eigen(MatrixView(result.row(first), chunk.rows(), d)) =
        expansion_.field(points) * whitening_.forward;
  });
  return result;
}

std::vector<double> KernelModel::divergence(ConstMatrixView x) const {
  const MatrixXd metric = whitening_.forward * whitening_.forward;
  std::vector<double> result;
  by_chunks(x, chunk_rows, [&](std::size_t, ConstMatrixView chunk) {
    const Points points(expansion_.backend, whitening_.apply(chunk), dimension());
    const VectorXd part = expansion_.divergence(points, metric);
    result.insert(result.end(), part.data(), part.data() + part.size());
  });
  return result;
}

}  // namespace lodestein
