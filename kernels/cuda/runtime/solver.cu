#include <cublas_v2.h>
#include <cusolverDn.h>

#include <cstddef>
#include <mutex>
#include <string>
#include <type_traits>
#include <vector>

#include "kernels/cuda/solver.hpp"
#include "lodestein/core/error.hpp"

namespace lodestein::kernels::cuda {
namespace {

void check_solver(cusolverStatus_t code, const char* call) {
  if (code == CUSOLVER_STATUS_SUCCESS) return;
  const std::string message = std::string(call) + ": cuSOLVER status " + std::to_string(code);
  if (code == CUSOLVER_STATUS_ALLOC_FAILED) throw OutOfMemory(message);
  throw DeviceError(message);
}

void check_blas(cublasStatus_t code, const char* call) {
  if (code == CUBLAS_STATUS_SUCCESS) return;
  const std::string message = std::string(call) + ": " + cublasGetStatusString(code);
  if (code == CUBLAS_STATUS_ALLOC_FAILED) throw OutOfMemory(message);
  throw DeviceError(message);
}

}  // namespace

// Handles of one stream, made when they are first needed. A row-major lower triangle is a
// column-major upper one.
struct Solver::Libraries {
  std::mutex mutex;  // a handle serves one thread at a time
  cusolverDnHandle_t solver = nullptr;
  cusolverDnParams_t params = nullptr;
  cublasHandle_t blas = nullptr;

  ~Libraries() {
    if (params != nullptr) cusolverDnDestroyParams(params);
    if (solver != nullptr) cusolverDnDestroy(solver);
    if (blas != nullptr) cublasDestroy(blas);
  }
  void open_solver(cudaStream_t stream) {
    if (solver == nullptr) check_solver(cusolverDnCreate(&solver), "cusolverDnCreate");
    if (params == nullptr) check_solver(cusolverDnCreateParams(&params), "cusolverDnCreateParams");
    check_solver(cusolverDnSetStream(solver, stream), "cusolverDnSetStream");
  }
  void open_blas(cudaStream_t stream) {
    if (blas == nullptr) check_blas(cublasCreate(&blas), "cublasCreate");
    check_blas(cublasSetStream(blas, stream), "cublasSetStream");
  }
};

namespace {

// Scratch memory of one call. What is on the host must outlive the work that was queued.
class Workspace {
 public:
  Workspace(const Device& device, std::size_t device_bytes, std::size_t host_bytes)
      : device_(device), on_device(device, device_bytes), on_host(host_bytes) {}
  void finish() const {
    if (!on_host.empty()) device_.synchronize();
  }

 private:
  const Device& device_;

