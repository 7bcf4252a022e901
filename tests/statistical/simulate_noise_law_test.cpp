// False alarms: seeds are fixed. A share of n draws is binomial; 6 of its standard errors are
// exceeded with probability below 1e-8 at the sizes here, and there are some 200 checks.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "simulate/noise.hpp"
#include "tests/unit/simulate_support.hpp"

namespace lodestein {
namespace {

constexpr std::size_t draws = 200000;

/// Mass of the density between two points, by Simpson's rule on either side of the kinks at 0.
double mass(const NoiseLaw& law, double low, double high) {
  constexpr int steps = 2000;
  double sum = 0.0;
  const double h = (high - low) / steps;
  for (int k = 0; k < steps; ++k) {
    const double a = low + k * h;
    const auto p = [&](double x) { return std::exp(noise_log_density(law, x)); };
    sum += h / 6.0 * (p(a + 1e-12) + 4.0 * p(a + 0.5 * h) + p(a + h - 1e-12));
  }
  return sum;
}

TEST(NoiseLaw, DrawsFallWhereTheDensitySays) {
  const std::vector<double> edges{-6,  -3, -2,  -std::sqrt(3.0), -1.5, -1, -0.5, 0,
                                  0.5, 1,  1.5, std::sqrt(3.0),  2,    3,  6};
  for (const NoiseLaw law :
       {NoiseLaw{NoiseFamily::gaussian}, NoiseLaw{NoiseFamily::laplace},
        NoiseLaw{NoiseFamily::student, 3.0}, NoiseLaw{NoiseFamily::student, 10.0},
        NoiseLaw{NoiseFamily::uniform}, NoiseLaw{NoiseFamily::exponential}}) {
    const RandomStream stream(Seed{1}, Purpose::test, static_cast<std::uint32_t>(law.family));
    std::vector<std::size_t> counts(edges.size() - 1, 0);
    for (std::size_t k = 0; k < draws; ++k) {
      Draws one = stream.at(k);
      const double value = draw_noise(law, one);
      for (std::size_t b = 0; b + 1 < edges.size(); ++b)
        counts[b] += value >= edges[b] && value < edges[b + 1];
    }
    for (std::size_t b = 0; b + 1 < edges.size(); ++b) {
      const double p = mass(law, edges[b], edges[b + 1]);
      const double error = std::sqrt((p * (1.0 - p) + 1e-6) / draws);
      EXPECT_NEAR(static_cast<double>(counts[b]) / draws, p, 6.0 * error)
          << "family " << static_cast<int>(law.family) << " from " << edges[b];
    }
  }
}

TEST(NoiseLaw, TheStatedShareOfSamplesIsIntervenedOn) {
  // The target's noise variance becomes 1e-6, so that a sample tells whether it was reached.
  const LatentModel model(Matrix(1, 1), {1.0});
  InterventionSpec spec = test::on({0});
  spec.variance_scale = 1e-6;
  spec.share = 0.3;
  const Matrix z = model.sample(draws, spec, RandomStream(Seed{2}, Purpose::test));
  std::size_t reached = 0, in_a_row = 0;
  bool before = false;
  for (std::size_t k = 0; k < draws; ++k) {
    const bool now = std::abs(z(k, 0)) < 6e-3;
    reached += now;
    in_a_row += now && before;
    before = now;
  }
  const double stray = std::erf(6e-3 / std::sqrt(2.0));  // observational samples as near to 0
  const double share = 0.3 + 0.7 * stray;
  const auto check = [](std::size_t count, double p) {
    EXPECT_NEAR(static_cast<double>(count) / draws, p, 6.0 * std::sqrt(p * (1.0 - p) / draws));
  };
  check(reached, share);
  check(in_a_row, share * share);  // samples are independent of each other
}

}  // namespace
}  // namespace lodestein
