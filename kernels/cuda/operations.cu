#include "kernels/cuda/moments.hpp"
#include "kernels/cuda/network.hpp"
#include "kernels/cuda/operations.hpp"
#include "kernels/cuda/training.hpp"

namespace lodestein::kernels::LODESTEIN_GPU {
namespace {

class Operations final : public kernels::Operations {
 public:
  explicit Operations(std::unique_ptr<Device> device)
      : device_(std::move(device)), moments_(*device_), network_(*device_), training_(*device_) {}
  std::string name() const override { return Device::backend_name(); }
  int threads() const override { return device_->threads(); }
  std::string description() const override { return device_->description(); }
  const Memory& memory() const override { return *device_; }
  const kernels::Moments& moments() const override { return moments_; }
  const kernels::Network& network() const override { return network_; }
  const kernels::Training& training() const override { return training_; }

 private:
  std::unique_ptr<Device> device_;
  Moments moments_;
  Network network_;
  Training training_;
};

}  // namespace

std::shared_ptr<const kernels::Operations> make_operations(std::unique_ptr<Device> device) {
  return std::make_shared<Operations>(std::move(device));
}

}  // namespace lodestein::kernels::LODESTEIN_GPU
