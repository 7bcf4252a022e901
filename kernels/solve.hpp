#pragma once

#include <span>

#include "kernels/view.hpp"

namespace lodestein::kernels {

/// A symmetric positive definite matrix A [n, n] that becomes its Cholesky factor, all in the
/// backend's memory.
struct CholeskyProblem {
  View<double> matrix;    ///< lower triangle read and overwritten by L, A = L L^T; the rest is not
                          ///< touched
  int* status = nullptr;  ///< written: 0, or k + 1 if pivot k is not positive and finite; the lower
                          ///< triangle is then undefined
};

/// As CholeskyProblem, in fp32.
struct CholeskyProblem32 {
  View<float> matrix;
  int* status = nullptr;
};

/// A x = b for columns b of `right`, which become x, in fp32; otherwise as SolveProblem.
struct SolveProblem32 {
  View<const float> factor;
  View<float> right;
  const int* status = nullptr;
};

/// Which system of a Cholesky factor L, A = L L^T, is solved.
enum class System { factor, transposed_factor, matrix };  // L x = b, L^T x = b, A x = b

/// Whether the rows or the columns of a matrix are its right-hand sides.
enum class RightSides { columns, rows };

/// Many right-hand sides that become the solutions of a system, all in the backend's memory.
struct SolveProblem {
  View<const double> factor;  ///< [n, n], lower triangle read, diagonal not 0
  View<double> right;         ///< [n, m], or [m, n] with right-hand sides in rows; overwritten
  System system = System::matrix;
  RightSides sides = RightSides::columns;
  const int* status = nullptr;  ///< of the factor; `right` stays as it is where this is not 0
};

/// A symmetric matrix [n, n] that becomes its eigenvectors, all in the backend's memory.
struct EigenProblem {
  View<double> matrix;       ///< lower triangle read; eigenvector k is written to column k
  double* values = nullptr;  ///< [n], written, ascending
  int* status = nullptr;     ///< written: 0, or 1 if an entry is not finite or the iteration did
                             ///< not converge; matrix and values then stay as they are
};

/// A v = lambda B v with A symmetric, B symmetric positive definite, both [n, n].
struct GeneralisedEigenProblem {
  View<double> matrix;           ///< A, both triangles; eigenvector k is written to column k
  View<double> metric;           ///< B, becomes its Cholesky factor as in CholeskyProblem
  double* values = nullptr;      ///< [n], written, ascending
  int* metric_status = nullptr;  ///< written, as CholeskyProblem's
  int* status = nullptr;         ///< written, as EigenProblem's; where one of the two is not 0,
                                 ///< matrix and values are undefined
};

/// Cholesky factors, solutions and eigenvectors of many dense matrices of unequal size in fp64.
///
/// Eigenvectors have length 1 (v^T B v = 1 in the generalised problem) and the first entry of
/// largest size is positive. Near a tie of entries or of eigenvalues rounding may decide
/// differently on another backend.
/// Aliasing: nothing that is written overlaps anything else; problems may share a factor that they
/// solve with.
/// Determinism: the same bits on every run, for any thread count and any batch, per backend.
/// Flops: factor n^3 / 3; solve n^2 per right-hand side and triangle; eigen about 9 n^3 by
/// tridiagonalisation, 4 n^3 per sweep by Jacobi (6 to 10 sweeps); generalised adds n^3 / 3 + 3
/// n^3. Bytes: every matrix is read and written once where it fits into a GPU's shared memory
/// (factor and solve n <= 128, eigen n <= 64); a factor is read again for every 32 right-hand
/// sides. Numbers: backward stable. Failure is a status, never a NaN: pivots are compared with 0,
/// so a matrix singular up to rounding may pass. Status values stay in the backend's memory; only a
/// solve with n > 128 waits for one on a GPU.
/// fp32 factors take half of the memory and time and err by some 1e-7 condition(A): they
/// precondition a solution whose residual is computed otherwise. On the cpu backend they pack one
/// more tile of 128 columns.
/// @throws DimensionMismatch or InvalidArgument naming the operation, the problem and the argument;
/// nothing is written then. After a DeviceError (no memory for large matrices, or between the steps
/// of generalised_eigen) matrices that are overwritten may be undefined; others stay.
class Solve {
 public:
  virtual ~Solve() = default;
  void factor(std::span<const CholeskyProblem> problems) const;
  void solve(std::span<const SolveProblem> problems) const;
  void factor(std::span<const CholeskyProblem32> problems) const;
  void solve(std::span<const SolveProblem32> problems) const;
  void eigen(std::span<const EigenProblem> problems) const;
  void generalised_eigen(std::span<const GeneralisedEigenProblem> problems) const;
  /// Gives every column of `matrix` the sign that an eigenvector has, where `status` is 0.
  void fix_eigenvector_signs(std::span<const EigenProblem> problems) const;

 private:
  virtual void run_factor(std::span<const CholeskyProblem> problems) const = 0;
  virtual void run_solve(std::span<const SolveProblem> problems) const = 0;
  virtual void run_factor32(std::span<const CholeskyProblem32> problems) const = 0;
  virtual void run_solve32(std::span<const SolveProblem32> problems) const = 0;
  virtual void run_eigen(std::span<const EigenProblem> problems) const = 0;
  virtual void run_fix_signs(std::span<const EigenProblem> problems) const = 0;
};

}  // namespace lodestein::kernels
