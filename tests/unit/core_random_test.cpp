// False alarms: seeds are fixed, so a test here passes always or never. If a seed or the order of
// draws changed, a bound of 6 standard errors on a mean of 200 000 terms would fail with chance
// 2e-9, and a chi-square bound at q + 6 sqrt(2 q) + 24 (q degrees of freedom) with less than 1e-6.
// Some 60 such checks: one false alarm in ten thousand changes.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <random>
#include <set>
#include <vector>

#include "lodestein/core/random.hpp"

namespace lodestein {
namespace {

static_assert(std::uniform_random_bit_generator<Draws>);

using Words = std::vector<std::uint32_t>;
using Block = std::array<std::uint32_t, 4>;

// Philox4x32-10 from the formulas of Salmon et al. 2011.
Block philox(Block x, std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = 0xD2511F53ull * x[0], b = 0xCD9E8D57ull * x[2];
    x = {static_cast<std::uint32_t>(b >> 32) ^ x[1] ^ key[0], static_cast<std::uint32_t>(b),
         static_cast<std::uint32_t>(a >> 32) ^ x[3] ^ key[1], static_cast<std::uint32_t>(a)};
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return x;
}

Words words(Draws draws, std::size_t count) {
  Words result;
  for (std::size_t i = 0; i < count; ++i) result.push_back(draws());
  return result;
}

Draws draws_of(std::uint64_t number) { return RandomStream(Seed{17}, Purpose::test).at(number); }

TEST(CoreRandom, PhiloxOfThisTestGivesThePublishedAnswers) {
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr std::uint32_t ones = 0xffffffff;
  EXPECT_EQ(philox({ones, ones, ones, ones}, {ones, ones}),
            (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

// Stored studies and results depend on this construction: changing it changes every draw.
TEST(CoreRandom, StreamIsPhiloxKeyedAndCountedAsDocumented) {
  const std::uint64_t seed = 0x0123456789abcdefull, sample = 0xfedcba9876543210ull;
  const std::uint32_t environment = 5, step = 9;
  const Block key =
      philox({static_cast<std::uint32_t>(Purpose::mixing), environment, 0x6c6f6465u, 0},
             {0x89abcdefu, 0x01234567u});
  Words expected;
  for (std::uint32_t block = 0; block < 3; ++block) {
    const Block words = philox({block, 0x76543210u, 0xfedcba98u, step}, {key[0], key[1]});
    expected.insert(expected.end(), words.begin(), words.end());
  }
  EXPECT_EQ(words(RandomStream(Seed{seed}, Purpose::mixing, environment, step).at(sample), 12),
            expected);
}

TEST(CoreRandom, SameKeySameDraws) {
  const RandomStream a(Seed{1}, Purpose::graph, 2, 3), b(Seed{1}, Purpose::graph, 2, 3);
  EXPECT_EQ(words(a.at(7), 100), words(b.at(7), 100));
  Draws first = a.at(1);
  first();
  EXPECT_EQ(words(a.at(1), 10), words(b.at(1), 10));  // taking draws does not move the stream
}

TEST(CoreRandom, EveryPartOfTheKeyGivesOtherDraws) {
  std::set<Words> seen;
  std::size_t streams = 0;
  const auto add = [&](Seed seed, Purpose purpose, std::uint32_t environment, std::uint32_t step,
                       std::uint64_t sample) {
    seen.insert(words(RandomStream(seed, purpose, environment, step).at(sample), 4));
    ++streams;
  };
  for (const std::uint64_t seed : {0ull, 1ull, 1ull << 32}) {
    for (const Purpose purpose : {Purpose::graph, Purpose::mechanism, Purpose::test}) {
      for (const std::uint32_t environment : {0u, 1u, 77u}) {
        for (const std::uint32_t step : {0u, 1u}) {
          for (const std::uint64_t sample : {0ull, 1ull, 1ull << 32, ~0ull})
            add(Seed{seed}, purpose, environment, step, sample);
        }
      }
    }
  }
  EXPECT_EQ(seen.size(), streams);
}

// 20 000 pairs of words, 64 bits each: chance would make two of them agree with probability 1e-11.
TEST(CoreRandom, NeighbouringSamplesDoNotOverlap) {
  const RandomStream stream(Seed{4}, Purpose::test);
  std::set<std::uint64_t> seen;
  for (std::uint64_t sample = 0; sample < 1000; ++sample) {
    Draws draws = stream.at(sample);
    for (int k = 0; k < 20; ++k) {
      const std::uint64_t high = draws();
      seen.insert(high << 32 | draws());
    }
  }
  EXPECT_EQ(seen.size(), 20000u);
}

TEST(CoreRandom, UniformIsOpenAndUniform) {
  Draws draws = draws_of(1);
  constexpr int count = 200000, bins = 50;
  std::array<double, bins> histogram{};
  double mean = 0.0;
  for (int k = 0; k < count; ++k) {
    const double u = draws.uniform();
    ASSERT_GT(u, 0.0);
    ASSERT_LT(u, 1.0);
    mean += u / count;
    histogram[static_cast<std::size_t>(u * bins)] += 1.0;
  }
  EXPECT_NEAR(mean, 0.5, 6.0 * std::sqrt(1.0 / 12.0 / count));
  double chi_square = 0.0;
  for (const double observed : histogram) {
    chi_square += (observed - count / bins) * (observed - count / bins) / (count / bins);
  }
  EXPECT_LT(chi_square, 49 + 6 * std::sqrt(2.0 * 49) + 24);
}

TEST(CoreRandom, UniformBetweenLimits) {
  Draws draws = draws_of(2), same = draws_of(2);
  for (int k = 0; k < 1000; ++k) {
    const double x = draws.uniform(-3.0, 5.0);
    ASSERT_GT(x, -3.0);
    ASSERT_LT(x, 5.0);
    ASSERT_DOUBLE_EQ(x, -3.0 + 8.0 * same.uniform());
  }
}

// Moments 1 to 4 of N(0, 1) are 0, 1, 0, 3; the variances of z, z^2, z^3, z^4 are 1, 2, 15, 96.
TEST(CoreRandom, NormalHasTheMomentsAndTailsOfANormal) {
  constexpr int count = 200000;
  Draws draws = draws_of(3);
  std::array<double, 4> moments{};
  double neighbours = 0.0, last = 0.0;
  std::array<double, 3> beyond{};
  for (int k = 0; k < count; ++k) {
    const double z = draws.normal();
    double power = 1.0;
    for (double& moment : moments) moment += (power *= z) / count;
    neighbours += z * last / count;
    last = z;
    for (int limit = 1; limit <= 3; ++limit)
      beyond[static_cast<std::size_t>(limit - 1)] += (std::abs(z) > limit) / double(count);
  }
  const std::array<double, 4> expected{0, 1, 0, 3}, variance{1, 2, 15, 96};
  for (std::size_t p = 0; p < 4; ++p) {
    EXPECT_NEAR(moments[p], expected[p], 6.0 * std::sqrt(variance[p] / count)) << "power " << p + 1;
  }
  EXPECT_NEAR(neighbours, 0.0, 6.0 / std::sqrt(double(count)));
  for (int limit = 1; limit <= 3; ++limit) {
    const double p = std::erfc(limit / std::sqrt(2.0));
    EXPECT_NEAR(beyond[static_cast<std::size_t>(limit - 1)], p, 6.0 * std::sqrt(p / count))
        << "beyond " << limit;
  }
}

TEST(CoreRandom, BelowIsUnbiased) {
  for (const std::uint32_t bound : {1u, 2u, 3u, 10u, 17u}) {
    Draws draws = draws_of(100 + bound);
    constexpr double count = 100000;
    std::vector<double> histogram(bound, 0.0);
    for (int k = 0; k < static_cast<int>(count); ++k) {
      const std::uint32_t value = draws.below(bound);
      ASSERT_LT(value, bound);
      histogram[value] += 1.0;
    }
    double chi_square = 0.0;
    for (const double observed : histogram) {
      chi_square += (observed - count / bound) * (observed - count / bound) / (count / bound);
    }
    const double dof = bound - 1.0;
    EXPECT_LE(chi_square, dof + 6 * std::sqrt(2.0 * dof) + 24) << bound;
  }
}

// Without rejection the remainder would hit the lowest third of 3 * 2^30, and the multiplication
// every third value, with chance 1/2.
TEST(CoreRandom, BelowIsUnbiasedForBoundsThatNeedRejection) {
  constexpr std::uint32_t bound = 3u << 30;
  constexpr int count = 100000;
  Draws draws = draws_of(4);
  double third = 0.0, every_third = 0.0;
  for (int k = 0; k < count; ++k) {
    const std::uint32_t value = draws.below(bound);
    third += (value < bound / 3) / double(count);
    every_third += (value % 3 == 0) / double(count);
  }
  EXPECT_NEAR(third, 1.0 / 3, 6.0 * std::sqrt(2.0 / 9 / count));
  EXPECT_NEAR(every_third, 1.0 / 3, 6.0 * std::sqrt(2.0 / 9 / count));
}

TEST(CoreRandom, WorksWithStandardAlgorithms) {
  Draws draws = draws_of(5);
  std::vector<int> values{0, 1, 2, 3, 4, 5, 6, 7};
  std::shuffle(values.begin(), values.end(), draws);
  EXPECT_EQ(std::set<int>(values.begin(), values.end()).size(), 8u);
  EXPECT_EQ(Draws::min(), 0u);
  EXPECT_EQ(Draws::max(), 0xffffffffu);
}

}  // namespace
}  // namespace lodestein
