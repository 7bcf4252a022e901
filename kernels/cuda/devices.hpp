#pragma once

#include <string>
#include <vector>

namespace lodestein::kernels::cuda {

/// Names of the NVIDIA GPUs that this process can use, in device order; empty without a driver.
/// @throws DeviceError if the driver is there but broken.
std::vector<std::string> device_names();

}  // namespace lodestein::kernels::cuda
