#pragma once

#include <Eigen/Dense>
#include <vector>

#include "lodestein/core/random.hpp"
#include "unmix/linear_problem.hpp"

namespace lodestein::unmix {

/// A latent as a function of its parents, up to the coefficients c of
///
///   f(z) = c_0 + c . z + sum_k c_k sqrt(smoothing + |W_k z + b_k|^2):
///
/// linear plus a few multiquadrics, whose matrices W_k [r, p] and offsets b_k are learned. One
/// multiquadric can be a hinge, a cone or a bowl.
struct AdditiveMechanism {
  std::vector<Eigen::Index> parents;
  Eigen::MatrixXd units;  ///< [K r, p + 1]: the rows of (W_k, b_k), one k after the other
};
using Mechanisms = std::vector<AdditiveMechanism>;

ParentSets parents_of(const Mechanisms& mechanisms);

/// Where the learning of multiquadrics starts: fixed draws for each latent and each of its parents.
class MechanismDraws {
 public:
  MechanismDraws(Eigen::Index latents, Seed seed);
  /// `from` with other parents: columns of parents that stay are kept, the others drawn.
  AdditiveMechanism with_parents(Eigen::Index latent, const AdditiveMechanism& from,
                                 const std::vector<Eigen::Index>& parents) const;
  Mechanisms with_parents(const Mechanisms& from, const ParentSets& parents) const;
  /// Parameters that a latent's last of p parents adds.
  static double degrees(std::size_t p);

 private:
  std::vector<Eigen::MatrixXd> draws_;  // per latent [K r, n + 1]
};

/// Multiquadrics' forms (W_k, b_k)^T (W_k, b_k) as unmix/multiquadrics.hpp wants them.
/// Empty without parents.
std::vector<double> packed_forms(const AdditiveMechanism& mechanism);
/// Derivative by the units, given sums over samples of x_j x_l c_k laid out like forms.
Eigen::MatrixXd through_forms(const AdditiveMechanism& mechanism, const std::vector<double>& sums);

}  // namespace lodestein::unmix
