// Arrays for benchmarks.
#pragma once

#include <vector>

#include "kernels/memory.hpp"
#include "lodestein/core/random.hpp"

namespace lodestein::bench {

/// Standard normal values, the same for the same `step`.
template <class T>
std::vector<T> normal_values(std::size_t size, std::uint64_t step, double scale = 1.0) {
  Draws draws = RandomStream(Seed{1}, Purpose::test).at(step);
  std::vector<T> values(size);
  for (T& value : values) value = static_cast<T>(scale * draws.normal());
  return values;
}

template <class T>
kernels::Buffer<T> normal_buffer(const kernels::Memory& memory, std::size_t size,
                                 std::uint64_t step, double scale = 1.0) {
  return {memory, normal_values<T>(size, step, scale)};
}

/// The first `size` values, from the backend's memory.
template <class T>
std::vector<double> first_values(const kernels::Buffer<T>& buffer, std::size_t size) {
  const std::vector<T> values = buffer.download();
  return {values.begin(), values.begin() + static_cast<std::ptrdiff_t>(size)};
}

}  // namespace lodestein::bench
