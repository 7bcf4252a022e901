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
struct Factor {
  const RidgeSystem::Problem* problem;
  double ridge;
  Buffer<float> matrix;
};

void find_factors(const Backend& backend, const std::vector<Factor*>& factors,
                  const Buffer<int>& status) {
  const kernels::Operations& operations = backend.operations();
  std::vector<kernels::GramProblem> grams;
  std::vector<kernels::CholeskyProblem32> problems;
  for (const Factor* factor : factors) {
    const std::size_t n = factor->problem->points.count();
    kernels::GramProblem gram;
    gram.kernel = factor->problem->kernel;
    gram.x = gram.y = factor->problem->points.view();
    gram.out = {factor->matrix.data(), n, n};
    gram.same_points = true;
    gram.ridge = static_cast<float>(factor->ridge);
    grams.push_back(gram);
    problems.push_back({gram.out, status.data() + problems.size()});
  }
  operations.pairwise().gram(grams);
  operations.solve().factor(std::span<const kernels::CholeskyProblem32>(problems));
}

std::vector<Factor> factored(const Backend& backend,
                             const std::vector<RidgeSystem::Problem>& problems) {
  const kernels::Memory& memory = backend.operations().memory();
  std::vector<Factor> factors;
  for (const RidgeSystem::Problem& problem : problems) {
    const std::size_t n = problem.points.count();
    factors.push_back({&problem, problem.ridge, Buffer<float>(memory, n * n)});
  }
  std::vector<Factor*> pending;
  for (Factor& factor : factors) pending.push_back(&factor);
  const Buffer<int> status(memory, problems.size());
  while (!pending.empty()) {
    find_factors(backend, pending, status);
    const std::vector<int> found = status.download();
    std::vector<Factor*> failed;
    for (std::size_t k = 0; k < pending.size(); ++k) {
      if (found[k] == 0) continue;
      const std::size_t n = pending[k]->problem->points.count();
      double& ridge = pending[k]->ridge;
      ridge = 10.0 * ridge + 1e-6;
      if (!(ridge < static_cast<double>(n)))
        throw InvalidArgument("environment '" + pending[k]->problem->environment +
                              "': the kernel matrix of " + std::to_string(n) +
                              " samples has no Cholesky factor; give a larger ridge");
      failed.push_back(pending[k]);
    }
    pending = std::move(failed);
  }
  return factors;
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

// L L^T = K + ridge I in fp32, or a partial factor.
class RidgeSystem::Precondition {
 public:
  explicit Precondition(std::variant<Buffer<float>, ByPivots> by) : by_(std::move(by)) {}
  const Buffer<float>* factor() const { return std::get_if<Buffer<float>>(&by_); }
  const ByPivots& pivots() const { return std::get<ByPivots>(by_); }

 private:
  std::variant<Buffer<float>, ByPivots> by_;
};

// A system on the way to its solution. Columns are independent but for the kernel values that they
// share. Directions are rounded to fp32 before they are used, so that x and r stay consistent.
class RidgeSystem::Iteration {
 public:
  Iteration(const RidgeSystem& system, const RowMajor& right)
      : system_(system),
        scale_(column_dots(right, right).cwiseSqrt()),
        solution_{RowMajor::Zero(right.rows(), right.cols()), 1.0, 0},
        r_(right) {}

  bool done() const {
    const bool converged = !(solution_.residual > system_.options_.tolerance);
    return solution_.iterations == system_.options_.most_iterations ||
           (solution_.iterations > 0 && converged);
  }
  Solution take() { return std::move(solution_); }

  static void precondition(const std::vector<Iteration*>& all);
  static void multiply(const std::vector<Iteration*>& all);

  void turn() {
    const RowVectorXd next = column_dots(r_, z_);
    if (solution_.iterations == 0) {
      p_ = z_;
    } else {
      p_ = (z_ + p_ * ratios(next, rz_).asDiagonal()).eval();
    }
    rz_ = next;
    p_ = p_.cast<float>().cast<double>().eval();  // what the product sees
  }
  void step() {
    ++solution_.iterations;
    const RowVectorXd length = ratios(rz_, column_dots(p_, q_));
    solution_.x += p_ * length.asDiagonal();
    r_ -= q_ * length.asDiagonal();
    solution_.residual = ratios(column_dots(r_, r_).cwiseSqrt(), scale_).maxCoeff();
  }

 private:
  const RidgeSystem& system_;
  RowVectorXd scale_, rz_;
  Solution solution_;
  RowMajor r_, z_, p_, q_;
};

// z = M^-1 r
void RidgeSystem::Iteration::precondition(const std::vector<Iteration*>& all) {
  std::vector<Iteration*> by_factor;
  std::vector<Buffer<float>> x;
  std::vector<kernels::SolveProblem32> problems;
  for (Iteration* one : all) {
    const Buffer<float>* factor = one->system_.precondition_->factor();
    if (factor == nullptr) {
      one->z_ = one->system_.precondition_->pivots().apply(one->r_);
      continue;
    }
    const auto n = static_cast<std::size_t>(one->r_.rows());
    const kernels::Operations& operations = one->system_.backend_.operations();
    x.emplace_back(operations.memory(), to_floats(one->r_));
    problems.push_back(
        {{factor->data(), n, n}, {x.back().data(), n, x.back().size() / n}, nullptr});
    by_factor.push_back(one);
  }
  if (by_factor.empty()) return;
  by_factor.front()->system_.backend_.operations().solve().solve(
      std::span<const kernels::SolveProblem32>(problems));
  for (std::size_t k = 0; k < by_factor.size(); ++k)
    by_factor[k]->z_ = from_floats(x[k].download(), by_factor[k]->r_.cols());
}

// q = (K + ridge I) p
void RidgeSystem::Iteration::multiply(const std::vector<Iteration*>& all) {
  std::vector<KernelProduct> products;
  for (const Iteration* one : all) {
    const Problem& problem = one->system_.problem_;
    products.push_back({problem.kernel, problem.points, problem.points, &one->p_});
  }
  std::vector<RowMajor> q = kernel_products(all.front()->system_.backend_, products);
  for (std::size_t k = 0; k < all.size(); ++k)
    all[k]->q_ = q[k] + all[k]->system_.problem_.ridge * all[k]->p_;
}

RidgeSystem::RidgeSystem(const Backend& backend, Problem problem, const Options& options,
                         std::unique_ptr<const Precondition> precondition)
    : backend_(backend),
      problem_(std::move(problem)),
      options_(options),
      precondition_(std::move(precondition)) {}

RidgeSystem::~RidgeSystem() = default;
RidgeSystem::RidgeSystem(RidgeSystem&&) noexcept = default;

std::vector<RidgeSystem> RidgeSystem::build(const Backend& backend,
                                            const std::vector<Problem>& problems,
                                            const Options& options) {
  std::vector<RidgeSystem> systems;
  const auto add = [&](const Problem& problem, std::variant<Buffer<float>, ByPivots> by) {
    systems.push_back(RidgeSystem(backend, problem, options,
                                  std::make_unique<const Precondition>(std::move(by))));
  };
  if (options.preconditioner == Preconditioner::factor) {
    std::vector<Factor> factors = factored(backend, problems);
    for (Factor& factor : factors) add(*factor.problem, std::move(factor.matrix));
  } else {
    for (const Problem& problem : problems)
      add(problem, ByPivots(pivoted_factor(backend, problem.kernel, problem.points, options.rank),
                            problem.ridge));
  }
  return systems;
}

std::size_t RidgeSystem::floats(std::size_t n, const Options& options) {
  return n * (options.preconditioner == Preconditioner::factor ? n : std::min(n, options.rank));
}

std::vector<RidgeSystem::Solution> RidgeSystem::solve(const std::vector<RidgeSystem>& systems,
                                                      const std::vector<RowMajor>& rights) {
  std::vector<Iteration> all;
  for (std::size_t k = 0; k < systems.size(); ++k) all.emplace_back(systems[k], rights[k]);
  return run(std::move(all));
}

RidgeSystem::Solution RidgeSystem::solve(const RowMajor& right) const {
  std::vector<Iteration> one;
  one.emplace_back(*this, right);
  return run(std::move(one)).front();
}

Finding not_converged(double residual) {
  return {Severity::warning, "solver-not-converged",
          "the solution of the kernel system stopped at a relative residual of " +
              std::to_string(residual),
          "give a larger ridge"};
}

std::vector<RidgeSystem::Solution> RidgeSystem::run(std::vector<Iteration> all) {
  std::vector<Iteration*> active;
  for (Iteration& one : all) active.push_back(&one);
  while (!active.empty()) {
    Iteration::precondition(active);
    for (Iteration* one : active) one->turn();
    Iteration::multiply(active);
    for (Iteration* one : active) one->step();
    std::erase_if(active, [](const Iteration* one) { return one->done(); });
  }
  std::vector<Solution> solutions;
  for (Iteration& one : all) solutions.push_back(one.take());
  return solutions;
}

}  // namespace lodestein
