// Twin of kernels/cuda/runtime/solver.cu: Eigen on copies of what is in the device's memory.
#include "kernels/cuda/solver.hpp"

#include <Eigen/Dense>
#include <cmath>
#include <type_traits>
#include <vector>

namespace lodestein::kernels::simt {
namespace {

using Eigen::Index;
template <class T>
using Block = Eigen::Map<
    Eigen::Matrix<std::remove_const_t<T>, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>, 0,
    Eigen::OuterStride<>>;

// A matrix in device memory, on the host.
template <class T>
class Copy {
 public:
  Copy(const Device& device, const View<T>& view)
      : device_(device), view_(view), values_((view.rows - 1) * view.stride + view.cols) {
    device_.download(values_.data(), view_.data, values_.size() * sizeof(T));
  }
  Block<T> matrix() {
    return {values_.data(), static_cast<Index>(view_.rows), static_cast<Index>(view_.cols),
            Eigen::OuterStride<>(static_cast<Index>(view_.stride))};
  }
  void store() const { device_.upload(view_.data, values_.data(), values_.size() * sizeof(T)); }

 private:
  const Device& device_;
  View<T> view_;
  std::vector<std::remove_const_t<T>> values_;
};

}  // namespace

struct Solver::Libraries {};

Solver::Solver(const Device& device) : device_(device) {}

Solver::~Solver() = default;

template <class Problem>
void Solver::factor_any(const Problem& problem) const {
  using Value = std::remove_reference_t<decltype(problem.matrix(0, 0))>;
  Copy<Value> copy(device_, problem.matrix);
  Block<Value> matrix = copy.matrix();
  const Index bad = Eigen::internal::llt_inplace<Value, Eigen::Lower>::blocked(matrix);
  const int status = static_cast<int>(bad) + 1;
  copy.store();
  device_.upload(problem.status, &status, sizeof status);
}

void Solver::factor(const CholeskyProblem& problem) const { factor_any(problem); }
void Solver::factor(const CholeskyProblem32& problem) const { factor_any(problem); }

void Solver::solve(const SolveProblem32& problem) const {
  Copy<const float> factor(device_, problem.factor);
  Copy<float> right(device_, problem.right);
  const Block<const float> l = factor.matrix();
  Block<float> x = right.matrix();
  l.triangularView<Eigen::Lower>().solveInPlace(x);
  l.triangularView<Eigen::Lower>().transpose().solveInPlace(x);
  right.store();
}

void Solver::solve_triangle(const SolveProblem& problem) const {
  Copy<const double> factor(device_, problem.factor);
  Copy<double> right(device_, problem.right);
  const Block<const double> l = factor.matrix();
  Block<double> x = right.matrix();
  const auto lower = l.triangularView<Eigen::Lower>();
  const bool transposed = problem.system == System::transposed_factor;
  if (problem.sides == RightSides::columns) {
    if (transposed) {
      lower.transpose().solveInPlace(x);
    } else {
      lower.solveInPlace(x);
    }
  } else if (transposed) {
    lower.solveInPlace<Eigen::OnTheRight>(x);
  } else {
    lower.transpose().solveInPlace<Eigen::OnTheRight>(x);
  }
  right.store();
}

void Solver::eigen(const EigenProblem& problem) const {
  Copy<double> copy(device_, problem.matrix);
  const Eigen::MatrixXd lower = copy.matrix().triangularView<Eigen::Lower>();
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(lower);
  const int status = solver.info() == Eigen::Success ? 0 : 1;
  if (status == 0) {
    copy.matrix() = solver.eigenvectors().transpose();
    copy.store();
    device_.upload(problem.values, solver.eigenvalues().data(),
                   problem.matrix.rows * sizeof(double));
  }
  device_.upload(problem.status, &status, sizeof status);
}

}  // namespace lodestein::kernels::simt
