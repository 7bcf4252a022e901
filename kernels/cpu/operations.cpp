#include "kernels/cpu/operations.hpp"

#include "kernels/cpu/difference_moments.hpp"
#include "kernels/cpu/features.hpp"
#include "kernels/cpu/latent_loss.hpp"
#include "kernels/cpu/moments.hpp"
#include "kernels/cpu/network.hpp"
#include "kernels/cpu/pairwise.hpp"
#include "kernels/cpu/products.hpp"
#include "kernels/cpu/simulate.hpp"
#include "kernels/cpu/solve.hpp"
#include "kernels/cpu/training.hpp"

namespace lodestein::kernels::cpu {
namespace {

class Operations final : public kernels::Operations {
 public:
  explicit Operations(int threads)
      : threads_(threads),
        difference_moments_(threads),
        features_(threads),
        latent_loss_(threads),
        moments_(threads),
        network_(threads),
        pairwise_(threads),
        simulate_(threads),
        solve_(threads),
        training_(threads) {}
  std::string name() const override { return "cpu"; }
  int threads() const override { return threads_; }
  std::string description() const override {
    return "cpu: " + std::to_string(threads_) + (threads_ == 1 ? " thread, " : " threads, ") +
           instruction_set();
  }
  const Memory& memory() const override { return host_memory(); }
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
  int threads_;
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

std::shared_ptr<const kernels::Operations> make_operations(int threads) {
  return std::make_shared<Operations>(threads);
}

}  // namespace lodestein::kernels::cpu
