#pragma once

#include "kernels/memory.hpp"
#include "kernels/pairwise.hpp"

// The baseline of Pairwise::product() on a GPU, for benchmarks: one thread per query, centres in
// shared memory, direct differences, all sums in fp32 registers, as KeOps does it.
namespace lodestein::kernels {

namespace cuda {
/// `memory` is that of a cuda backend's operations and holds the views. In builds with CUDA only.
/// @throws InvalidArgument if d > 50 or r > 51.
void naive_product(const Memory& memory, const PairwiseProblem& problem);
}  // namespace cuda

namespace simt {
/// The same on a simt backend, in builds with it only.
void naive_product(const Memory& memory, const PairwiseProblem& problem);
}  // namespace simt

}  // namespace lodestein::kernels
