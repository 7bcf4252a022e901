#pragma once

#include <string>

#include "lodestein/sweep/store.hpp"

namespace lodestein::tool {

/// A sweep as one self-contained HTML page; `source` is where it was read. Nothing in it needs a
/// script: a check box and the style sheet hide a method.
std::string sweep_html(const SweepTable& table, const std::string& source);

}  // namespace lodestein::tool
