#include "kernels/simt/backend.hpp"

#include "kernels/cuda/operations.hpp"

namespace lodestein::kernels::simt {

std::shared_ptr<const kernels::Operations> open(const SimtOptions& options) {
  return make_operations(std::make_unique<Device>(options));
}

}  // namespace lodestein::kernels::simt
