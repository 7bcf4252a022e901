#pragma once

#include "kernels/pairwise.hpp"

namespace lodestein::kernels::reference {

/// Pair by pair from direct differences in fp64.
class Pairwise final : public kernels::Pairwise {
  void run_product(std::span<const PairwiseProblem> problems) const override;
  void run_curl_free(std::span<const PairwiseProblem> problems) const override;
  void run_gram(std::span<const GramProblem> problems) const override;
  void run_quantile(std::span<const DistanceQuantileProblem> problems) const override;
};

}  // namespace lodestein::kernels::reference
