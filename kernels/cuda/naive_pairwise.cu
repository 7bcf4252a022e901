#include "kernels/cuda/gpu.hpp"
#include "kernels/cuda/naive_pairwise.hpp"
#include "lodestein/core/error.hpp"

namespace lodestein::kernels::LODESTEIN_GPU {
namespace {

constexpr int block_threads = 192;

// Row j of a view's tile of `Width` columns, zeros outside, into shared memory.
template <int Width>
__device__ void load_row(const View<const float>& from, std::size_t j, float* to) {
  for (int c = 0; c < Width; ++c) {
    const auto column = static_cast<std::size_t>(c);
    to[c] = j < from.rows && column < from.cols ? from(j, column) : 0.0f;
  }
}

// One thread per query; up to Dimensions coordinates and Dimensions + 1 columns.
template <int Dimensions>
__global__ void __launch_bounds__(block_threads) naive_rows(PairwiseProblem problem) {
  constexpr int columns = Dimensions + 1;
  LODESTEIN_DYNAMIC_SHARED(float, y);
  float* right = y + block_threads * Dimensions;
  const auto& [kernel, x, centres, coefficients, out, same_points] = problem;
  const int thread = static_cast<int>(threadIdx.x);
  const std::size_t i = std::size_t{blockIdx.x} * block_threads + threadIdx.x;
  const auto scale = static_cast<float>(1.0 / (kernel.width * kernel.width));
  float query[Dimensions], sum[columns] = {};
#pragma unroll
  for (int l = 0; l < Dimensions; ++l) {
    const auto column = static_cast<std::size_t>(l);
    query[l] = i < x.rows && column < x.cols ? x(i, column) : 0.0f;
  }
  for (std::size_t first = 0; first < centres.rows; first += block_threads) {
    __syncthreads();
    load_row<Dimensions>(centres, first + threadIdx.x, y + thread * Dimensions);
    load_row<columns>(coefficients, first + threadIdx.x, right + thread * columns);
    __syncthreads();
    for (int j = 0; j < block_threads; ++j) {
      float squared = 0.0f;
#pragma unroll
      for (int l = 0; l < Dimensions; ++l) {
        const float difference = query[l] - y[j * Dimensions + l];
        squared = fmaf(difference, difference, squared);
      }
      const float k = kernel.form == RadialKernel::Form::rbf ? expf(-0.5f * scale * squared)
                                                             : rsqrtf(1.0f + scale * squared);
#pragma unroll
      for (int c = 0; c < columns; ++c) sum[c] = fmaf(k, right[j * columns + c], sum[c]);
    }
  }
#pragma unroll
  for (int c = 0; c < columns; ++c) {
    const auto column = static_cast<std::size_t>(c);
    if (i < out.rows && column < out.cols) out(i, column) = sum[c];
  }
}

template <int Dimensions>
void launch(const Device& device, const PairwiseProblem& problem) {
  const std::size_t blocks = (problem.x.rows + block_threads - 1) / block_threads;
  device.launch("naive_rows", naive_rows<Dimensions>, static_cast<unsigned>(blocks), block_threads,
                sizeof(float) * block_threads * (2 * Dimensions + 1), problem);
}

}  // namespace

void naive_product(const Memory& memory, const PairwiseProblem& problem) {
  const auto& device = dynamic_cast<const Device&>(memory);
  const auto fits = [&](std::size_t d) {
    return problem.x.cols <= d && problem.right.cols <= d + 1;
  };
  if (fits(5)) return launch<5>(device, problem);
  if (fits(10)) return launch<10>(device, problem);
  if (fits(20)) return launch<20>(device, problem);
  if (fits(50)) return launch<50>(device, problem);
  throw InvalidArgument("naive product: takes up to 50 dimensions and 51 columns");
}

}  // namespace lodestein::kernels::LODESTEIN_GPU
