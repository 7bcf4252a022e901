#pragma once

#include "kernels/cuda/gpu.hpp"
#include "kernels/moments.hpp"

namespace lodestein::kernels::LODESTEIN_GPU {

class Moments final : public kernels::Moments {
 public:
  explicit Moments(const Device& device) : device_(device) {}

 private:
  void run(std::span<const MomentsProblem> problems) const override;
  const Device& device_;
};

}  // namespace lodestein::kernels::LODESTEIN_GPU
