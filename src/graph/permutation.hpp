#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace lodestein {

/// @throws InvalidArgument unless `order` holds each of 0..n-1 exactly once; `what` names it.
void require_permutation(const std::vector<std::size_t>& order, std::size_t n,
                         const std::string& what);

}  // namespace lodestein
