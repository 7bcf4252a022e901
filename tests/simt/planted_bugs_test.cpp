// The executor finds what it says it finds: planted mistakes, each caught by a named
// configuration (docs/design/0005-one-source-two-executors.md has the table).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "kernels/cuda/gpu.hpp"
#include "kernels/simt/sanitizers.hpp"
#include "lodestein/core/error.hpp"

namespace lodestein::kernels::simt {
namespace {

using ::testing::HasSubstr;
using Order = SimtOptions::Order;

constexpr int block_size = 64, features = 4;

enum Bug {
  none,
  no_barrier_after_load,        // another thread's row is read before it is there
  no_barrier_before_next_load,  // a row is overwritten while others read it
  reads_past_the_end,           // of a device array; the value is not used
  shared_index_too_large,
  return_before_barrier,
  half_a_warp_shuffles,
  barrier_in_a_branch,
  plain_addition_across_blocks,
};

// out[i] = sum_j weights[j] exp(-|x_i - y_j|^2), total += sum_i out[i].
template <int bug>
__global__ void weighted_sums(const float* x, const float* y, const float* weights, int n, int m,
                              float* out, float* total) {
  LODESTEIN_SHARED(float[block_size][features], tile);
  LODESTEIN_SHARED(float[block_size], tile_weights);
  LODESTEIN_SHARED(float[block_size / 32], warp_sums);
  const int t = static_cast<int>(threadIdx.x);
  const int i = static_cast<int>(blockIdx.x) * block_size + t;
  float own[features] = {};
  for (int k = 0; k < features; ++k) own[k] = i < n ? x[i * features + k] : 0.0f;
  float sum = 0.0f;
  for (int start = 0; start < m; start += block_size) {
    const int rows = min(block_size, m - start);
    const int loads = bug == reads_past_the_end ? min(block_size, m - start + 1) : rows;
    for (int l = t; l < loads * features; l += block_size)
      tile[l / features][l % features] = y[start * features + l];
    if (t < rows) tile_weights[t] = weights[start + t];
    if (bug != no_barrier_after_load) __syncthreads();
    for (int j = 0; j < rows; ++j) {
      float distance = 0.0f;
      for (int k = 0; k < features; ++k) distance += (own[k] - tile[j][k]) * (own[k] - tile[j][k]);
      sum += tile_weights[j] * __expf(-distance);
    }
    if (bug != no_barrier_before_next_load) __syncthreads();
  }
  if (bug == shared_index_too_large) {
    volatile int one_too_far = t + 1;
    tile_weights[one_too_far] = sum;
  }
  if (bug == return_before_barrier && i >= n) return;
  if (i < n) {
    out[i] = sum;
  } else {
    sum = 0.0f;
  }
  const int lane = t % 32, warp = t / 32;
  if (bug != half_a_warp_shuffles || lane < 16) {
    for (int distance = 16; distance > 0; distance /= 2)
      sum += __shfl_down_sync(0xffffffffu, sum, static_cast<unsigned>(distance));
  }
  if (lane == 0) warp_sums[warp] = sum;
  if (bug != barrier_in_a_branch || warp == 0) __syncthreads();
  if (t == 0) {
    float block_sum = 0.0f;
    for (int w = 0; w < block_size / 32; ++w) block_sum += warp_sums[w];
    if (bug == plain_addition_across_blocks) {
      *total += block_sum;
    } else {
      atomicAdd(total, block_sum);
    }
  }
}

// One thread writes, all read. Without the barrier, right by luck in the sequential order.
template <bool barrier>
__global__ void scale_by_sum(const float* x, int n, float* out) {
  LODESTEIN_DYNAMIC_SHARED(float, shared);
  if (threadIdx.x == 0) {
    float sum = 0.0f;
    for (int k = 0; k < n; ++k) sum += x[k];
    shared[0] = sum;
  }
  if (barrier) __syncthreads();
  const int i = static_cast<int>(threadIdx.x);
  if (i < n) out[i] = x[i] * shared[0];
}

struct Data {
  int n, m;
  std::vector<float> x, y, weights, out;
  float total = 0.0f;

  Data(int rows, int others) : n(rows), m(others) {
    for (int k = 0; k < n * features; ++k) x.push_back(0.01f * static_cast<float>(k * 37 % 101));
    for (int k = 0; k < m * features; ++k) y.push_back(0.01f * static_cast<float>(k * 53 % 97));
    for (int k = 0; k < m; ++k) weights.push_back(0.1f * static_cast<float>(k % 7 - 3));
  }

  void run(void (*kernel)(const float*, const float*, const float*, int, int, float*, float*),
           const SimtOptions& options) {
    const Device device(options);
    const Buffer<float> on_x(device, x), on_y(device, y), on_weights(device, weights);
    Buffer<float> on_out(device, static_cast<std::size_t>(n)), on_total(device, 1);
    on_total.clear();
    device.launch("weighted_sums", kernel, dim3(static_cast<unsigned>((n + 63) / 64)), block_size,
                  0, on_x.data(), on_y.data(), on_weights.data(), n, m, on_out.data(),
                  on_total.data());
    out = on_out.download();
    total = on_total.download().front();
  }

