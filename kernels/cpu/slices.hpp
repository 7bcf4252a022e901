#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/philox.hpp"
#include "kernels/training.hpp"

namespace lodestein::kernels::cpu {

/// One random slice (not along the axes) of consecutive samples, drawn as
/// kernels/training_draws.hpp says.
struct SliceDraw {
  PhiloxKey key;
  SliceLaw law;
  std::uint32_t step, slice, inputs;
  std::size_t first;  ///< sample
  std::uint32_t rows, stride;
  float* to;  ///< [rows, stride], padded with 0
};
void draw_slice(const SliceDraw& draw);

}  // namespace lodestein::kernels::cpu
