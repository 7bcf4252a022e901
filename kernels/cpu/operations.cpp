#include "kernels/cpu/operations.hpp"

#include "kernels/cpu/moments.hpp"
#include "kernels/cpu/network.hpp"
#include "kernels/cpu/training.hpp"

namespace lodestein::kernels::cpu {
namespace {

class Operations final : public kernels::Operations {
 public:
  explicit Operations(int threads)
      : threads_(threads), moments_(threads), network_(threads), training_(threads) {}
  std::string name() const override { return "cpu"; }
  int threads() const override { return threads_; }
  std::string description() const override {
    return "cpu: " + std::to_string(threads_) + (threads_ == 1 ? " thread, " : " threads, ") +
           instruction_set();
  }
  const Memory& memory() const override { return host_memory(); }
  const kernels::Moments& moments() const override { return moments_; }
  const kernels::Network& network() const override { return network_; }
  const kernels::Training& training() const override { return training_; }

 private:
  int threads_;
  Moments moments_;
  Network network_;
  Training training_;
};

}  // namespace

std::shared_ptr<const kernels::Operations> make_operations(int threads) {
  return std::make_shared<Operations>(threads);
}

}  // namespace lodestein::kernels::cpu
