// Arrays for benchmarks.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/memory.hpp"

namespace lodestein::bench {

/// Independent values of mean 0 and variance `scale`^2, the same for the same `seed`. Uniform, from
/// splitmix64: drawing normal ones would take longer than what is timed.
template <class T>
std::vector<T> random_values(std::size_t size, std::uint64_t seed, double scale = 1.0) {
  std::vector<T> values(size);
  std::uint64_t state = seed << 40;
  for (T& value : values) {
    std::uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    const double unit = static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
    value = static_cast<T>(scale * std::sqrt(12.0) * (unit - 0.5));
  }
  return values;
}

template <class T>
kernels::Buffer<T> random_buffer(const kernels::Memory& memory, std::size_t size,
                                 std::uint64_t seed, double scale = 1.0) {
  return {memory, random_values<T>(size, seed, scale)};
}

/// The first `size` values, from the backend's memory.
template <class T>
std::vector<double> first_values(const kernels::Buffer<T>& buffer, std::size_t size) {
  const std::vector<T> values = buffer.download();
  return {values.begin(), values.begin() + static_cast<std::ptrdiff_t>(size)};
}

}  // namespace lodestein::bench
