#pragma once

#include "kernels/cuda/gpu.hpp"
#include "kernels/pairwise.hpp"

namespace lodestein::kernels::LODESTEIN_GPU {

/// Up to 8 dimensions a thread keeps a few queries and their sums in registers. Beyond, a block
/// makes a tile of kernel values by a register-blocked product and multiplies it in the same way.
/// Few queries are split over ranges of centres; a second launch adds those in order.
class Pairwise final : public kernels::Pairwise {
 public:
  explicit Pairwise(const Device& device) : device_(device) {}

 private:
  void run_product(std::span<const PairwiseProblem> problems) const override;
  void run_curl_free(std::span<const PairwiseProblem> problems) const override;
  void run_gram(std::span<const GramProblem> problems) const override;
  void run_quantile(std::span<const DistanceQuantileProblem> problems) const override;
  const Device& device_;
};

}  // namespace lodestein::kernels::LODESTEIN_GPU
