// Memory, Buffer and Resident on every backend.
#include "kernels/memory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "lodestein/core/error.hpp"
#include "tests/backend/backends.hpp"

namespace lodestein {
namespace {

using kernels::Buffer;
using kernels::Resident;
using ::testing::Each;
using ::testing::HasSubstr;

std::vector<double> count_up(std::size_t size) {
  std::vector<double> values(size);
  std::iota(values.begin(), values.end(), 1.0);
  return values;
}

class MemoryOf : public test::OnEveryBackend {};

TEST_P(MemoryOf, ValuesComeBackAsTheyWent) {
  for (const std::size_t size : {1, 13, 31, 33, 597}) {
    const std::vector<double> values = count_up(size);
    EXPECT_EQ(Buffer<double>(memory(), values).download(), values);
    Buffer<double> later(memory(), size);
    later.upload(values);
    EXPECT_EQ(later.download(), values);
  }
}

TEST_P(MemoryOf, UploadOfFewerValuesLeavesTheRest) {
  Buffer<double> buffer(memory(), count_up(5));
  const std::vector<double> two{-1.0, -2.0};
  buffer.upload(two);
  EXPECT_EQ(buffer.download(), (std::vector<double>{-1.0, -2.0, 3.0, 4.0, 5.0}));
}

TEST_P(MemoryOf, ClearMakesZeros) {
  Buffer<double> buffer(memory(), count_up(33));
  buffer.clear();
  EXPECT_THAT(buffer.download(), Each(0.0));
}

TEST_P(MemoryOf, CopyWithinTheBackend) {
  const Buffer<double> from(memory(), count_up(33)), to(memory(), 33);
  memory().copy(to.data(), from.data(), 33 * sizeof(double));
  memory().synchronize();
  EXPECT_EQ(to.download(), count_up(33));
}

TEST_P(MemoryOf, NothingNeedsNoMemory) {
  Buffer<double> empty(memory(), std::size_t{0});
  EXPECT_TRUE(empty.empty());
  EXPECT_EQ(empty.data(), nullptr);
  empty.upload({});
  empty.clear();
  EXPECT_TRUE(empty.download().empty());
  Buffer<double> unset;
  unset.clear();
  EXPECT_TRUE(unset.download().empty());
}

TEST_P(MemoryOf, AddressesAreAlignedTo256Bytes) {
  std::vector<Buffer<char>> buffers;
  for (const std::size_t size : {1, 3, 255, 256, 257}) buffers.emplace_back(memory(), size);
  for (const auto& buffer : buffers)
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % 256, 0u);
}

TEST_P(MemoryOf, MovingKeepsTheAddressAndEmptiesTheSource) {
  Buffer<double> first(memory(), count_up(13));
  const double* address = first.data();
  Buffer<double> second(std::move(first));
  EXPECT_EQ(second.data(), address);
  EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): what a move leaves is promised
  EXPECT_EQ(first.data(), nullptr);

  Buffer<double> third(memory(), count_up(31));
  third = std::move(second);
  EXPECT_EQ(third.data(), address);
  EXPECT_EQ(third.download(), count_up(13));
  EXPECT_TRUE(second.empty());  // NOLINT(bugprone-use-after-move)

  Buffer<double>& same = third;
  third = std::move(same);
  EXPECT_EQ(third.download(), count_up(13));
}

TEST_P(MemoryOf, ResidentIsInPlaceWhereTheHostComputes) {
  const std::vector<double> values = count_up(13);
  const Resident<double> resident(memory(), values);
  EXPECT_EQ(resident.data() == values.data(), memory().on_host());
  std::vector<double> back(values.size());
  memory().download(back.data(), resident.data(), values.size() * sizeof(double));
  EXPECT_EQ(back, values);
}

TEST_P(MemoryOf, NoRoomThrowsOutOfMemoryNamingTheSizeAndLeavesTheRest) {
  const Buffer<double> before(memory(), count_up(13));
  constexpr std::size_t bytes = std::size_t{1} << 60;
  try {
    const Buffer<char> huge(memory(), bytes);
    ADD_FAILURE() << "an exbibyte was there";
  } catch (const OutOfMemory& error) {
    EXPECT_THAT(error.what(), HasSubstr(std::to_string(bytes)));
  }
  EXPECT_EQ(before.download(), count_up(13));
  EXPECT_EQ(Buffer<double>(memory(), count_up(33)).download(), count_up(33));
}

// size * sizeof(T) must not wrap around to a small allocation.
TEST_P(MemoryOf, SizeThatOverflowsThrowsDeviceError) {
  constexpr std::size_t size = (std::size_t{1} << 61) + 1;
  EXPECT_THROW(Buffer<double>(memory(), size), DeviceError);
}

LODESTEIN_ON_EVERY_BACKEND(MemoryOf);

TEST(HostMemory, IsWhatTheHostReads) {
  EXPECT_TRUE(kernels::host_memory().on_host());
  EXPECT_EQ(&kernels::host_memory(), &kernels::host_memory());
  const Buffer<double> buffer(kernels::host_memory(), count_up(13));
  EXPECT_EQ(std::vector<double>(buffer.data(), buffer.data() + 13), count_up(13));
}

}  // namespace
}  // namespace lodestein
