#pragma once

#include "kernels/difference_moments.hpp"

namespace lodestein::kernels::reference {

/// One thread, reads like the formula.
class DifferenceMoments final : public kernels::DifferenceMoments {
  void run(std::span<const DifferenceMomentsProblem> problems) const override;
};

}  // namespace lodestein::kernels::reference
