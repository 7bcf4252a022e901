#pragma once

#include "kernels/pairwise.hpp"

namespace lodestein::bench {

/// The baseline of the pairwise product on the CPU: one query at a time from direct differences,
/// all in fp32, on one thread, as far as the compiler vectorises it. rbf and r <= 129 only.
/// @throws InvalidArgument otherwise.
void naive_product(const kernels::PairwiseProblem& problem);

}  // namespace lodestein::bench
