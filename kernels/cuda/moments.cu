#include "kernels/cuda/moments.hpp"

#include <vector>

namespace lodestein::kernels::LODESTEIN_GPU {
namespace {

constexpr int block_threads = 128;

// Sum over the block in a fixed order; every thread gets it.
__device__ double block_sum(double value) {
  LODESTEIN_SHARED(double[block_threads], sums);
  __syncthreads();
  sums[threadIdx.x] = value;
  __syncthreads();
  for (unsigned half = block_threads / 2; half > 0; half /= 2) {
    if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
    __syncthreads();
  }
  return sums[0];
}

__device__ double weight(const MomentsProblem& problem, std::size_t k) {
  return problem.weights == nullptr ? 1.0 : problem.weights[k];
}

// One block per column.
__global__ void __launch_bounds__(block_threads) weighted_mean(MomentsProblem problem) {
  const std::size_t j = blockIdx.x;
  double total = 0.0, sum = 0.0;
  for (std::size_t k = threadIdx.x; k < problem.samples.rows; k += block_threads) {
    total += weight(problem, k);
    sum += weight(problem, k) * problem.samples(k, j);
  }
  total = block_sum(total);
  sum = block_sum(sum);
  if (threadIdx.x == 0) problem.mean[j] = sum / total;
}

// One block per entry (i, j <= i).
__global__ void __launch_bounds__(block_threads) weighted_covariance(MomentsProblem problem) {
  const std::size_t i = blockIdx.x, j = blockIdx.y;
  if (j > i) return;
  const double mean_i = problem.mean[i], mean_j = problem.mean[j];
  double total = 0.0, sum = 0.0;
  for (std::size_t k = threadIdx.x; k < problem.samples.rows; k += block_threads) {
    const double* x = problem.samples.row(k);
    total += weight(problem, k);
    sum += weight(problem, k) * (x[i] - mean_i) * (x[j] - mean_j);
  }
  total = block_sum(total);
  sum = block_sum(sum);
  if (threadIdx.x == 0) {
    problem.covariance(i, j) = problem.covariance(j, i) = sum / total;
  }
}

}  // namespace

void Moments::run(std::span<const MomentsProblem> problems) const {
  for (const MomentsProblem& problem : problems) {
    const auto d = static_cast<unsigned>(problem.samples.cols);
    device_.launch("weighted_mean", weighted_mean, d, block_threads, 0, problem);
    device_.launch("weighted_covariance", weighted_covariance, {d, d}, block_threads, 0, problem);
  }
}

}  // namespace lodestein::kernels::LODESTEIN_GPU
