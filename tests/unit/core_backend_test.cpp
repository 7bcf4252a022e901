#include <gtest/gtest.h>
#include <omp.h>

#include <set>

#include "lodestein/core/backend.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/core/observer.hpp"
#include "tests/unit/simulate_support.hpp"

namespace lodestein {
namespace {

using test::message_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(CoreBackend, IsTheOneAskedFor) {
  EXPECT_EQ(Backend::reference().name(), "reference");
  EXPECT_EQ(Backend::cpu(2).name(), "cpu");
  EXPECT_EQ(Backend::named("reference").name(), "reference");
  EXPECT_EQ(Backend::named("cpu").name(), "cpu");
  EXPECT_EQ(Backend::named("best").name(), Backend::best().name());
}

TEST(CoreBackend, NamesTheChoicesForAnUnknownName) {
  const auto message = message_of<InvalidArgument>([] { Backend::named("gpu"); });
  for (const char* part : {"'gpu'", "reference", "cpu", "cuda", "best"}) {
    EXPECT_THAT(message, HasSubstr(part));
  }
  EXPECT_THROW(Backend::named(""), InvalidArgument);
}

TEST(CoreBackend, Threads) {
  EXPECT_EQ(Backend::reference().threads(), 1);
  EXPECT_EQ(Backend::cpu(3).threads(), 3);
  EXPECT_EQ(Backend::named("cpu", 5).threads(), 5);
  EXPECT_EQ(Backend::named("best", 2).threads(), 2);
  EXPECT_EQ(Backend::cpu(0).threads(), omp_get_num_procs());
  EXPECT_THAT(message_of<InvalidArgument>([] { Backend::cpu(-1); }), HasSubstr("-1"));
  EXPECT_THROW(Backend::named("cpu", -4), InvalidArgument);
}

TEST(CoreBackend, DescribesItselfInALine) {
  EXPECT_THAT(Backend::cpu(3).description(), HasSubstr("cpu: 3 threads, "));
  EXPECT_THAT(Backend::cpu(1).description(), HasSubstr("cpu: 1 thread, "));
  EXPECT_THAT(Backend::reference().description(), HasSubstr("reference"));
}

TEST(CoreBackend, ListsEveryBackendAndWhyOneDoesNotWork) {
  std::set<std::string> names;
  for (const DeviceInfo& device : list_devices()) {
    names.insert(device.backend);
    EXPECT_FALSE(device.description.empty());
    EXPECT_EQ(device.available, device.reason.empty()) << device.backend << ": " << device.reason;
    if (device.available) {
      EXPECT_EQ(Backend::named(device.backend).name(), device.backend);
    }
  }
  EXPECT_EQ(names, (std::set<std::string>{"reference", "cpu", "cuda"}));
}

TEST(CoreBackend, CudaThatIsNotCompiledSaysWhatToDo) {
  for (const DeviceInfo& device : list_devices()) {
    if (device.backend == "cuda" &&
        device.description.find("not in this build") == std::string::npos)
      GTEST_SKIP() << "this build has CUDA";
  }
  EXPECT_THAT(message_of<NotCompiled>([] { Backend::cuda(); }),
              AllOf(HasSubstr("CUDA"), HasSubstr("cpu")));
  EXPECT_THROW(Backend::named("cuda"), NotCompiled);
}

TEST(CoreBackend, CopiesShareTheirOperations) {
  const Backend original = Backend::cpu(2), copy = original;
  EXPECT_EQ(&copy.operations(), &original.operations());
}

class Stopping final : public Observer {
 public:
  bool cancelled() const override { return true; }
};

TEST(CoreObserver, SilentNeverStops) {
  EXPECT_FALSE(silent().cancelled());
  EXPECT_NO_THROW(check_cancelled(silent()));
  EXPECT_NO_THROW(silent().progress("stage", 1, 2));
  EXPECT_NO_THROW(silent().log(Observer::Level::warning, "text"));
}

TEST(CoreObserver, CancelThrows) {
  const Stopping observer;
  EXPECT_THAT(message_of<Cancelled>([&] { check_cancelled(observer); }), HasSubstr("stopped"));
}

TEST(CoreError, KindsAreTold) {
  EXPECT_THROW(throw DimensionMismatch("x"), InvalidArgument);
  EXPECT_THROW(throw InvalidArgument("x"), Error);
  EXPECT_THROW(throw IoError("x"), Error);
  EXPECT_THROW(throw NotCompiled("x"), Error);
  EXPECT_THROW(throw DeviceError("x"), Error);
  EXPECT_THROW(throw Cancelled("x"), std::runtime_error);
}

}  // namespace
}  // namespace lodestein
