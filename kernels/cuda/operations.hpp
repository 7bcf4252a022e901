#pragma once

#include <memory>

#include "kernels/cuda/backend.hpp"
#include "kernels/cuda/gpu.hpp"
#include "kernels/operations.hpp"

namespace lodestein::kernels::LODESTEIN_GPU {

std::shared_ptr<const kernels::Operations> make_operations(std::unique_ptr<Device> device);

}  // namespace lodestein::kernels::LODESTEIN_GPU
