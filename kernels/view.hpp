#pragma once

#include <cstddef>
#include <type_traits>

namespace lodestein::kernels {

/// Look at a row-major matrix [rows, cols] in a backend's memory whose rows start `stride` values
/// apart. Passed to kernels by value; host code must not dereference it on a device backend.
template <class T>
struct View {
  T* data = nullptr;
  std::size_t rows = 0, cols = 0, stride = 0;

  View() = default;
  constexpr View(T* first, std::size_t r, std::size_t c, std::size_t s)
      : data(first), rows(r), cols(c), stride(s) {}
  constexpr View(T* first, std::size_t r, std::size_t c) : View(first, r, c, c) {}

  template <class U>
  requires std::is_same_v<const U, T>
  constexpr View(const View<U>& other) : View(other.data, other.rows, other.cols, other.stride) {}

  constexpr T* row(std::size_t i) const { return data + i * stride; }
  constexpr T& operator()(std::size_t i, std::size_t j) const { return data[i * stride + j]; }
  constexpr bool empty() const { return rows == 0 || cols == 0; }
};

}  // namespace lodestein::kernels
