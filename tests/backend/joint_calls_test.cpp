// Calls of many threads that are made together: the bits of calls made alone, and who gets which
// failure.
#include "kernels/joint_calls.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "kernels/reference/operations.hpp"
#include "lodestein/core/random.hpp"
#include "tests/backend/backends.hpp"

namespace lodestein {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<double> normals(std::size_t count, std::uint32_t number) {
  Draws draws = RandomStream(Seed{5}, Purpose::test, number).at(0);
  std::vector<double> values(count);
  for (double& value : values) value = draws.normal();
  return values;
}

std::vector<double> covariance_of(const kernels::Operations& operations, std::uint32_t number) {
  const std::size_t n = 40 + 7 * number, d = 3 + number % 4;
  const std::vector<double> x = normals(n * d, number);
  std::vector<double> mean(d), covariance(d * d);
  kernels::moments_on_host(operations, {x.data(), n, d}, nullptr, mean.data(),
                           {covariance.data(), d, d});
  covariance.insert(covariance.end(), mean.begin(), mean.end());
  return covariance;
}

std::vector<double> kernel_product_of(const kernels::Operations& operations, std::uint32_t number) {
  const std::size_t n = 30 + 5 * number, d = 2 + number % 3;
  const std::vector<double> drawn = normals(n * d, number);
  const kernels::Memory& memory = operations.memory();
  const kernels::Buffer<float> x(memory, std::vector<float>(drawn.begin(), drawn.end()));
  const kernels::Buffer<float> out(memory, n * d);
  const kernels::View<const float> points(x.data(), n, d);
  const kernels::PairwiseProblem problem{{}, points, points, points, {out.data(), n, d}, true};
  operations.pairwise().product({&problem, 1});
  const std::vector<float> values = out.download();
  return {values.begin(), values.end()};
}

// Factors, solutions, eigenvectors and their signs.
std::vector<double> eigenvectors_of(const kernels::Operations& operations, std::uint32_t number) {
  const std::size_t n = 2 + number % 5;
  std::vector<double> matrix = normals(n * n, number), metric(n * n, 0.0);
  for (std::size_t i = 0; i < n; ++i) {
    metric[i * n + i] = 1.0 + static_cast<double>(i + number);
    for (std::size_t j = 0; j < i; ++j) matrix[j * n + i] = matrix[i * n + j];
  }
  const kernels::Memory& memory = operations.memory();
  const kernels::Buffer<double> a(memory, matrix), b(memory, metric), values(memory, n);
  const kernels::Buffer<int> status(memory, 2);
  const kernels::GeneralisedEigenProblem problem{
      {a.data(), n, n}, {b.data(), n, n}, values.data(), status.data(), status.data() + 1};
  operations.solve().generalised_eigen({&problem, 1});
  std::vector<double> result = a.download();
  for (const double value : values.download()) result.push_back(value);
  for (const int code : status.download()) result.push_back(code);
  return result;
}

std::vector<std::vector<double>> all_of(const kernels::Operations& operations,
                                        std::uint32_t number) {
  return {covariance_of(operations, number), kernel_product_of(operations, number),
          eigenvectors_of(operations, number)};
}

class JointCalls : public test::OnEveryBackend {};

TEST_P(JointCalls, HaveTheBitsOfCallsMadeAlone) {
  constexpr std::uint32_t callers = 6, rounds = 4;
  const Backend joining = backend().joining_calls();
  EXPECT_EQ(joining.name(), backend().name());
  std::vector<std::vector<std::vector<double>>> together(callers * rounds);
  std::vector<std::thread> threads;
  for (std::uint32_t t = 0; t < callers; ++t) {
    threads.emplace_back([&, t] {
      for (std::uint32_t k = t * rounds; k < (t + 1) * rounds; ++k)
        together[k] = all_of(joining.operations(), k);
    });
  }
  for (std::thread& thread : threads) thread.join();
  const Backend alone = plain();
  for (std::uint32_t k = 0; k < callers * rounds; ++k)
    EXPECT_EQ(together[k], all_of(alone.operations(), k)) << "call " << k;
}

TEST_P(JointCalls, CheckTheirArgumentsBeforeTheyJoin) {
  const Backend joining = backend().joining_calls();
  std::vector<std::thread> threads;
  std::string message;
  threads.emplace_back([&] {
    try {
      const kernels::GramProblem bad{{}, {nullptr, 3, 2}, {nullptr, 3, 2}, {nullptr, 3, 3}};
      joining.operations().pairwise().gram({&bad, 1});
    } catch (const InvalidArgument& error) {
      message = error.what();
    }
  });
  std::vector<double> other;
  threads.emplace_back([&] { other = kernel_product_of(joining.operations(), 1); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(message, HasSubstr("problem 0: x is null"));
  EXPECT_EQ(other, kernel_product_of(plain().operations(), 1));
}

LODESTEIN_ON_EVERY_BACKEND(JointCalls);

/// Operations of which only moments are used, whose calls last until let_go().
class SlowMoments final : public kernels::Operations {
 public:
  explicit SlowMoments(bool fails) : moments_(fails) {}
  std::string name() const override { return "slow"; }
  int threads() const override { return 1; }
  std::string description() const override { return "slow"; }
  const kernels::Memory& memory() const override { return kernels::host_memory(); }
  const kernels::DifferenceMoments& difference_moments() const override {
    return others_->difference_moments();
  }
  const kernels::Features& features() const override { return others_->features(); }
  const kernels::LatentLoss& latent_loss() const override { return others_->latent_loss(); }
  const kernels::Moments& moments() const override { return moments_; }
  const kernels::Network& network() const override { return others_->network(); }
  const kernels::Pairwise& pairwise() const override { return others_->pairwise(); }
  const kernels::Simulate& simulate() const override { return others_->simulate(); }
  const kernels::Solve& solve() const override { return others_->solve(); }
  const kernels::Training& training() const override { return others_->training(); }

  void wait_for_first_call() const { moments_.wait_for_first_call(); }
  void let_go() const { moments_.let_go(); }
  std::vector<std::size_t> calls() const { return moments_.calls; }

 private:
  struct Moments final : kernels::Moments {
    explicit Moments(bool f) : fails(f) {}
    void run(std::span<const kernels::MomentsProblem> problems) const override {
      std::unique_lock lock(mutex);
      calls.push_back(problems.size());
      changed.notify_all();
      changed.wait(lock, [&] { return open; });
      if (fails && calls.size() > 1) throw OutOfMemory("no room");
    }
    void wait_for_first_call() const {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return !calls.empty(); });
    }
    void let_go() const {
      const std::lock_guard lock(mutex);
      open = true;
      changed.notify_all();
    }
    bool fails;
    mutable std::mutex mutex;
    mutable std::condition_variable changed;
    mutable std::vector<std::size_t> calls;
    mutable bool open = false;
  };

  std::shared_ptr<const kernels::Operations> others_ = kernels::reference::make_operations();
  Moments moments_;
};

// Messages of the failures of calls that were made while another was under way, "" for none.
std::vector<std::string> call_meanwhile(const std::shared_ptr<const SlowMoments>& slow,
                                        std::size_t callers) {
  const auto joint = kernels::join_calls(slow);
  std::vector<std::string> messages(callers + 1);
  const auto call = [&](std::size_t k) {
    double x = 1.0, mean = 0.0, covariance = 0.0;
    const kernels::MomentsProblem problem{{&x, 1, 1}, nullptr, &mean, {&covariance, 1, 1}};
    try {
      joint->moments()({&problem, 1});
    } catch (const OutOfMemory& error) {
      messages[k] = error.what();
    }
  };
  std::vector<std::thread> threads;
  threads.emplace_back(call, callers);
  slow->wait_for_first_call();
  for (std::size_t k = 0; k < callers; ++k) threads.emplace_back(call, k);
  std::this_thread::sleep_for(std::chrono::milliseconds(300));  // they queue up
  slow->let_go();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(messages.back(), "");
  messages.pop_back();
  return messages;
}

TEST(JoinCalls, WhoeverCallsMeanwhileIsServedByOneCall) {
  const auto slow = std::make_shared<const SlowMoments>(false);
  EXPECT_THAT(call_meanwhile(slow, 5), Each(""));
  const std::vector<std::size_t> calls = slow->calls();
  EXPECT_EQ(std::accumulate(calls.begin(), calls.end(), std::size_t{0}), 6u);
  EXPECT_LE(calls.size(), 3u);  // 2, unless a thread took 0.3 s to start
}

TEST(JoinCalls, AFailureIsThrownToAllThatWereInTheCall) {
  const auto slow = std::make_shared<const SlowMoments>(true);
  EXPECT_THAT(call_meanwhile(slow, 3), ElementsAre("no room", "no room", "no room"));
}

}  // namespace
}  // namespace lodestein
