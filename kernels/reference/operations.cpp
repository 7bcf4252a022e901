#include "kernels/reference/operations.hpp"

#include "kernels/reference/difference_moments.hpp"
#include "kernels/reference/features.hpp"
#include "kernels/reference/latent_loss.hpp"
#include "kernels/reference/moments.hpp"
#include "kernels/reference/network.hpp"
#include "kernels/reference/pairwise.hpp"
#include "kernels/reference/simulate.hpp"
#include "kernels/reference/solve.hpp"
#include "kernels/reference/training.hpp"

namespace lodestein::kernels::reference {
namespace {

class Operations final : public kernels::Operations {
 public:
  std::string name() const override { return "reference"; }
  int threads() const override { return 1; }
  std::string description() const override { return "reference: naive, 1 thread"; }
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

std::shared_ptr<const kernels::Operations> make_operations() {
  return std::make_shared<Operations>();
}

}  // namespace lodestein::kernels::reference
