#pragma once

#include "kernels/simulate.hpp"

namespace lodestein::kernels::reference {

/// Sample by sample, as the formulas read.
class Simulate final : public kernels::Simulate {
  void run(std::span<const SampleProblem> problems) const override;
  void run(std::span<const ScoreProblem> problems) const override;
  void run(std::span<const MixProblem> problems) const override;
};

}  // namespace lodestein::kernels::reference
