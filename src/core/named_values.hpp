#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace lodestein {

/// The written names of an enum's values, in one place for files and the command line.
template <class Enum, std::size_t N>
using NamedValues = std::array<std::pair<std::string_view, Enum>, N>;

template <class Enum, std::size_t N>
std::string name_of(const NamedValues<Enum, N>& names, Enum value) {
  const auto entry =
      std::find_if(names.begin(), names.end(), [&](const auto& e) { return e.second == value; });
  return entry == names.end() ? "unknown" : std::string(entry->first);
}

}  // namespace lodestein
