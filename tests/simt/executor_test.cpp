// Threads, warps, shared arrays and memory of the executor, against what CUDA's language promises.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cmath>
#include <csignal>
#include <functional>
#include <string>
#include <vector>

#include "kernels/cuda/gpu.hpp"
#include "kernels/simt/sanitizers.hpp"
#include "lodestein/core/error.hpp"

namespace lodestein::kernels::simt {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using Order = SimtOptions::Order;

constexpr SimtOptions all_options[] = {
    {Order::sequential}, {Order::reversed}, {Order::random, 5}, {Order::random, 6, 3}};

template <class... Parameters, class... Arguments>
std::vector<int> run(const SimtOptions& options, std::size_t size, void (*kernel)(Parameters...),
                     dim3 grid, dim3 block, Arguments... arguments) {
  const Device device(options);
  Buffer<int> out(device, size);
  out.clear();
  device.launch("kernel", kernel, grid, block, 0, out.data(), arguments...);
  return out.download();
}

std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing thrown";
}

__global__ void number_threads(int* out) {
  const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  const unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  out[block * blockDim.x * blockDim.y * blockDim.z + thread] += static_cast<int>(block + 1);
}

TEST(Executor, RunsEveryThreadOfEveryBlockOnce) {
  for (const SimtOptions& options : all_options) {
    const std::vector<int> out = run(options, 720, number_threads, dim3(2, 3, 2), dim3(5, 4, 3));
    for (std::size_t i = 0; i < out.size(); ++i) EXPECT_EQ(out[i], static_cast<int>(i / 60) + 1);
  }
}

__global__ void warp_operations(int* out) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  int* own = out + threadIdx.x * 8;
  own[0] = __shfl_sync(~0u, lane, 3, 8);
  own[1] = __shfl_up_sync(~0u, lane, 2u);
  own[2] = __shfl_down_sync(~0u, lane, 5u, 16);
  own[3] = __shfl_xor_sync(~0u, lane, 1);
  own[4] = static_cast<int>(__ballot_sync(~0u, lane % 3 == 0));
  own[5] = __reduce_max_sync(~0u, lane - 40);
  own[6] = static_cast<int>(__reduce_add_sync(~0u, static_cast<unsigned>(lane)));
  own[7] = static_cast<int>(__match_any_sync(~0u, lane / 8)) +
           (__any_sync(~0u, lane == 31) + 2 * __all_sync(~0u, lane < 31)) * 1000;
}

TEST(Executor, WarpOperations) {
  unsigned thirds = 0;
  for (int lane = 0; lane < 32; lane += 3) thirds |= 1u << lane;
  for (const SimtOptions& options : all_options) {
    const std::vector<int> out = run(options, 64 * 8, warp_operations, dim3(1), dim3(64));
    for (int t = 0; t < 64; ++t) {
      const int lane = t % 32;
      const int* own = out.data() + t * 8;
      EXPECT_EQ(own[0], lane / 8 * 8 + 3);
      EXPECT_EQ(own[1], lane < 2 ? lane : lane - 2);
      EXPECT_EQ(own[2], lane % 16 + 5 < 16 ? lane + 5 : lane);
      EXPECT_EQ(own[3], lane ^ 1);
      EXPECT_EQ(static_cast<unsigned>(own[4]), thirds);
      EXPECT_EQ(own[5], -9);
      EXPECT_EQ(own[6], 31 * 32 / 2);
      EXPECT_EQ(static_cast<unsigned>(own[7]), (0xffu << lane / 8 * 8) + 1000u);
    }
  }
}

__global__ void read_a_missing_lane(int* out) {
  const float value = __shfl_sync(0xfu, 1.0f, 9);
  out[threadIdx.x] = std::isnan(value);
}

TEST(Executor, AWarpMayBePartOfOneAndAMissingLaneGivesNaN) {
  EXPECT_EQ(run({}, 4, read_a_missing_lane, dim3(1), dim3(4)), (std::vector<int>{1, 1, 1, 1}));
}

__device__ int first_use() {
  LODESTEIN_SHARED(int[32], values);
  __syncthreads();
  values[threadIdx.x] = static_cast<int>(threadIdx.x);
  __syncthreads();
  return values[31 - threadIdx.x];
}

