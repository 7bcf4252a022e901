#pragma once

#include <memory>

#include "kernels/operations.hpp"

namespace lodestein::kernels::cpu {

std::shared_ptr<const kernels::Operations> make_operations(int threads);

}  // namespace lodestein::kernels::cpu
