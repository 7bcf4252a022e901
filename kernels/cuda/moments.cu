#include "kernels/cuda/moments.hpp"
#include "kernels/cuda/products.hpp"

namespace lodestein::kernels::LODESTEIN_GPU {
namespace {

constexpr std::size_t pilot_rows = 64;  // rows whose mean is the shift

struct ShiftedSamples {
  MomentsProblem problem;
  double* shift;  // [d]

  struct Column {
    const double* first;
    std::size_t stride;
    double shift;
    __device__ double operator()(std::size_t k) const {
      return traced_load(first + k * stride) - shift;
    }
  };
  __device__ Column column(std::size_t j) const {
    return {problem.samples.data + j, problem.samples.stride, shift[j]};
  }
  __device__ double weight(std::size_t k) const {
    return problem.weights == nullptr ? 1.0 : problem.weights[k];
  }
};

__global__ void __launch_bounds__(entry_threads)
    mean_of_first_rows(const ShiftedSamples* sources, unsigned count) {
  for (unsigned p = blockIdx.y; p < count; p += gridDim.y) {
    const View<const double> x = sources[p].problem.samples;
    const std::size_t rows = x.rows < pilot_rows ? x.rows : pilot_rows;
    for (std::size_t j = blockIdx.x * entry_threads + threadIdx.x; j < x.cols;
         j += std::size_t{gridDim.x} * entry_threads) {
      double sum = 0.0;
      for (std::size_t k = 0; k < rows; ++k) sum += x(k, j);
      sources[p].shift[j] = sum / static_cast<double>(rows);
    }
  }
}

// One thread per entry (i, j >= i).
__global__ void __launch_bounds__(entry_threads)
    covariance_of_sums(const ShiftedSamples* sources, const ProductPlan* plans, unsigned count) {
  for (unsigned p = blockIdx.y; p < count; p += gridDim.y) {
    const MomentsProblem problem = sources[p].problem;
    const ProductPlan plan = plans[p];
    const std::size_t d = plan.size;
    for (std::size_t e = blockIdx.x * entry_threads + threadIdx.x; e < d * d;
         e += std::size_t{gridDim.x} * entry_threads) {
      const std::size_t i = e / d, j = e % d;
      if (j < i) continue;
      const double scale = 1.0 / plan.weight();
      const double offset_i = plan.column_sum(i) * scale, offset_j = plan.column_sum(j) * scale;
      const double value = plan.product(0, i, j) * scale - offset_i * offset_j;
      problem.covariance(i, j) = value;
      problem.covariance(j, i) = value;
      if (i == j) problem.mean[i] = sources[p].shift[i] + offset_i;
    }
  }
}

}  // namespace

void Moments::run(std::span<const MomentsProblem> problems) const {
  std::size_t columns = 0;
  for (const MomentsProblem& problem : problems) columns += problem.samples.cols;
  if (columns == 0) return;
  const Buffer<double> shifts(device_, columns);
  std::vector<ShiftedSamples> hosted;
  std::vector<ProductPlan> plans;
  double* shift = shifts.data();
  for (const MomentsProblem& problem : problems) {
    hosted.push_back({problem, shift});
    plans.push_back(plan_products(problem.samples.rows, 1, problem.samples.cols));
    shift += problem.samples.cols;
  }
  const Buffer<ShiftedSamples> sources(device_, hosted);
  const auto count = static_cast<unsigned>(hosted.size());
  const dim3 grid{8, std::min(count, 65535u)};
  device_.launch("mean_of_first_rows", mean_of_first_rows, grid, entry_threads, 0, sources.data(),
                 count);
  const ProductSums sums(device_, std::move(plans), sources);
  device_.launch("covariance_of_sums", covariance_of_sums, sums.entry_grid(), entry_threads, 0,
                 sources.data(), sums.plans(), count);
}

}  // namespace lodestein::kernels::LODESTEIN_GPU
