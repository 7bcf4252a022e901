#include "lodestein/core/random.hpp"

#include <Random123/philox.h>

#include <cmath>
#include <numbers>

namespace lodestein {
namespace {

std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter,
                                    std::array<std::uint32_t, 2> key) {
  const r123::Philox4x32::ctr_type c = {{counter[0], counter[1], counter[2], counter[3]}};
  const r123::Philox4x32::key_type k = {{key[0], key[1]}};
  const auto block = r123::Philox4x32()(c, k);
  return {block[0], block[1], block[2], block[3]};
}

std::uint32_t low(std::uint64_t x) { return static_cast<std::uint32_t>(x); }
std::uint32_t high(std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); }

}  // namespace

// The stream's key is itself a Philox block of (purpose, environment) under the seed, so that all
// 128 bits of (seed, purpose, environment) enter the 64-bit key.
RandomStream::RandomStream(Seed seed, Purpose purpose, std::uint32_t environment,
                           std::uint32_t step)
    : step_(step) {
  const auto block = philox({static_cast<std::uint32_t>(purpose), environment, 0x6c6f6465u, 0},
                            {low(seed.value), high(seed.value)});
  key_ = {block[0], block[1]};
}

Draws RandomStream::at(std::uint64_t sample) const {
  return Draws(key_, {0, low(sample), high(sample), step_});
}

Draws::result_type Draws::operator()() {
  if (used_ == 4) {
    block_ = philox(counter_, key_);
    ++counter_[0];
    used_ = 0;
  }
  return block_[used_++];
}

double Draws::uniform() {
  const std::uint64_t a = (*this)() >> 5;  // 27 bits
  const std::uint64_t b = (*this)() >> 6;  // 26 bits
  return (static_cast<double>((a << 26) | b) + 0.5) * 0x1p-53;
}

double Draws::normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  const double radius = std::sqrt(-2.0 * std::log(uniform()));
  const double angle = 2.0 * std::numbers::pi * uniform();
  spare_ = radius * std::sin(angle);
  has_spare_ = true;
  return radius * std::cos(angle);
}

// Lemire's multiplication method with rejection.
std::uint32_t Draws::below(std::uint32_t bound) {
  if (bound == 0) return 0;
  const std::uint32_t threshold = (0u - bound) % bound;
  while (true) {
    const std::uint64_t product = static_cast<std::uint64_t>((*this)()) * bound;
    if (low(product) >= threshold) return high(product);
  }
}

}  // namespace lodestein
