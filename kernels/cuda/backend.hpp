#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernels/operations.hpp"

namespace lodestein::kernels::cuda {

/// Names of the NVIDIA GPUs that this process can use, in device order; empty without a driver.
/// @throws DeviceError if the driver is there but broken.
std::vector<std::string> device_names();

/// Operations on one GPU. @throws DeviceError if it can't be opened.
std::shared_ptr<const kernels::Operations> open(int device);

}  // namespace lodestein::kernels::cuda
