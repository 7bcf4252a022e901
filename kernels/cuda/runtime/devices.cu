#include "kernels/cuda/backend.hpp"
#include "kernels/cuda/runtime/gpu.hpp"

namespace lodestein::kernels::cuda {

std::vector<std::string> device_names() {
  int count = 0;
  const cudaError_t code = cudaGetDeviceCount(&count);
  // A driver that is missing or too old (35) and a machine without a GPU (100) are no failures.
  if (code == cudaErrorInsufficientDriver || code == cudaErrorNoDevice) return {};
  check(code, "cudaGetDeviceCount");
  std::vector<std::string> names;
  for (int device = 0; device < count; ++device) {
    cudaDeviceProp properties;
    check(cudaGetDeviceProperties(&properties, device), "cudaGetDeviceProperties");
    names.emplace_back(properties.name);
  }
  return names;
}

}  // namespace lodestein::kernels::cuda
