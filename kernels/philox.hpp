#pragma once

#include <cstdint>

#include "lodestein/core/random.hpp"

namespace lodestein::kernels {

/// Four words: a counter or the random block that belongs to it.
struct PhiloxBlock {
  std::uint32_t word[4];
};
struct PhiloxKey {
  std::uint32_t word[2];
};

/// Philox4x32-10. Source: Salmon et al. 2011. constexpr, so that device code may call it.
constexpr PhiloxBlock philox(PhiloxBlock counter, PhiloxKey key) {
  constexpr std::uint64_t first = 0xd2511f53u, second = 0xcd9e8d57u;
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = first * counter.word[0], b = second * counter.word[2];
    counter = {{static_cast<std::uint32_t>(b >> 32) ^ counter.word[1] ^ key.word[0],
                static_cast<std::uint32_t>(b),
                static_cast<std::uint32_t>(a >> 32) ^ counter.word[3] ^ key.word[1],
                static_cast<std::uint32_t>(a)}};
    key.word[0] += 0x9e3779b9u;
    key.word[1] += 0xbb67ae85u;
  }
  return counter;
}

/// The draws of a RandomStream, with the same bits.
struct PhiloxStream {
  PhiloxKey key{};
  std::uint32_t step = 0;

  PhiloxStream() = default;
  constexpr PhiloxStream(Seed seed, Purpose purpose, std::uint32_t environment = 0,
                         std::uint32_t step_number = 0)
      : step(step_number) {
    const PhiloxBlock block = philox(
        {{static_cast<std::uint32_t>(purpose), environment, 0x6c6f6465u, 0}},
        {{static_cast<std::uint32_t>(seed.value), static_cast<std::uint32_t>(seed.value >> 32)}});
    key = {{block.word[0], block.word[1]}};
  }

  explicit PhiloxStream(const RandomStream& stream)
      : key{{stream.key()[0], stream.key()[1]}}, step(stream.step()) {}

  /// Block `index` of a sample's draws.
  constexpr PhiloxBlock at(std::uint64_t sample, std::uint32_t index) const {
    return philox({{index, static_cast<std::uint32_t>(sample),
                    static_cast<std::uint32_t>(sample >> 32), step}},
                  key);
  }
};

/// Uniform on the open interval (0, 1), as Draws::uniform makes it of two words.
constexpr double open_uniform(std::uint32_t first, std::uint32_t second) {
  const std::uint64_t bits = (static_cast<std::uint64_t>(first >> 5) << 26) | (second >> 6);
  return (static_cast<double>(bits) + 0.5) * 0x1p-53;
}

}  // namespace lodestein::kernels
