#include "kernels/cuda/difference_moments.hpp"
#include "kernels/cuda/products.hpp"

namespace lodestein::kernels::LODESTEIN_GPU {
namespace {

struct ScoreDifferences {
  DifferenceMomentsProblem problem;

  struct Column {
    const float *base, *score;
    std::size_t base_stride, score_stride;
    __device__ double operator()(std::size_t k) const {
      const double s = traced_load(score + k * score_stride);
      return base == nullptr ? s : traced_load(base + k * base_stride) - s;
    }
  };
  __device__ Column column(std::size_t c) const {
    const std::size_t m = c / problem.scores.cols, j = c % problem.scores.cols;
    return {problem.base.data == nullptr ? nullptr : problem.base.data + j,
            problem.scores.row(m * sample_count(problem)) + j, problem.base.stride,
            problem.scores.stride};
  }
  __device__ double weight(std::size_t k) const {
    return problem.weights == nullptr ? 1.0 : problem.weights[k];
  }
};

// One thread per entry (group, i, j >= i); group g goes to rows g size.
__global__ void __launch_bounds__(entry_threads)
    moments_of_sums(const ScoreDifferences* sources, const ProductPlan* plans, unsigned count) {
  for (unsigned p = blockIdx.y; p < count; p += gridDim.y) {
    const View<double> moments = sources[p].problem.moments;
    const ProductPlan plan = plans[p];
    const std::size_t size = plan.size, entries = plan.columns() * size;
    for (std::size_t e = blockIdx.x * entry_threads + threadIdx.x; e < entries;
         e += std::size_t{gridDim.x} * entry_threads) {
      const std::size_t group = e / size / size, i = e / size % size, j = e % size;
      if (j < i) continue;
      const double value = plan.product(group, i, j) * (1.0 / plan.weight());
      moments(group * size + i, j) = value;
      moments(group * size + j, i) = value;
    }
  }
}

ProductPlan plan_of(const DifferenceMomentsProblem& problem) {
  const std::size_t d = problem.scores.cols, environments = problem.environments;
  return problem.diagonal_only ? plan_products(sample_count(problem), environments, d)
                               : plan_products(sample_count(problem), 1, environments * d);
}

}  // namespace

void DifferenceMoments::run(std::span<const DifferenceMomentsProblem> problems) const {
  std::vector<ScoreDifferences> hosted;
  std::vector<ProductPlan> plans;
  for (const DifferenceMomentsProblem& problem : problems) {
    if (problem.moments.empty()) continue;
    hosted.push_back({problem});
    plans.push_back(plan_of(problem));
  }
  if (hosted.empty()) return;
  const Buffer<ScoreDifferences> sources(device_, hosted);
  const ProductSums sums(device_, std::move(plans), sources);
  device_.launch("moments_of_sums", moments_of_sums, sums.entry_grid(), entry_threads, 0,
                 sources.data(), sums.plans(), sums.count());
}

}  // namespace lodestein::kernels::LODESTEIN_GPU
