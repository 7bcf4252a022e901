#pragma once

#include "kernels/pairwise.hpp"

namespace lodestein::kernels::cpu {

/// Two-phase tiles: a tile of kernel values is made in L1 by a register-blocked product of the
/// points and a polynomial exponential, then multiplied into the output by the same
/// register-blocked product. OpenMP over tiles of queries; few queries are split over chunks of
/// centres, summed in order.
class Pairwise final : public kernels::Pairwise {
 public:
  explicit Pairwise(int threads) : threads_(threads) {}

 private:
  void run_product(std::span<const PairwiseProblem> problems) const override;
  void run_curl_free(std::span<const PairwiseProblem> problems) const override;
  void run_gram(std::span<const GramProblem> problems) const override;
  void run_quantile(std::span<const DistanceQuantileProblem> problems) const override;
  int threads_;
};

}  // namespace lodestein::kernels::cpu
