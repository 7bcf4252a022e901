#pragma once

#include "kernels/cuda/gpu.hpp"
#include "kernels/difference_moments.hpp"

namespace lodestein::kernels::LODESTEIN_GPU {

class DifferenceMoments final : public kernels::DifferenceMoments {
 public:
  explicit DifferenceMoments(const Device& device) : device_(device) {}

 private:
  void run(std::span<const DifferenceMomentsProblem> problems) const override;
  const Device& device_;
};

}  // namespace lodestein::kernels::LODESTEIN_GPU
