#pragma once

#include "score/kernel_samples.hpp"

namespace lodestein {

struct NystromFit {
  KernelExpansion expansion;  ///< on the centres
  Points held_out;            ///< took no part in the fit
  double ridge = 0.0;         ///< per sample
};

/// Minimises mean |s|^2 / 2 + div s + ridge / 2 sum_a c_a^T K_mm c_a over s = k(., Z) c, Z being
/// `centres` random samples: (K_mn K_nm / n + ridge K_mm) c = -H, H_a = mean_i grad k(x_i, z_a).
/// Ridge 0: the best by held-out loss. Cost: 2 n m^2 flops in one pass, m^3 / 3 for each ridge;
/// memory m^2 and a tile of K_nm.
NystromFit nystrom(const Backend& backend, const kernels::RadialKernel& kernel,
                   const KernelSamples& samples, std::size_t centres, double ridge, Seed seed);

}  // namespace lodestein
