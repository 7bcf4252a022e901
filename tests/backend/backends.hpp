// The backends that every operation test runs on.
#pragma once

#include <gtest/gtest.h>

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
};

inline void PrintTo(const BackendChoice& choice, std::ostream* out) { *out << choice.name; }

inline std::vector<BackendChoice> every_backend() {
  using Order = SimtOptions::Order;
  std::vector<BackendChoice> choices;
  choices.push_back({"reference", "reference", 1, [] { return Backend::reference(); }});
  for (const int threads : {1, 2, 7}) {
    choices.push_back({"cpu_" + std::to_string(threads), "cpu", threads,
                       [threads] { return Backend::cpu(threads); }});
  }
  const auto simt = [&](const std::string& name, SimtOptions options) {
    choices.push_back(
        {name, "simt", options.threads, [options] { return Backend::simt(options); }});
  };
  simt("simt_sequential", {Order::sequential, 1, 1});
  simt("simt_reversed", {Order::reversed, 1, 1, 99 * 1024});  // as a consumer GPU has
  simt("simt_random", {Order::random, 7, 1});
  simt("simt_random_2", {Order::random, 8, 2});
  choices.push_back({"cuda", "cuda", 1, [] { return Backend::cuda(); }});
  return choices;
}

/// The same backend with one thread.
inline Backend one_thread(const Backend& backend) {
  return backend.threads() == 1 ? backend : Backend::named(backend.name(), 1);
}

inline std::string backend_choice_name(const ::testing::TestParamInfo<BackendChoice>& info) {
  return info.param.name;
}

/// A test on one backend. Skips where the build or the machine lacks it; without a GPU it fails if
/// LODESTEIN_REQUIRE_GPU=1.
class OnEveryBackend : public ::testing::TestWithParam<BackendChoice> {
 protected:
  void SetUp() override {
    try {
      backend_.emplace_back(GetParam().open());
    } catch (const Error& error) {
      const char* require = std::getenv("LODESTEIN_REQUIRE_GPU");
      const bool required = require != nullptr && std::string(require) == "1";
      if (GetParam().backend == "cuda" && required) FAIL() << error.what();
      if (GetParam().backend != "cuda" && GetParam().backend != "simt") throw;
      GTEST_SKIP() << error.what();
    }
  }
  const Backend& backend() const { return backend_.front(); }
  const kernels::Operations& operations() const { return backend().operations(); }
  const kernels::Memory& memory() const { return operations().memory(); }
  /// The executor runs some 10^7 steps a second: take smaller sizes there.
  bool slow() const { return GetParam().backend == "simt"; }

 private:
  std::vector<Backend> backend_;  // empty or one
};

#define LODESTEIN_ON_EVERY_BACKEND(suite)                                                   \
  INSTANTIATE_TEST_SUITE_P(EveryBackend, suite, ::testing::ValuesIn(test::every_backend()), \
                           test::backend_choice_name)

}  // namespace lodestein::test
