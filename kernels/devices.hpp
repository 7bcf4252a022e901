#pragma once

namespace lodestein::kernels {

/// GPUs that the driver can use; 0 in a build without CUDA. Never throws.
int cuda_devices();

}  // namespace lodestein::kernels
