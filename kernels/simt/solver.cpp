// Twin of kernels/cuda/runtime/solver.cu: Eigen on copies of what is in the device's memory.
#include "kernels/cuda/solver.hpp"

#include <Eigen/Dense>
#include <cmath>
#include <vector>

namespace lodestein::kernels::simt {
namespace {

using Eigen::Index;
using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Block = Eigen::Map<Matrix, 0, Eigen::OuterStride<>>;

// A matrix in device memory, on the host.
template <class T>
class Copy {
 public:
  Copy(const Device& device, const View<T>& view)
      : device_(device), view_(view), values_((view.rows - 1) * view.stride + view.cols) {
    device_.download(values_.data(), view_.data, values_.size() * sizeof(double));
  }
  Block matrix() {
    return {values_.data(), static_cast<Index>(view_.rows), static_cast<Index>(view_.cols),
            Eigen::OuterStride<>(static_cast<Index>(view_.stride))};
  }
  void store() const {
    device_.upload(view_.data, values_.data(), values_.size() * sizeof(double));
  }

 private:
  const Device& device_;
  View<T> view_;
  std::vector<double> values_;
};

}  // namespace

struct Solver::Libraries {};

Solver::Solver(const Device& device) : device_(device) {}

Solver::~Solver() = default;

void Solver::factor(const CholeskyProblem& problem) const {
  Copy<double> copy(device_, problem.matrix);
  Block matrix = copy.matrix();
  const Index bad = Eigen::internal::llt_inplace<double, Eigen::Lower>::blocked(matrix);
  const int status = static_cast<int>(bad) + 1;
  copy.store();
  device_.upload(problem.status, &status, sizeof status);
}

void Solver::solve_triangle(const SolveProblem& problem) const {
  Copy<const double> factor(device_, problem.factor);
  Copy<double> right(device_, problem.right);
  const Block l = factor.matrix();
  Block x = right.matrix();
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
