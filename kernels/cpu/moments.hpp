#pragma once

#include "kernels/moments.hpp"

namespace lodestein::kernels::cpu {

/// Samples are shifted block by block and multiplied in registers; OpenMP over
/// (environment, chunk of rows) with a reduction in chunk order.
class Moments final : public kernels::Moments {
 public:
  explicit Moments(int threads) : threads_(threads) {}

 private:
  void run(std::span<const MomentsProblem> problems) const override;
  int threads_;
};

}  // namespace lodestein::kernels::cpu
