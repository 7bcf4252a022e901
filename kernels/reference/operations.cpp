#include "kernels/reference/operations.hpp"

#include "kernels/reference/moments.hpp"
#include "kernels/reference/network.hpp"
#include "kernels/reference/training.hpp"

namespace lodestein::kernels::reference {
namespace {

class Operations final : public kernels::Operations {
 public:
  std::string name() const override { return "reference"; }
  int threads() const override { return 1; }
  std::string description() const override { return "reference: naive, 1 thread"; }
  const Memory& memory() const override { return host_memory(); }
  const kernels::Moments& moments() const override { return moments_; }
  const kernels::Network& network() const override { return network_; }
  const kernels::Training& training() const override { return training_; }

 private:
  Moments moments_;
  Network network_;
  Training training_;
};

}  // namespace

std::shared_ptr<const kernels::Operations> make_operations() {
  return std::make_shared<Operations>();
}

}  // namespace lodestein::kernels::reference
