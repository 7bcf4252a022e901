#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lodestein/core/error.hpp"

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

/// All names, for messages and checks.
template <class Enum, std::size_t N>
std::vector<std::string> words_of(const NamedValues<Enum, N>& names) {
  std::vector<std::string> words;
  for (const auto& entry : names) words.emplace_back(entry.first);
  return words;
}

/// @throws InvalidArgument for a name that is none of them.
template <class Enum, std::size_t N>
Enum value_named(const NamedValues<Enum, N>& names, std::string_view name) {
  for (const auto& [known, value] : names)
    if (known == name) return value;
  throw InvalidArgument("'" + std::string(name) + "' is not known");
}

}  // namespace lodestein
