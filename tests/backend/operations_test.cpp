// What holds for all operations of a backend.
#include <gmock/gmock.h>

#include <typeinfo>

#include "backends.hpp"

namespace lodestein {
namespace {

using ::testing::HasSubstr;

class OperationsOf : public test::OnEveryBackend {};

// Code of another backend would be in another namespace. That simt and cuda compute in kernels
// follows from where the data are: host code that touches them crashes.
TEST_P(OperationsOf, TheBackendAskedForIsTheOneThatRuns) {
  EXPECT_EQ(backend().name(), GetParam().backend);
  EXPECT_EQ(operations().name(), GetParam().backend);
  EXPECT_EQ(operations().threads(), GetParam().threads);
  const std::string& name = GetParam().backend;
  const std::string space = "lodestein7kernels" + std::to_string(name.size()) + name;
  const auto expect_own = [&](const auto& family) {
    EXPECT_THAT(typeid(family).name(), HasSubstr(space));
  };
  expect_own(operations().difference_moments());
  expect_own(operations().features());
  expect_own(operations().latent_loss());
  expect_own(operations().moments());
  expect_own(operations().network());
  expect_own(operations().pairwise());
  expect_own(operations().simulate());
  expect_own(operations().solve());
  expect_own(operations().training());
  EXPECT_EQ(memory().on_host(), name == "reference" || name == "cpu");
}

LODESTEIN_ON_EVERY_BACKEND(OperationsOf);

}  // namespace
}  // namespace lodestein
