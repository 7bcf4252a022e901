#pragma once

#include <array>
#include <cstdint>

namespace lodestein {

/// The one number that, with the options, determines every random draw.
struct Seed {
  std::uint64_t value = 0;
  friend bool operator==(Seed, Seed) = default;
};

/// What draws are for; streams of different purposes are independent.
enum class Purpose : std::uint32_t {
  graph = 1,
  mechanism = 2,
  noise_variance = 3,
  mixing = 4,
  latent_noise = 5,
  observation_noise = 6,
  intervention_targets = 7,
  bootstrap = 8,
  null_split = 9,
  wishart = 10,
  parallel_analysis = 11,
  restart = 12,
  stein_test = 13,
  kernel_split = 14,
  kernel_centres = 15,
  kernel_subspace = 16,
  kernel_features = 17,
  held_out_rows = 20,
  classifier = 21,
  classifier_rows = 22,
  cross_fit = 23,
  ratio_features = 24,
  contrastive = 25,
  mechanism_features = 26,
  contrastive_rows = 27,
  score_network = 30,
  score_network_draws = 31,
  score_network_rows = 32,
  feature_score = 33,
  disentangling = 40,
  disentangling_rows = 41,
  test = 255,
};

/// Sequence of draws that belongs to one sample of a RandomStream. Satisfies
/// std::uniform_random_bit_generator.
class Draws {
 public:
  using result_type = std::uint32_t;
  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return 0xffffffffu; }

  result_type operator()();
  /// Uniform on the open interval (0, 1), 53 bits.
  double uniform();
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  /// Standard normal by Box-Muller.
  double normal();
  /// Unbiased integer in [0, bound).
  std::uint32_t below(std::uint32_t bound);

 private:
  friend class RandomStream;
  Draws(std::array<std::uint32_t, 2> key, std::array<std::uint32_t, 4> counter)
      : key_(key), counter_(counter) {}

  std::array<std::uint32_t, 2> key_;
  std::array<std::uint32_t, 4> counter_;
  std::array<std::uint32_t, 4> block_{};
  unsigned used_ = 4;
  double spare_ = 0.0;
  bool has_spare_ = false;
};

/// Counter-based stream (Philox4x32-10) keyed by (seed, purpose, environment) and counted by
/// (step, sample), so that a draw doesn't depend on thread count or the order of work.
/// Source: Salmon et al. 2011, Random123.
class RandomStream {
 public:
  RandomStream(Seed seed, Purpose purpose, std::uint32_t environment = 0, std::uint32_t step = 0);
  /// The draws of one sample; at(k) never overlaps at(l).
  Draws at(std::uint64_t sample) const;
  std::array<std::uint32_t, 2> key() const { return key_; }
  std::uint32_t step() const { return step_; }

 private:
  std::array<std::uint32_t, 2> key_;
  std::uint32_t step_;
};

}  // namespace lodestein
