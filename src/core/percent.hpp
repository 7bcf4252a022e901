#pragma once

#include <cstdio>
#include <string>

namespace lodestein {

/// "12.3%"
inline std::string percent(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f%%", 100.0 * share);
  return text;
}

}  // namespace lodestein
