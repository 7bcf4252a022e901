// Adam's steps on every backend against the formula.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/backend/network_support.hpp"

namespace lodestein {
namespace {

using kernels::Buffer;
using test::random_rows;

class AdamOf : public test::OnEveryBackend {};

TEST_P(AdamOf, AdamAgreesWithTheFormula) {
  for (const std::size_t size : {1u, 13u, 31u, 33u, 597u, 40000u}) {
    if (slow() && size > 1000) continue;
    std::vector<float> p = random_rows(1, size, 0, 1), m(size, 0.0f), v(size, 0.0f);
    std::vector<double> tp(p.begin(), p.end()), tm(size, 0.0), tv(size, 0.0);
    const Buffer<float> parameters(memory(), p), first(memory(), m), second(memory(), v);
    const double rate = 0.01, b1 = 0.5f, b2 = 0.999f, epsilon = 1e-8, decay = 0.03;
    for (std::uint64_t step = 1; step <= 3; ++step) {
      const std::vector<float> g = random_rows(1, size, 0, step + 7);
      const Buffer<float> gradient(memory(), g);
      const kernels::AdamStep problem{{0.01f, 0.5f, 0.999f, 1e-8f, 0.03f},
                                      step,
                                      size,
                                      gradient.data(),
                                      parameters.data(),
                                      first.data(),
                                      second.data()};
      operations().network().adam({&problem, 1});
      for (std::size_t i = 0; i < size; ++i) {
        const double total = g[i] + decay * tp[i];
        tm[i] = b1 * tm[i] + (1.0 - b1) * total;
        tv[i] = b2 * tv[i] + (1.0 - b2) * total * total;
        const double t = static_cast<double>(step);
        tp[i] -= rate * tm[i] / (1.0 - std::pow(b1, t)) /
                 (std::sqrt(tv[i] / (1.0 - std::pow(b2, t))) + epsilon);
      }
    }
    p = parameters.download();
    for (std::size_t i = 0; i < size; ++i) ASSERT_NEAR(p[i], tp[i], 1e-6 * (1 + std::abs(tp[i])));
  }
}

// A launch's grid ends at 65 535 in y.
TEST_P(AdamOf, MoreProblemsThanAGridHasRows) {
  if (slow() && GetParam().name != "simt_sequential") GTEST_SKIP() << "too slow";
  const std::size_t count = 65537;
  const Buffer<float> gradient(memory(), std::vector<float>(count, 1.0f));
  const Buffer<float> parameters(memory(), std::vector<float>(count, 0.0f));
  const Buffer<float> first(memory(), std::vector<float>(count, 0.0f));
  const Buffer<float> second(memory(), std::vector<float>(count, 0.0f));
  std::vector<kernels::AdamStep> problems;
  for (std::size_t i = 0; i < count; ++i) {
    problems.push_back({{},
                        1,
                        1,
                        gradient.data() + i,
                        parameters.data() + i,
                        first.data() + i,
                        second.data() + i});
  }
  operations().network().adam(problems);
  for (const float value : parameters.download()) ASSERT_NEAR(value, -1e-3f, 1e-8f);
}

LODESTEIN_ON_EVERY_BACKEND(AdamOf);

}  // namespace
}  // namespace lodestein
