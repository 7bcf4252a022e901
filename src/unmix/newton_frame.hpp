#pragma once

#include <Eigen/Dense>
#include <limits>

#include "unmix/likelihood.hpp"

namespace lodestein::unmix {

/// Coordinates in which the profile likelihood near an encoder is nearly |u|^2 / 2, so that L-BFGS
/// needs a handful of steps and half the squared gradient is the decrease that is left:
/// H = (I + unpack(L^-T u)) base with L L^T the Hessian at the base. One frame serves many nearby
/// parent sets.
class NewtonFrame {
 public:
  /// @param base [n, n], regular; rows are rescaled to unit residual variance.
  NewtonFrame(const ProfileLikelihood& likelihood, const Eigen::MatrixXd& base,
              const ParentSets& parents);

  /// Minimises f over H, starting from `h`, until the likelihood ratio to the minimum is about
  /// `tolerance`; writes the minimiser and returns the minimum. Infinity if f can't be evaluated.
  /// Gives up early, with f as far as it got, once the minimum can hardly be below `give_up_above`.
  double minimise(Eigen::MatrixXd& h, const ParentSets& parents, double tolerance,
                  double give_up_above = std::numeric_limits<double>::infinity()) const;

 private:
  Eigen::MatrixXd base_, base_inverse_;
  ProfileLikelihood local_;
  Eigen::MatrixXd factor_;  // L, lower triangular
};

/// Minimises f from far away: frames are renewed until one no longer moves its base.
double minimise_from_afar(const ProfileLikelihood& likelihood, Eigen::MatrixXd& h,
                          const ParentSets& parents, double tolerance);

}  // namespace lodestein::unmix
