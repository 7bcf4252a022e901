#include "kernels/cuda/difference_moments.hpp"
#include "kernels/cuda/features.hpp"
#include "kernels/cuda/latent_loss.hpp"
#include "kernels/cuda/moments.hpp"
#include "kernels/cuda/network.hpp"
#include "kernels/cuda/operations.hpp"
#include "kernels/cuda/pairwise.hpp"
#include "kernels/cuda/simulate.hpp"
#include "kernels/cuda/solve.hpp"
#include "kernels/cuda/training.hpp"

namespace lodestein::kernels::LODESTEIN_GPU {
namespace {

class Operations final : public kernels::Operations {
 public:
  explicit Operations(std::unique_ptr<Device> device)
      : device_(std::move(device)),
        difference_moments_(*device_),
        features_(*device_),
        latent_loss_(*device_),
        moments_(*device_),
        network_(*device_),
        pairwise_(*device_),
        simulate_(*device_),
        solve_(*device_),
        training_(*device_) {}
  std::string name() const override { return Device::backend_name(); }
  int threads() const override { return device_->threads(); }
  std::string description() const override { return device_->description(); }
  const Memory& memory() const override { return *device_; }
  const kernels::DifferenceMoments& difference_moments() const override {
    return difference_moments_;
  }
  const kernels::Features& features() const override { return features_; }
  const kernels::LatentLoss& latent_loss() const override { return latent_loss_; }
  const kernels::Moments& moments() const override { return moments_; }
  const kernels::Network& network() const override { return network_; }
  const kernels::Pairwise& pairwise() const override { return pairwise_; }
  const kernels::Simulate& simulate() const override { return simulate_; }
  const kernels::Solve& solve() const override { return solve_; }
  const kernels::Training& training() const override { return training_; }

 private:
  std::unique_ptr<Device> device_;
  DifferenceMoments difference_moments_;
  Features features_;
  LatentLoss latent_loss_;
  Moments moments_;
  Network network_;
  Pairwise pairwise_;
  Simulate simulate_;
  Solve solve_;
  Training training_;
};

}  // namespace

std::shared_ptr<const kernels::Operations> make_operations(std::unique_ptr<Device> device) {
  return std::make_shared<Operations>(std::move(device));
}

}  // namespace lodestein::kernels::LODESTEIN_GPU
