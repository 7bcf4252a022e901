#include "score/ridge_system.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <variant>

#include "lodestein/core/error.hpp"

namespace lodestein {

using Eigen::Index;
using Eigen::MatrixXf;
using Eigen::RowVectorXd;
using kernels::Buffer;
using kernels::View;

namespace {

RowVectorXd column_dots(const RowMajor& a, const RowMajor& b) {
  return (a.array() * b.array()).colwise().sum();
}

// a / b, 0 where b is 0.
RowVectorXd ratios(const RowVectorXd& a, const RowVectorXd& b) {
  RowVectorXd result(a.size());
  for (Index c = 0; c < a.size(); ++c) result(c) = b(c) > 0.0 ? a(c) / b(c) : 0.0;
  return result;
}

// K + ridge I as an fp32 factor. Where rounding leaves a pivot that is not positive the ridge of
// the preconditioner, not of the system, grows.
Buffer<float> factored(const Backend& backend, const kernels::RadialKernel& kernel,
                       const Points& points, double ridge) {
  const kernels::Operations& operations = backend.operations();
  const std::size_t n = points.count();
  Buffer<float> matrix(operations.memory(), n * n);
  Buffer<int> status(operations.memory(), 1);
  for (double used = ridge; used < static_cast<double>(n); used = 10.0 * used + 1e-6) {
    kernels::GramProblem gram;
    gram.kernel = kernel;
    gram.x = gram.y = points.view();
    gram.out = {matrix.data(), n, n};
    gram.same_points = true;
    gram.ridge = static_cast<float>(used);
    operations.pairwise().gram({&gram, 1});
    const kernels::CholeskyProblem32 problem{{matrix.data(), n, n}, status.data()};
    operations.solve().factor(std::span<const kernels::CholeskyProblem32>(&problem, 1));
    if (status.download()[0] == 0) return matrix;
  }
  throw InvalidArgument("the kernel matrix of " + std::to_string(n) +
                        " samples has no Cholesky factor; give a larger ridge");
}

// The columns of the kernel matrix that leave the least of its trace, one after the other, and
// their factor L [n, rank]: K is about L L^T.
MatrixXf pivoted_factor(const Backend& backend, const kernels::RadialKernel& kernel,
                        const Points& points, std::size_t rank) {
  const kernels::Operations& operations = backend.operations();
  const auto n = static_cast<Index>(points.count());
  const Index most = std::min<Index>(n, static_cast<Index>(rank));
  MatrixXf l = MatrixXf::Zero(n, most);
  Eigen::VectorXf rest = Eigen::VectorXf::Ones(n);
  Buffer<float> column(operations.memory(), points.count());
  for (Index k = 0; k < most; ++k) {
    Index pivot = 0;
    const float largest = rest.maxCoeff(&pivot);
    if (!(largest > 1e-6f)) return l.leftCols(k);
    kernels::GramProblem gram;
    gram.kernel = kernel;
    gram.x = points.view();
    gram.y = {points.view().row(static_cast<std::size_t>(pivot)), 1, points.dimension(),
              points.dimension()};
    gram.out = {column.data(), points.count(), 1};
    operations.pairwise().gram({&gram, 1});
    const std::vector<float> values = column.download();
    const Eigen::Map<const Eigen::VectorXf> kernel_column(values.data(), n);
    const Eigen::VectorXf known = l.row(pivot).head(k).transpose();
    l.col(k) = kernel_column;
    l.col(k).noalias() -= l.leftCols(k) * known;
    l.col(k) /= std::sqrt(largest);
    rest -= l.col(k).cwiseAbs2();
    rest(pivot) = 0.0f;
  }
  return l;
}

// L L^T X = B in fp32.
class ByFactor {
 public:
  ByFactor(const Backend& backend, Buffer<float> factor, std::size_t n)
      : backend_(backend), factor_(std::move(factor)), n_(n) {}
  RowMajor apply(const RowMajor& right) const {
    const kernels::Operations& operations = backend_.operations();
    const auto r = static_cast<std::size_t>(right.cols());
    const Buffer<float> x(operations.memory(), to_floats(right));
    const kernels::SolveProblem32 problem{{factor_.data(), n_, n_}, {x.data(), n_, r}, nullptr};
    operations.solve().solve(std::span<const kernels::SolveProblem32>(&problem, 1));
    const std::vector<float> values = x.download();
    RowMajor result(right.rows(), right.cols());
    std::copy(values.begin(), values.end(), result.data());
    return result;
  }

