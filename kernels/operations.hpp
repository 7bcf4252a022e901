#pragma once

#include <string>

#include "kernels/memory.hpp"
#include "kernels/moments.hpp"
#include "kernels/network.hpp"
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
  virtual const Moments& moments() const = 0;
  virtual const Network& network() const = 0;
  virtual const Training& training() const = 0;
};

}  // namespace lodestein::kernels
