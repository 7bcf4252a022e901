// lodestein-gpu-tests: the operation tests of tests/backend in one program for a machine with a
// GPU. Without a filter it runs their `cuda` instances only.
#include <gtest/gtest.h>

#include <cstdlib>

int main(int argc, char** argv) {
  if (std::getenv("GTEST_FILTER") == nullptr) GTEST_FLAG_SET(filter, "*/cuda");
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