 private:
  Backend backend_;
  Buffer<float> factor_;
  std::size_t n_;
};

// (L L^T + ridge I)^-1 by Woodbury's identity.
class ByPivots {
 public:
  ByPivots(MatrixXf l, double ridge) : l_(std::move(l)), ridge_(ridge) {
    Eigen::MatrixXd inner = (l_.transpose() * l_).cast<double>();
    inner.diagonal().array() += ridge_;
    inner_.compute(inner);
  }
  RowMajor apply(const RowMajor& right) const {
    const Eigen::MatrixXd within =
        inner_.solve((l_.transpose() * right.cast<float>()).cast<double>());
    const RowMajor back = (l_ * within.cast<float>()).cast<double>();
    return (right - back) / ridge_;
  }

 private:
  MatrixXf l_;
  double ridge_;
  Eigen::LLT<Eigen::MatrixXd> inner_;
};

}  // namespace

class RidgeSystem::Precondition {
 public:
  explicit Precondition(std::variant<ByFactor, ByPivots> by) : by_(std::move(by)) {}
  RowMajor apply(const RowMajor& right) const {
    return std::visit([&](const auto& by) { return by.apply(right); }, by_);
  }

 private:
  std::variant<ByFactor, ByPivots> by_;
};

RidgeSystem::RidgeSystem(const Backend& backend, const kernels::RadialKernel& kernel,
                         const Points& points, double ridge, const Options& options)
    : backend_(backend), kernel_(kernel), points_(points), ridge_(ridge), options_(options) {
  if (options.preconditioner == Preconditioner::factor) {
    precondition_ = std::make_unique<Precondition>(
        ByFactor(backend, factored(backend, kernel, points, ridge), points.count()));
  } else {
    precondition_ = std::make_unique<Precondition>(
        ByPivots(pivoted_factor(backend, kernel, points, options.rank), ridge));
  }
}

RidgeSystem::~RidgeSystem() = default;
RidgeSystem::RidgeSystem(RidgeSystem&&) noexcept = default;

RowMajor RidgeSystem::multiply(const RowMajor& x) const {
  return kernel_product(backend_, kernel_, points_, points_, x) + ridge_ * x;
}

// Columns are independent but for the kernel values that they share. Directions are
// rounded to fp32 before they are used, so that x and r stay consistent.
RidgeSystem::Solution RidgeSystem::solve(const RowMajor& right) const {
  const RowVectorXd scale = column_dots(right, right).cwiseSqrt();
  Solution solution{RowMajor::Zero(right.rows(), right.cols()), 1.0, 0};
  RowMajor r = right;
  RowMajor z = precondition_->apply(r), p = z;
  RowVectorXd rz = column_dots(r, z);
  while (solution.iterations < options_.most_iterations) {
    ++solution.iterations;
    p = p.cast<float>().cast<double>().eval();  // what the product sees
    const RowMajor q = multiply(p);
    const RowVectorXd step = ratios(rz, column_dots(p, q));
    solution.x += p * step.asDiagonal();
    r -= q * step.asDiagonal();
    solution.residual = ratios(column_dots(r, r).cwiseSqrt(), scale).maxCoeff();
    if (!(solution.residual > options_.tolerance)) break;
    z = precondition_->apply(r);
    const RowVectorXd next = column_dots(r, z);
    p = (z + p * ratios(next, rz).asDiagonal()).eval();
    rz = next;
  }
  return solution;
}

}  // namespace lodestein
