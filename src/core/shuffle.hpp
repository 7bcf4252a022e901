#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "lodestein/core/random.hpp"

namespace lodestein {

/// Fisher-Yates; std::shuffle draws differently in every standard library.
template <class Value>
void shuffle(std::vector<Value>& values, Draws draws) {
  for (std::size_t i = values.size(); i > 1; --i) {
    std::swap(values[i - 1], values[draws.below(static_cast<std::uint32_t>(i))]);
  }
}

}  // namespace lodestein