 public:
  Buffer<std::byte> on_device;
  std::vector<std::byte> on_host;
};

}  // namespace

Solver::Solver(const Device& device) : device_(device), libraries_(std::make_unique<Libraries>()) {}

Solver::~Solver() {
  const int index = device_.index();
  int before = 0;
  cudaGetDevice(&before);
  cudaSetDevice(index);
  libraries_.reset();
  cudaSetDevice(before);
}

template <class Problem>
void Solver::factor_any(const Problem& problem) const {
  constexpr cudaDataType type = std::is_same_v<Problem, CholeskyProblem> ? CUDA_R_64F : CUDA_R_32F;
  const std::lock_guard lock(libraries_->mutex);
  const Device::Active active(device_.index());
  libraries_->open_solver(device_.stream());
  const auto n = static_cast<std::int64_t>(problem.matrix.rows);
  const auto stride = static_cast<std::int64_t>(problem.matrix.stride);
  std::size_t device_bytes = 0, host_bytes = 0;
  check_solver(cusolverDnXpotrf_bufferSize(libraries_->solver, libraries_->params,
                                           CUBLAS_FILL_MODE_UPPER, n, type, problem.matrix.data,
                                           stride, type, &device_bytes, &host_bytes),
               "cusolverDnXpotrf_bufferSize");
  Workspace work(device_, device_bytes, host_bytes);
  check_solver(cusolverDnXpotrf(libraries_->solver, libraries_->params, CUBLAS_FILL_MODE_UPPER, n,
                                type, problem.matrix.data, stride, type, work.on_device.data(),
                                device_bytes, work.on_host.data(), host_bytes, problem.status),
               "cusolverDnXpotrf");
  work.finish();
}

void Solver::factor(const CholeskyProblem& problem) const { factor_any(problem); }
void Solver::factor(const CholeskyProblem32& problem) const { factor_any(problem); }

// The column-major twin of `right` is its transpose: columns of right-hand sides become rows, and
// L x = b becomes x^T L^T = b^T, with L^T stored as it is.
void Solver::solve_triangle(const SolveProblem& problem) const {
  const std::lock_guard lock(libraries_->mutex);
  const Device::Active active(device_.index());
  libraries_->open_blas(device_.stream());
  const bool rows = problem.sides == RightSides::rows;
  const bool transposed = problem.system == System::transposed_factor;
  const double one = 1.0;
  check_blas(cublasDtrsm_64(libraries_->blas, rows ? CUBLAS_SIDE_LEFT : CUBLAS_SIDE_RIGHT,
                            CUBLAS_FILL_MODE_UPPER, rows == transposed ? CUBLAS_OP_N : CUBLAS_OP_T,
                            CUBLAS_DIAG_NON_UNIT, static_cast<std::int64_t>(problem.right.cols),
                            static_cast<std::int64_t>(problem.right.rows), &one,
                            problem.factor.data, static_cast<std::int64_t>(problem.factor.stride),
                            problem.right.data, static_cast<std::int64_t>(problem.right.stride)),
             "cublasDtrsm");
}

void Solver::solve(const SolveProblem32& problem) const {
  const std::lock_guard lock(libraries_->mutex);
  const Device::Active active(device_.index());
  libraries_->open_blas(device_.stream());
  const float one = 1.0f;
  for (const cublasOperation_t operation : {CUBLAS_OP_N, CUBLAS_OP_T}) {
    check_blas(
        cublasStrsm_64(libraries_->blas, CUBLAS_SIDE_RIGHT, CUBLAS_FILL_MODE_UPPER, operation,
                       CUBLAS_DIAG_NON_UNIT, static_cast<std::int64_t>(problem.right.cols),
                       static_cast<std::int64_t>(problem.right.rows), &one, problem.factor.data,
                       static_cast<std::int64_t>(problem.factor.stride), problem.right.data,
                       static_cast<std::int64_t>(problem.right.stride)),
        "cublasStrsm");
  }
}

void Solver::eigen(const EigenProblem& problem) const {
  const std::lock_guard lock(libraries_->mutex);
  const Device::Active active(device_.index());
  libraries_->open_solver(device_.stream());
  const auto n = static_cast<std::int64_t>(problem.matrix.rows);
  const auto stride = static_cast<std::int64_t>(problem.matrix.stride);
  std::size_t device_bytes = 0, host_bytes = 0;
  check_solver(cusolverDnXsyevd_bufferSize(libraries_->solver, libraries_->params,
                                           CUSOLVER_EIG_MODE_VECTOR, CUBLAS_FILL_MODE_UPPER, n,
                                           CUDA_R_64F, problem.matrix.data, stride, CUDA_R_64F,
                                           problem.values, CUDA_R_64F, &device_bytes, &host_bytes),
               "cusolverDnXsyevd_bufferSize");
  Workspace work(device_, device_bytes, host_bytes);
  check_solver(cusolverDnXsyevd(libraries_->solver, libraries_->params, CUSOLVER_EIG_MODE_VECTOR,
                                CUBLAS_FILL_MODE_UPPER, n, CUDA_R_64F, problem.matrix.data, stride,
                                CUDA_R_64F, problem.values, CUDA_R_64F, work.on_device.data(),
                                device_bytes, work.on_host.data(), host_bytes, problem.status),
               "cusolverDnXsyevd");
  work.finish();
}

}  // namespace lodestein::kernels::cuda
