#pragma once

#include <cstddef>
#include <new>
#include <stdexcept>
#include <string>

#include "kernels/view.hpp"
#include "lodestein/core/error.hpp"

namespace lodestein::kernels {

/// The arguments of one problem of an operation; every failure names operation, problem and
/// argument.
class Arguments {
 public:
  Arguments(const char* operation, std::size_t problem)
      : where_(std::string(operation) + ", problem " + std::to_string(problem) + ": ") {}

  /// @throws DimensionMismatch unless the view is [rows, cols]; as array().
  template <class T>
  void shape(const char* name, const View<T>& view, std::size_t rows, std::size_t cols) const {
    if (view.rows != rows || view.cols != cols)
      mismatch(std::string(name) + " is " + size(view.rows, view.cols) + ", must be " +
               size(rows, cols));
    array(name, view);
  }
  /// @throws DimensionMismatch if rows overlap, InvalidArgument if the data are null.
  template <class T>
  void array(const char* name, const View<T>& view) const {
    if (view.empty()) return;
    if (view.rows > 1 && view.stride < view.cols)
      mismatch(std::string(name) + " has " + std::to_string(view.cols) + " columns in rows " +
               std::to_string(view.stride) + " apart");
    present(name, view.data);
  }
  /// @throws InvalidArgument if the data are null.
  void present(const char* name, const void* data) const {
    require(data != nullptr, std::string(name) + " is null");
  }
  /// @throws InvalidArgument saying `otherwise` unless it is so.
  void require(bool so, const std::string& otherwise) const {
    if (!so) throw InvalidArgument(where_ + otherwise);
  }
  [[noreturn]] void mismatch(const std::string& what) const {
    throw DimensionMismatch(where_ + what);
  }
  const std::string& where() const { return where_; }

  static std::string size(std::size_t rows, std::size_t cols) {
    return std::to_string(rows) + " x " + std::to_string(cols);
  }

 private:
  std::string where_;
};

/// run(), with a lack of host memory turned into OutOfMemory.
template <class Run>
void with_memory(const char* operation, const Run& run) {
  const auto too_large = [&] {
    return OutOfMemory(std::string(operation) +
                       ": not enough memory; give it fewer samples or features at a time");
  };
  try {
    run();
  } catch (const std::bad_alloc&) {
    throw too_large();
  } catch (const std::length_error&) {
    throw too_large();
  }
}

}  // namespace lodestein::kernels
