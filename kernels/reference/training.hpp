#pragma once

#include "kernels/reference/network.hpp"
#include "kernels/training.hpp"

namespace lodestein::kernels::reference {

/// Network's loss and Adam steps, one after the other.
class Training final : public kernels::Training {
  void run(std::span<const TrainingProblem> problems) const override;
  Network network_;
};

}  // namespace lodestein::kernels::reference
