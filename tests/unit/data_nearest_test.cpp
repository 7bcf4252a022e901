#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "core/nearest.hpp"

namespace lodestein {
namespace {

TEST(Nearest, FindsTheTypingError) {
  EXPECT_EQ(nearest("contrl", {"obs", "control", "contrast"}), "control");
  EXPECT_EQ(nearest("CONTROL", {"c1", "control"}), "control");
  EXPECT_EQ(nearest("x", {}), "");
}

TEST(Nearest, TakesTheEarliestAmongEquals) { EXPECT_EQ(nearest("b", {"a", "c"}), "a"); }

TEST(Nearest, ListsFewInOrder) {
  EXPECT_EQ(nearest_few("log", {"sqrt", "log1p", "log"}, 2),
            (std::vector<std::string>{"log", "log1p"}));
}

TEST(Listed, CutsLongLists) {
  EXPECT_EQ(listed({"a", "b"}), "'a', 'b'");
  EXPECT_EQ(listed({"a", "b", "c"}, 2), "'a', 'b' and 1 more");
}

RC_GTEST_PROP(EditDistance, IsAMetric, (std::string a, std::string b, std::string c)) {
  RC_ASSERT((edit_distance(a, b) == 0) == (a == b));
  RC_ASSERT(edit_distance(a, b) == edit_distance(b, a));
  RC_ASSERT(edit_distance(a, c) <= edit_distance(a, b) + edit_distance(b, c));
}

RC_GTEST_PROP(EditDistance, OneInsertedCharacterCostsTwo, (std::string word, char extra)) {
  const auto at = *rc::gen::inRange<std::size_t>(0, word.size() + 1);
  std::string longer = word;
  longer.insert(at, 1, extra);
  RC_ASSERT(edit_distance(word, longer) == 2u);
}

RC_GTEST_PROP(Nearest, FindsAKnownWordItself, (std::vector<std::string> known)) {
  RC_PRE(!known.empty());
  const auto i = *rc::gen::inRange<std::size_t>(0, known.size());
  RC_ASSERT(nearest(known[i], known) == known[i]);
}

}  // namespace
}  // namespace lodestein
