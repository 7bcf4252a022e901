#pragma once

#include <memory>

#include "kernels/operations.hpp"
#include "lodestein/core/backend.hpp"

namespace lodestein::kernels::simt {

/// The operations of kernels/cuda/, run on the CPU.
std::shared_ptr<const kernels::Operations> open(const SimtOptions& options);

}  // namespace lodestein::kernels::simt
