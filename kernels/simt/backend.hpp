#pragma once

#include <memory>

#include "kernels/operations.hpp"
#include "kernels/simt/access_log.hpp"
#include "lodestein/core/backend.hpp"

namespace lodestein::kernels::simt {

/// The operations of kernels/cuda/, run on the CPU. What they ask of memory goes to the log if
/// there is one; it must outlive them.
std::shared_ptr<const kernels::Operations> open(const SimtOptions& options,
                                                AccessLog* log = nullptr);

}  // namespace lodestein::kernels::simt
