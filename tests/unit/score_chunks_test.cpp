#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "score/chunks.hpp"

namespace lodestein {
namespace {

using Groups = std::vector<std::pair<std::size_t, std::size_t>>;

Groups groups(const std::vector<std::size_t>& sizes, std::size_t most) {
  Groups found;
  by_groups(
      sizes.size(), most, [&](std::size_t k) { return sizes[k]; },
      [&](std::size_t first, std::size_t last) { found.emplace_back(first, last); });
  return found;
}

TEST(Chunks, GroupsOfNeighboursStayWithinTheBoundAndLargeOnesAreAlone) {
  EXPECT_EQ(groups({}, 10), Groups{});
  EXPECT_EQ(groups({3, 4, 3, 1}, 10), (Groups{{0, 3}, {3, 4}}));
  EXPECT_EQ(groups({20, 1, 1, 30, 2}, 10), (Groups{{0, 1}, {1, 3}, {3, 4}, {4, 5}}));
  EXPECT_EQ(groups({0, 0, 11}, 10), (Groups{{0, 2}, {2, 3}}));
}

}  // namespace
}  // namespace lodestein