__global__ void shared_arrays(int* out) {
  LODESTEIN_SHARED(float[32], fresh);
  LODESTEIN_SHARED(float[32], second);
  const int poisoned = std::isnan(fresh[threadIdx.x]) && std::isnan(second[threadIdx.x]);
  fresh[threadIdx.x] = second[threadIdx.x] = 1.0f;
  int sum = 0;
  for (int round = 0; round < 3; ++round) sum += first_use();
  out[blockIdx.x * 32 + threadIdx.x] = poisoned * 1000 + sum;
}

TEST(Executor, SharedArraysStartPoisonedInEveryBlockAndAreOnePerDeclaration) {
  for (const SimtOptions& options : all_options) {
    const std::vector<int> out = run(options, 160, shared_arrays, dim3(5), dim3(32));
    for (std::size_t i = 0; i < out.size(); ++i)
      EXPECT_EQ(out[i], 1000 + 3 * (31 - static_cast<int>(i % 32)));
  }
}

__global__ void votes(int* out) {
  const int odd = static_cast<int>(threadIdx.x) % 2;
  out[threadIdx.x] =
      __syncthreads_count(odd) * 100 + __syncthreads_or(odd) * 10 + __syncthreads_and(odd);
}

TEST(Executor, BarriersThatVote) {
  for (const int vote : run({}, 70, votes, dim3(1), dim3(70))) EXPECT_EQ(vote, 3510);
}

__global__ void count_up(int* out) { atomicAdd(out, 1); }

TEST(Executor, AtomicsAcrossWorkers) {
  EXPECT_EQ(run({Order::sequential, 1, 3}, 1, count_up, dim3(50), dim3(40)).front(), 2000);
}

__global__ void too_much_shared(int* out) {
  LODESTEIN_SHARED(double[7000], values);
  values[threadIdx.x] = 1.0;
  out[0] = static_cast<int>(values[0]);
}

TEST(Executor, RefusesWhatNoGpuLaunchesAndWritesNothing) {
  const Device device({});
  Buffer<int> out(device, std::vector<int>(8, 42));
  const auto launch = [&](dim3 grid, dim3 block, std::size_t shared) {
    return message_of(
        [&] { device.launch("count_up", count_up, grid, block, shared, out.data()); });
  };
  EXPECT_THAT(launch(1, 2000, 0), AllOf(HasSubstr("count_up"), HasSubstr("1024")));
  EXPECT_THAT(launch({1, 70000}, 32, 0), AllOf(HasSubstr("count_up"), HasSubstr("65535")));
  EXPECT_THAT(launch(1, 32, 300 << 10), AllOf(HasSubstr("count_up"), HasSubstr("232448 bytes")));
  EXPECT_THAT(
      message_of([&] { device.launch("too_much_shared", too_much_shared, 1, 32, 0, out.data()); }),
      AllOf(HasSubstr("too_much_shared"), HasSubstr("56000 bytes")));
  EXPECT_EQ(out.download(), std::vector<int>(8, 42));
  EXPECT_EQ(launch({0, 1}, 32, 0), "nothing thrown");
}

TEST(GuardedMemory, FreshMemoryIsNaN) {
  const Device device({});
  for (const float value : Buffer<float>(device, 100).download()) EXPECT_TRUE(std::isnan(value));
}

TEST(GuardedMemory, AFullDeviceThrowsNamingTheSizeAndKeepsWhatIsThere) {
  SimtOptions small;
  small.memory_bytes = 1000;
  const Device device(small);
  const Buffer<char> first(device, std::vector<char>(600, 'a'));
  EXPECT_THAT(message_of([&] { Buffer<char>(device, 500); }),
              AllOf(HasSubstr("500 bytes"), HasSubstr("400 of its 1000")));
  EXPECT_EQ(first.download(), std::vector<char>(600, 'a'));
  EXPECT_NO_THROW(Buffer<char>(device, 400));
  EXPECT_NO_THROW(Buffer<char>(device, 400)) << "released memory is free again";
}

TEST(GuardedMemory, ReleasingTwiceThrows) {
  GuardedMemory memory(1 << 20);
  void* data = memory.allocate(16);
  memory.release(data);
  EXPECT_THAT(message_of([&] { memory.release(data); }), HasSubstr("not allocated"));
}

