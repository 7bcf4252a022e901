#pragma once

#include "kernels/difference_moments.hpp"

namespace lodestein::kernels::cpu {

/// Differences are formed in fp64 block by block and multiplied in registers; OpenMP over
/// (problem, chunk of rows) with a reduction in chunk order.
class DifferenceMoments final : public kernels::DifferenceMoments {
 public:
  explicit DifferenceMoments(int threads) : threads_(threads) {}

 private:
  void run(std::span<const DifferenceMomentsProblem> problems) const override;
  int threads_;
};

}  // namespace lodestein::kernels::cpu
