// The backends that every operation test runs on.
#pragma once

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "kernels/operations.hpp"
#include "lodestein/core/backend.hpp"
#include "lodestein/core/error.hpp"

namespace lodestein::test {

struct BackendChoice {
  std::string name;     ///< of the test
  std::string backend;  ///< that must be the one which ran
  int threads;
  std::function<Backend()> open;
  std::function<Backend()> plain;  ///< the same with one thread and, on simt, in plain order
  std::int64_t target = 0;         ///< that Highway must take; 0: the best
};

inline void PrintTo(const BackendChoice& choice, std::ostream* out) { *out << choice.name; }

inline std::vector<BackendChoice> every_backend() {
  using Order = SimtOptions::Order;
  std::vector<BackendChoice> choices;
  choices.push_back({"reference", "reference", 1, Backend::reference, Backend::reference});
  const auto cpu = [&](const std::string& name, int threads, std::int64_t target) {
    choices.push_back({name, "cpu", threads, [threads] { return Backend::cpu(threads); },
                       [] { return Backend::cpu(1); }, target});
  };
  cpu("cpu_1", 1, 0);
  cpu("cpu_2", 2, 0);
  cpu("cpu_7", 7, 0);
  cpu("cpu_avx2", 2, HWY_AVX2);
  cpu("cpu_sse4", 1, HWY_SSE4);
  cpu("cpu_baseline", 1, HWY_STATIC_TARGET);  // of any processor that this build runs on
  const auto simt = [&](const std::string& name, SimtOptions options) {
    SimtOptions plain;
    plain.shared_bytes = options.shared_bytes;
    choices.push_back({name, "simt", options.threads, [options] { return Backend::simt(options); },
                       [plain] { return Backend::simt(plain); }});
  };
  simt("simt_sequential", {Order::sequential, 1, 1});
  simt("simt_reversed", {Order::reversed, 1, 1, 99 * 1024});  // as a consumer GPU has
  simt("simt_random", {Order::random, 7, 1});
  simt("simt_random_2", {Order::random, 8, 2});
  const auto cuda = [] { return Backend::cuda(); };
  choices.push_back({"cuda", "cuda", 1, cuda, cuda});
  return choices;
}

inline std::string backend_choice_name(const ::testing::TestParamInfo<BackendChoice>& info) {
  return info.param.name;
}

/// A test on one backend. Skips where the build or the processor lacks it; without a GPU it skips,
/// or fails if LODESTEIN_REQUIRE_GPU=1.
class OnEveryBackend : public ::testing::TestWithParam<BackendChoice> {
 protected:
  void SetUp() override {
    const std::int64_t target = GetParam().target;
    if ((hwy::SupportedTargets() & target) != target)
      GTEST_SKIP() << "this processor lacks the instructions";
    choose_target(target);
    try {
      backend_.emplace_back(GetParam().open());
    } catch (const NotCompiled& error) {
      skip(error.what());
    } catch (const DeviceError& error) {
      if (GetParam().backend != "cuda") throw;
      skip(error.what());
    }
  }
  void TearDown() override { choose_target(0); }
  const Backend& backend() const { return backend_.front(); }
  const kernels::Operations& operations() const { return backend().operations(); }
  const kernels::Memory& memory() const { return operations().memory(); }
  /// The same backend with one thread and, on simt, blocks and threads in plain order: its results
  /// must have the same bits.
  Backend plain() const { return GetParam().plain(); }
  /// The executor runs some 10^7 steps a second: take smaller sizes there.
  bool slow() const { return GetParam().backend == "simt"; }

 private:
  static void choose_target(std::int64_t target) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().DeInit();
  }
  static void skip(const char* reason) {
    const char* require = std::getenv("LODESTEIN_REQUIRE_GPU");
    const bool required = require != nullptr && std::string(require) == "1";
    if (GetParam().backend == "cuda" && required) FAIL() << reason;
    GTEST_SKIP() << reason;
  }

  std::vector<Backend> backend_;  // empty or one
};

#define LODESTEIN_ON_EVERY_BACKEND(suite)                                                   \
  INSTANTIATE_TEST_SUITE_P(EveryBackend, suite, ::testing::ValuesIn(test::every_backend()), \
                           test::backend_choice_name)

}  // namespace lodestein::test
