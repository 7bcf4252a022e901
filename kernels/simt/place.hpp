#pragma once

namespace lodestein::kernels::simt {

/// A line of source; as a default argument `Place::current()` is the caller's. (clang 14 lacks
/// std::source_location.)
struct Place {
  const char* file = "";
  int line = 0;
  const char* function = "";

  static constexpr Place current(const char* file = __builtin_FILE(), int line = __builtin_LINE(),
                                 const char* function = __builtin_FUNCTION()) {
    return {file, line, function};
  }
};

}  // namespace lodestein::kernels::simt
