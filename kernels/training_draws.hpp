// The random draws of a training, constexpr so that device code makes the same ones.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "kernels/either.hpp"
#include "kernels/philox.hpp"
#include "kernels/training.hpp"

namespace lodestein::kernels {

constexpr std::uint32_t held_out_step = 0xffffffffu;  ///< in whose place held-out slices are drawn

/// Random permutation of 0 .. n - 1 without a table: a Feistel network on the smallest 2^bits >= n,
/// walked until it falls below n. Fewer than 8 bits would not mix.
class RowPermutation {
 public:
  constexpr RowPermutation(PhiloxKey key, std::uint64_t epoch, std::uint64_t rows) : rows_(rows) {
    std::uint32_t bits = 8;
    while ((std::uint64_t{1} << bits) < rows) ++bits;
    low_bits_ = bits / 2;
    high_bits_ = bits - low_bits_;
    constexpr std::uint32_t order_domain = 1;  // high word of `sample`; slices have 0
    round_keys_ = philox({{0, static_cast<std::uint32_t>(epoch), order_domain,
                           static_cast<std::uint32_t>(epoch >> 32)}},
                         key);
  }

  constexpr std::uint64_t operator()(std::uint64_t position) const {
    do {
      position = scramble(position);
    } while (position >= rows_);
    return position;
  }

 private:
  constexpr std::uint64_t scramble(std::uint64_t value) const {
    std::uint64_t low_size = low_bits_, high_size = high_bits_;
    for (const std::uint32_t key : round_keys_.word) {  // (high, low) -> (low, high ^ F(low))
      const std::uint64_t low = value & ((std::uint64_t{1} << low_size) - 1);
      const std::uint64_t high = value >> low_size;
      std::uint64_t mixed = (low + key) * 0x9e3779b97f4a7c15u;
      mixed ^= mixed >> 32;
      mixed = (mixed * 0xbf58476d1ce4e5b9u) >> 32;
      value = (low << high_size) | (high ^ (mixed & ((std::uint64_t{1} << high_size) - 1)));
      const std::uint64_t size = low_size;
      low_size = high_size;
      high_size = size;
    }
    return value;
  }

  std::uint64_t rows_;
  std::uint32_t low_bits_ = 0, high_bits_ = 0;
  PhiloxBlock round_keys_{};
};

/// Row of the training samples in place `slot` of the minibatch of `step`.
class MinibatchRows {
 public:
  constexpr MinibatchRows(PhiloxKey key, std::uint64_t step, std::uint64_t batch,
                          std::uint64_t rows)
      : rows_(rows),
        start_(step * batch % rows),
        this_epoch_(key, step * batch / rows, rows),
        next_epoch_(key, step * batch / rows + 1, rows) {}
  constexpr std::uint64_t operator()(std::uint64_t slot) const {  // slot < batch <= rows
    const std::uint64_t position = start_ + slot;
    return position < rows_ ? this_epoch_(position) : next_epoch_(position - rows_);
  }

 private:
  std::uint64_t rows_, start_;
  RowPermutation this_epoch_, next_epoch_;
};

/// Slices are drawn in groups that share a Philox block: this many entries each. Not for `axes`.
constexpr std::uint32_t slice_group(SliceLaw law) { return law == SliceLaw::rademacher ? 128 : 4; }

/// Group g of the entries of slice `slice` of one sample: entries g * slice_group(law) and on.
constexpr PhiloxBlock slice_block(PhiloxKey key, std::uint32_t step, std::uint64_t sample,
                                  std::uint32_t slice, std::uint32_t groups, std::uint32_t g) {
  return philox({{slice * groups + g, static_cast<std::uint32_t>(sample), 0, step}}, key);
}

constexpr float rademacher(const PhiloxBlock& block, std::uint32_t entry) {
  return (block.word[entry / 32] >> (entry % 32) & 1u) != 0 ? 1.0f : -1.0f;
}

/// Box-Muller on pairs of words, 24 bits each.
LODESTEIN_EITHER inline float gaussian(const PhiloxBlock& block, std::uint32_t entry) {
  const std::uint32_t pair = entry / 2 * 2;
  const float first = (static_cast<float>(block.word[pair] >> 8) + 0.5f) * 0x1p-24f;
  const float angle = 6.28318531f * 0x1p-24f * static_cast<float>(block.word[pair + 1] >> 8);
  const float radius = sqrtf(-2.0f * logf(first));
  return radius * (entry % 2 == 0 ? cosf(angle) : sinf(angle));
}

/// What the rate is multiplied by in a step, counted over all calls.
LODESTEIN_EITHER inline float rate_factor(const TrainingProblem& p, std::size_t step) {
  if (!p.cosine) return 1.0f;
  const std::size_t total = p.total_steps == 0 ? p.first_step + p.steps : p.total_steps;
  return 0.5f + 0.5f * cosf(3.14159265f * static_cast<float>(step) / static_cast<float>(total));
}

}  // namespace lodestein::kernels
