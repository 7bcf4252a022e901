#include "kernels/simt/backend.hpp"

#include "kernels/cuda/operations.hpp"

namespace lodestein::kernels::simt {

std::shared_ptr<const kernels::Operations> open(const SimtOptions& options, AccessLog* log) {
  auto device = std::make_unique<Device>(options);
  device->log_accesses(log);
  return make_operations(std::move(device));
}

}  // namespace lodestein::kernels::simt
