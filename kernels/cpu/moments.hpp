#pragma once

#include <string>

#include "kernels/moments.hpp"

namespace lodestein::kernels::cpu {

/// Name of the vector instruction set chosen at run time, e.g. "AVX3".
std::string instruction_set();

/// Blocked rank-k update in registers, OpenMP over (environment, chunk of rows) with a reduction in
/// chunk order.
class Moments final : public kernels::Moments {
 public:
  explicit Moments(int threads) : threads_(threads) {}

 private:
  void run(std::span<const MomentsProblem> problems) const override;
  int threads_;
};

}  // namespace lodestein::kernels::cpu
