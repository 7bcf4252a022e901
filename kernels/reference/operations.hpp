#pragma once

#include <memory>

#include "kernels/operations.hpp"

namespace lodestein::kernels::reference {

std::shared_ptr<const kernels::Operations> make_operations();

}  // namespace lodestein::kernels::reference