// By a bad address: a signal, or a sanitizer's report of one.
bool crashed(int status) {
#if defined(LODESTEIN_SIMT_ASAN) || defined(LODESTEIN_SIMT_TSAN)
  return WIFEXITED(status) && WEXITSTATUS(status) != 0;
#else
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
#endif
}

TEST(GuardedMemoryDeathTest, HostCodeThatTouchesDeviceMemoryCrashes) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        const Device device({});
        Buffer<int> buffer(device, 10);
        buffer.clear();
        volatile int value = *buffer.data();
        static_cast<void>(value);
      },
      crashed, "");
  EXPECT_EXIT(
      {
        const Device device({});
        Buffer<int> buffer(device, 10);
        *buffer.data() = 1;
      },
      crashed, "");
}

__global__ void write_far(int* out) { out[1 << 12] = 1; }

TEST(GuardedMemoryDeathTest, AKernelThatLeavesItsArrayCrashes) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(run({}, 1 << 12, write_far, dim3(1), dim3(1)), crashed, "");
}

#ifdef LODESTEIN_SIMT_ASAN
// The next array must not be reached from the last one, nor by a step as long as a row.
template <int Offset>
__global__ void leave_shared_array(int* out) {
  LODESTEIN_SHARED(int[32], first);
  LODESTEIN_SHARED(int[32], second);
  second[threadIdx.x] = 7;
  int* behind = first + 32;
  out[threadIdx.x] = behind[Offset];
}

__global__ void leave_dynamic_shared(int* out) {
  LODESTEIN_DYNAMIC_SHARED(int, values);
  out[threadIdx.x] = values[threadIdx.x];  // there is room for none
}

TEST(SharedArraysDeathTest, HaveGapsBetweenThemUnderAddressSanitizer) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run({}, 32, leave_shared_array<0>, dim3(1), dim3(32)), "use-after-poison");
  EXPECT_DEATH(run({}, 32, leave_shared_array<31>, dim3(1), dim3(32)), "use-after-poison");
  EXPECT_DEATH(run({}, 32, leave_dynamic_shared, dim3(1), dim3(32)), "use-after-poison");
}
#endif

__global__ void shuffle_values(double* doubles, float* floats) {
  const int lane = static_cast<int>(threadIdx.x + blockDim.x * threadIdx.y) % 32;
  const double value = 1.0 + lane * 1e-12;  // needs all 8 bytes
  double sum = value;
  for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(~0u, sum, step);
  const unsigned own = threadIdx.x + blockDim.x * threadIdx.y;
  doubles[own] = sum;
  const unsigned half = lane < 16 ? 0xffffu : 0xffff0000u;
  floats[own] = __shfl_sync(half, static_cast<float>(lane), lane / 16 * 16);
}

TEST(Executor, ShufflesOfDoublesAndOfHalfWarpsInTwoDimensionalBlocks) {
  for (const SimtOptions& options : all_options) {
    const Device device(options);
    const Buffer<double> doubles(device, 64);
    const Buffer<float> floats(device, 64);
    device.launch("shuffle_values", shuffle_values, 1, {8, 8}, 0, doubles.data(), floats.data());
    // 32 additions of numbers below 64 round by at most 2^-48 each.
    for (const double sum : doubles.download()) EXPECT_NEAR(sum, 32 + 496e-12, 32 * 0x1p-48);
    const std::vector<float> firsts = floats.download();
    for (std::size_t t = 0; t < 64; ++t) EXPECT_EQ(firsts[t], t % 32 < 16 ? 0.0f : 16.0f);
  }
}

TEST(GuardedMemory, CountsWhatIsNotReleased) {
  const Device device({});
  {
    const Buffer<double> buffer(device, 5);
    EXPECT_EQ(device.memory().used(), 40u);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % 256, 0u);
  }
  EXPECT_EQ(device.memory().used(), 0u);
}

template <int Stride>
__global__ void copy_strided(const float* from, float* to) {
  traced_store(to + threadIdx.x, traced_load(from + threadIdx.x * Stride));
}

template <class... Parameters, class... Arguments>
std::vector<AccessSite> trace(void (*kernel)(Parameters...), dim3 block, Arguments... arguments) {
  Device device({Order::random, 3});
  AccessLog log;
  device.log_accesses(&log);
  const Buffer<float> from(device, std::size_t{32} * 32), to(device, std::size_t{32} * 32);
  device.launch("traced", kernel, 2, block, 0, from.data(), to.data(), arguments...);
  EXPECT_THAT(log.report(), HasSubstr("executor_test.cpp:"));
  return log.sites();
}

