#pragma once

#include "core/eigen.hpp"
#include "lodestein/score/stein.hpp"

namespace lodestein {

/// What a Stein fit keeps for estimates at its samples, all in the coordinates of x. [N, d]
class SteinFit::State {
 public:
  virtual ~State() = default;
  virtual RowMajor scores() const = 0;
  virtual RowMajor hessian_diagonal() const = 0;
  virtual RowMajor hessian_row(Eigen::Index l) const = 0;
};

}  // namespace lodestein