  // Largest error of out and total, infinite for a NaN.
  double error() const {
    double worst = 0.0, sum = 0.0;
    const auto note = [&](double difference) {
      worst = std::isnan(difference) ? INFINITY : std::max(worst, std::fabs(difference));
    };
    for (int i = 0; i < n; ++i) {
      double expected = 0.0;
      for (int j = 0; j < m; ++j) {
        double distance = 0.0;
        for (int k = 0; k < features; ++k) {
          const double u = static_cast<double>(x[static_cast<std::size_t>(i * features + k)]) -
                           static_cast<double>(y[static_cast<std::size_t>(j * features + k)]);
          distance += u * u;
        }
        expected += static_cast<double>(weights[static_cast<std::size_t>(j)]) * std::exp(-distance);
      }
      note(static_cast<double>(out[static_cast<std::size_t>(i)]) - expected);
      sum += expected;
    }
    note(static_cast<double>(total) - sum);
    return worst;
  }
};

template <int bug>
double error_of(const SimtOptions& options, int m = 150) {
  Data data(100, m);
  data.run(weighted_sums<bug>, options);
  return data.error();
}

// Sums of 150 terms below 0.3 in fp32, and of 100 such sums.
constexpr double rounding = 1e-3;
constexpr SimtOptions every_order[] = {{Order::sequential}, {Order::reversed}, {Order::random, 3}};

template <int bug>
std::string message_of() {
  try {
    error_of<bug>({});
  } catch (const DeviceError& error) {
    return error.what();
  }
  return "nothing thrown";
}

template <bool barrier>
std::vector<float> scaled(const SimtOptions& options) {
  const Device device(options);
  const std::vector<float> x(40, 0.5f);
  const Buffer<float> on_x(device, x);
  const Buffer<float> out(device, x.size());
  device.launch("scale_by_sum", scale_by_sum<barrier>, 1, 64, sizeof(float), on_x.data(), 40,
                out.data());
  return out.download();
}

__global__ void count_blocks_before(int* count) {
  count[blockIdx.x] = blockIdx.x == 0 ? 0 : count[blockIdx.x - 1] + 1;
}

int blocks_before(const SimtOptions& options) {
  const Device device(options);
  Buffer<int> count(device, 8);
  count.clear();
  device.launch("count_blocks_before", count_blocks_before, 8, 1, 0, count.data());
  return count.download().back();
}

TEST(PlantedBugs, NoneIsCleanInEveryOrderAndWithTwoWorkers) {
  for (const SimtOptions& options : every_order) {
    EXPECT_LT(error_of<none>(options), rounding);
    EXPECT_EQ(scaled<true>(options)[39], 10.0f);
  }
  EXPECT_LT(error_of<none>({Order::random, 4, 2}), rounding);
}

#ifndef LODESTEIN_SIMT_TSAN  // which stops at the race before there is a result
TEST(PlantedBugs, MissingBarriersGiveWrongResultsInEveryOrder) {
  for (const SimtOptions& options : every_order) {
    EXPECT_GT(error_of<no_barrier_after_load>(options), rounding);
    EXPECT_GT(error_of<no_barrier_before_next_load>(options), rounding);
  }
}

TEST(PlantedBugs, ABlockThatNeedsTheOneBeforeItIsSeenOutOfOrder) {
  EXPECT_EQ(blocks_before({Order::sequential}), 7) << "right by luck";
  EXPECT_NE(blocks_before({Order::reversed}), 7);
  EXPECT_NE(blocks_before({Order::random, 3}), 7);
}

TEST(PlantedBugs, AReaderBeforeTheOneWriterIsSeenOutOfOrder) {
  EXPECT_EQ(scaled<false>({Order::sequential})[39], 10.0f) << "right by luck";
  EXPECT_TRUE(std::isnan(scaled<false>({Order::reversed})[39]));
}
#endif

TEST(PlantedBugs, DivergenceIsReportedWithItsPlace) {
  for (const std::string& message :
       {message_of<return_before_barrier>(), message_of<half_a_warp_shuffles>(),
        message_of<barrier_in_a_branch>()}) {
    EXPECT_THAT(message, HasSubstr("weighted_sums"));
    EXPECT_THAT(message, HasSubstr("divergence"));
    EXPECT_THAT(message, HasSubstr("planted_bugs_test.cpp:"));
  }
}

// Death tests: a sanitizer ends the process at the first finding.
#ifdef LODESTEIN_SIMT_ASAN
TEST(PlantedBugsDeathTest, AddressSanitizerSeesBothBounds) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  // 130 rows: the last of their tiles of 64 reaches beyond the array.
  EXPECT_DEATH(error_of<reads_past_the_end>({}, 130), "use-after-poison|AddressSanitizer");
  EXPECT_DEATH(error_of<shared_index_too_large>({}), "use-after-poison|out of bounds");
}
#else
TEST(PlantedBugsDeathTest, AddressSanitizerSeesBothBounds) {
  GTEST_SKIP() << "only under AddressSanitizer (preset cpu-asan)";
}
#endif

#ifdef LODESTEIN_SIMT_TSAN
TEST(PlantedBugsDeathTest, ThreadSanitizerSeesTheRaces) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const SimtOptions two{Order::random, 3, 2};
  EXPECT_DEATH(error_of<no_barrier_after_load>(two), "data race");
  EXPECT_DEATH(error_of<no_barrier_before_next_load>(two), "data race");
  EXPECT_DEATH(error_of<plain_addition_across_blocks>(two), "data race");
  EXPECT_DEATH(scaled<false>({Order::sequential}), "data race") << "even where right by luck";
}
#else
TEST(PlantedBugsDeathTest, ThreadSanitizerSeesTheRaces) {
  GTEST_SKIP() << "only under ThreadSanitizer (preset cpu-tsan)";
}
#endif

}  // namespace
}  // namespace lodestein::kernels::simt
