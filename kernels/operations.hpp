#pragma once

#include <string>

#include "kernels/difference_moments.hpp"
#include "kernels/features.hpp"
#include "kernels/latent_loss.hpp"
#include "kernels/memory.hpp"
#include "kernels/moments.hpp"
#include "kernels/network.hpp"
#include "kernels/pairwise.hpp"
#include "kernels/simulate.hpp"
#include "kernels/solve.hpp"
#include "kernels/training.hpp"

namespace lodestein::kernels {

/// All operations of one backend, on arrays in its memory.
class Operations {
 public:
  virtual ~Operations() = default;
  virtual std::string name() const = 0;
  virtual int threads() const = 0;
  virtual std::string description() const = 0;
  virtual const Memory& memory() const = 0;
  virtual const DifferenceMoments& difference_moments() const = 0;
  virtual const Features& features() const = 0;
  virtual const LatentLoss& latent_loss() const = 0;
  virtual const Moments& moments() const = 0;
  virtual const Network& network() const = 0;
  virtual const Pairwise& pairwise() const = 0;
  virtual const Simulate& simulate() const = 0;
  virtual const Solve& solve() const = 0;
  virtual const Training& training() const = 0;
};

}  // namespace lodestein::kernels
