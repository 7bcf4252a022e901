#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lodestein/core/random.hpp"

namespace lodestein::sweep {

/// FNV-1a of 64 bits, its bits mixed once more (SplitMix64's finaliser): the same everywhere and
/// forever, since keys of cells and seeds are made of it.
inline std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9u;
  hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebu;
  return hash ^ (hash >> 31);
}

/// A seed for one use of many.
inline Seed derived_seed(Seed seed, std::string_view use) {
  return {hash_of(std::to_string(seed.value) + "\n" + std::string(use))};
}

}  // namespace lodestein::sweep