TEST(AccessLog, CountsSectorsPerRequest) {
  const auto sectors_of_load = [](auto kernel) {
    const std::vector<AccessSite> sites = trace(kernel, 64);
    EXPECT_EQ(sites.size(), 2u);
    EXPECT_EQ(sites[0].kind, AccessKind::global_load);
    EXPECT_EQ(sites[0].requests, 4u) << "2 blocks of 2 warps";
    EXPECT_EQ(sites[1].kind, AccessKind::global_store);
    EXPECT_EQ(sites[1].sectors_per_request(), 4.0);
    return sites[0].sectors_per_request();
  };
  EXPECT_EQ(sectors_of_load(copy_strided<0>), 1.0);
  EXPECT_EQ(sectors_of_load(copy_strided<1>), 4.0);
  EXPECT_EQ(sectors_of_load(copy_strided<2>), 8.0);
  EXPECT_EQ(sectors_of_load(copy_strided<8>), 32.0);
}

template <int Pitch>
__global__ void transpose(const float* from, float* to) {
  LODESTEIN_SHARED(float[32][Pitch], tile);
  traced_store(&tile[threadIdx.y][threadIdx.x], __ldg(from + threadIdx.y * 32 + threadIdx.x));
  __syncthreads();
  to[threadIdx.y * 32 + threadIdx.x] = traced_load(&tile[threadIdx.x][threadIdx.y]);
}

TEST(AccessLog, CountsBankConflicts) {
  const auto conflicts = [](auto kernel, AccessKind kind) {
    for (const AccessSite& site : trace(kernel, {32, 32})) {
      if (site.kind == kind) return site.conflicts_per_request();
    }
    return -1.0;
  };
  EXPECT_EQ(conflicts(transpose<32>, AccessKind::shared_store), 0.0);
  EXPECT_EQ(conflicts(transpose<32>, AccessKind::shared_load), 31.0);
  EXPECT_EQ(conflicts(transpose<33>, AccessKind::shared_store), 0.0);
  EXPECT_EQ(conflicts(transpose<33>, AccessKind::shared_load), 0.0);
}

// Half of the lanes skip the first load.
__global__ void load_after_skipping(const float* from, float* to) {
  for (unsigned k = 0; k < 2; ++k) {
    if (k == 1 || threadIdx.x < 16) to[threadIdx.x] = traced_load(from + 32 * k + threadIdx.x);
    __syncthreads();
  }
}

TEST(AccessLog, LanesMeetAgainAtABarrier) {
  const std::vector<AccessSite> sites = trace(load_after_skipping, 32);
  ASSERT_EQ(sites.size(), 1u);
  EXPECT_EQ(sites[0].function, "load_after_skipping");
  EXPECT_EQ(sites[0].requests, 4u) << "2 of each block";
  EXPECT_EQ(sites[0].sectors_per_request(), 3.0);
  EXPECT_EQ(sites[0].least_sectors_per_request(), 3.0);
}

TEST(AccessLog, WideAccessesAreDoneByPartsOfAWarp) {
  const auto request = [](std::size_t bytes, std::size_t stride) {
    std::vector<LaneAccess> lanes;
    for (unsigned lane = 0; lane < 32; ++lane) lanes.push_back({lane, lane * stride, bytes});
    return lanes;
  };
  EXPECT_EQ(count_bank_conflicts(request(16, 16)), 0u);
  EXPECT_EQ(count_bank_conflicts(request(8, 8)), 0u);
  EXPECT_EQ(count_bank_conflicts(request(8, 16)), 2u) << "two words of each bank in each half";
  EXPECT_EQ(count_bank_conflicts(request(4, 0)), 0u) << "a broadcast";
  EXPECT_EQ(count_sectors(request(16, 16)), 16u);
  EXPECT_EQ(count_least_sectors(request(16, 16)), 16u);
  EXPECT_EQ(count_least_sectors(request(4, 64)), 4u) << "of 32 that it takes";
  EXPECT_EQ(count_least_sectors(request(4, 0)), 1u) << "a broadcast";
}

}  // namespace
}  // namespace lodestein::kernels::simt
