#pragma once

#include "kernels/moments.hpp"

namespace lodestein::kernels::reference {

/// Two passes, one thread, reads like the formula.
class Moments final : public kernels::Moments {
  void run(std::span<const MomentsProblem> problems) const override;
};

}  // namespace lodestein::kernels::reference
