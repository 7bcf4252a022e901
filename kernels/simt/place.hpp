#pragma once

namespace lodestein::kernels::simt {

/// A line of source; as a default argument `Place::current()` is the caller's. (clang 14 lacks
/// std::source_location.)
struct Place {
  const char* file = "";
  int line = 0;

  static constexpr Place current(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    return {file, line};
  }
};

}  // namespace lodestein::kernels::simt
