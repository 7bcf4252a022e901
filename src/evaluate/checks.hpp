#pragma once

#include <cmath>
#include <string>

#include "lodestein/core/error.hpp"
#include "lodestein/core/matrix.hpp"

namespace lodestein {

inline std::string shape(ConstMatrixView m) {
  return "[" + std::to_string(m.rows()) + ", " + std::to_string(m.cols()) + "]";
}

/// @throws InvalidArgument at the first NaN or infinity; `what` names the matrix.
inline void require_finite(ConstMatrixView m, const std::string& what) {
  for (std::size_t i = 0; i < m.rows(); ++i) {
    for (std::size_t j = 0; j < m.cols(); ++j) {
      if (!std::isfinite(m(i, j))) {
        throw InvalidArgument(what + ": row " + std::to_string(i) + ", column " +
                              std::to_string(j) + " is not finite; pass finite numbers only");
      }
    }
  }
}

}  // namespace lodestein
