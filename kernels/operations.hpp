#pragma once

#include <string>

#include "kernels/moments.hpp"

namespace lodestein::kernels {

/// All operations of one backend.
class Operations {
 public:
  virtual ~Operations() = default;
  virtual std::string name() const = 0;
  virtual int threads() const = 0;
  virtual std::string description() const = 0;
  virtual const Moments& moments() const = 0;
};

}  // namespace lodestein::kernels
