#pragma once

#include <string>

#include "lodestein/core/error.hpp"
#include "lodestein/core/matrix.hpp"

namespace lodestein {

/// @throws DimensionMismatch naming `what` if x hasn't `columns` columns.
inline void check_columns(const std::string& what, ConstMatrixView x, std::size_t columns) {
  if (x.cols() == columns) return;
  throw DimensionMismatch(what + ": the points have " + std::to_string(x.cols()) +
                          " columns, the estimate has " + std::to_string(columns) + " variables");
}

/// @throws InvalidArgument naming `what` if m is not below `environments`.
inline void check_environment(const std::string& what, std::size_t m, std::size_t environments) {
  if (m < environments) return;
  throw InvalidArgument(what + ": there is no interventional environment " + std::to_string(m) +
                        ", only 0 to " + std::to_string(environments - 1));
}

}  // namespace lodestein
