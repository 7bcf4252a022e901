#pragma once

#include <Eigen/Dense>
#include <vector>

#include "lodestein/core/intervention.hpp"
#include "unmix/linear_problem.hpp"

namespace lodestein::unmix {

/// Profile negative log-likelihood per sample of a linear latent model,
///
///   f(H; pa) = -log|det H| + sum_i [ w_i/2 log s_i + sum_{e hits i} w_e/2 log t_ie ],
///
/// with z = H y, w_e = N_e / N, w_i the weight of the environments that leave i alone, s_i the
/// residual variance of z_i on its parents there, and t_ie the variance (hard) or the residual
/// variance on the same parents (soft) of z_i in environment e. Invariant to the scale of each row.
/// Environments that leave i alone share its intercept, so a shift of their means that i doesn't
/// explain counts as residual variance: mean shifts inform the fit like variances do.
/// Moments suffice, so it is a quasi-likelihood for any noise with finite variance.
class ProfileLikelihood {
 public:
  ProfileLikelihood(const LinearProblem& problem, Targets targets, Intervention intervention);
  /// Multi-node interventions: an environment hits a set of latents, and a latent has one and the
  /// same mechanism in all environments that hit it, so that t_i is pooled over them.
  ProfileLikelihood(const LinearProblem& problem, const TargetSets& targets,
                    Intervention intervention);

  /// f at H [n, n]; infinity where a variance is not positive. Cost: O(n sum_i (|pa(i)|+1) n).
  double value(const Eigen::MatrixXd& h, const ParentSets& parents) const;
  /// f and df/dH. [n, n], [n, n].
  double value_and_gradient(const Eigen::MatrixXd& h, const ParentSets& parents,
                            Eigen::MatrixXd& gradient) const;

  /// Hessian of f at H = I in the off-diagonal entries of H, packed by pack_off_diagonal.
  /// [n(n-1), n(n-1)]. The diagonal is left out: f doesn't depend on the scale of a row.
  Eigen::MatrixXd hessian_at_identity(const ParentSets& parents) const;

  /// The same likelihood for encoders of y' = h y: covariances h P h^T.
  ProfileLikelihood in_frame(const Eigen::MatrixXd& h) const;

  /// Regression of z_i on its parents where i is left alone: coefficients and residual variance.
  struct Mechanism {
    Eigen::VectorXd coefficients;  ///< one per parent, in the order of parents[i]
    double variance = 0.0;
  };
  Mechanism mechanism(const Eigen::MatrixXd& h, const std::vector<Eigen::Index>& parents,
                      Eigen::Index node) const;

  double total_samples() const { return total_; }
  /// 2 N (f_a - f_b): a likelihood ratio.
  double ratio(double f_a, double f_b) const { return 2.0 * total_ * (f_a - f_b); }
  Eigen::Index latents() const { return static_cast<Eigen::Index>(untouched_.size()); }
  /// Empty where environments hit sets of latents.
  const Targets& targets() const { return targets_; }
  Intervention intervention() const { return intervention_; }

 private:
  struct Term {
    double weight = 0.0;
    Eigen::MatrixXd covariance;
    bool with_parents = true;
  };
  double node(const Eigen::MatrixXd& h, const std::vector<Eigen::Index>& parents, Eigen::Index i,
              const Term& term, Eigen::MatrixXd* gradient) const;
  void add_hessian(const std::vector<Eigen::Index>& parents, Eigen::Index i, const Term& term,
                   Eigen::MatrixXd& hessian) const;
  double evaluate(const Eigen::MatrixXd& h, const ParentSets& parents,
                  Eigen::MatrixXd* gradient) const;

  Targets targets_;
  Intervention intervention_;
  double total_ = 0.0;
  std::vector<Term> untouched_;             // per latent: the environments that leave it alone
  std::vector<std::vector<Term>> touched_;  // per latent: each environment that hits it
};

/// Row-wise off-diagonal entries of a square matrix, and back. [n, n] <-> [n(n-1)]
Eigen::VectorXd pack_off_diagonal(const Eigen::MatrixXd& matrix);
Eigen::MatrixXd unpack_off_diagonal(const Eigen::VectorXd& packed, Eigen::Index n);

}  // namespace lodestein::unmix
