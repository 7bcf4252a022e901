#pragma once

#include <Eigen/Dense>
#include <cstdint>
#include <vector>

#include "lodestein/core/random.hpp"
#include "unmix/linear_problem.hpp"

namespace lodestein::unmix {

/// Functions of a latent's parents, linear in coefficients: 1, z_j, z_j z_k and F multiquadrics
/// sqrt((u . (z - b))^2 + (v . (z - b))^2 + delta) of random unit directions u, v and centres b; v
/// = 0 in every other one, which makes it a smooth hinge. Cauchy directions lie near few axes, so
/// that many features concern few parents. Parents have unit variance. The same draws serve every
/// set of parents.
class MechanismBasis {
 public:
  MechanismBasis(Eigen::Index latents, Seed seed);
  /// Features of p parents.
  static Eigen::Index size(Eigen::Index p);

  /// psi at the rows of `z` [B, n]. -> [B, m]
  void evaluate(const Eigen::MatrixXd& z, const std::vector<Eigen::Index>& parents,
                Eigen::MatrixXd& psi) const;
  /// d (psi . theta) / d z_pa at the rows of `z`. -> [B, p]
  void gradients(const Eigen::MatrixXd& z, const std::vector<Eigen::Index>& parents,
                 const Eigen::VectorXd& theta, Eigen::MatrixXd& gradients) const;

 private:
  // A unit direction and an offset per feature, in the coordinates of some parents.
  struct Ridges {
    Eigen::MatrixXd directions;  // [p, F]
    Eigen::RowVectorXd offsets;
  };
  Ridges ridges(int which, const std::vector<Eigen::Index>& parents) const;
  Eigen::MatrixXd directions_[2];  // [n, F]
  Eigen::MatrixXd centres_;        // [n, F]
};

/// Profile negative log-likelihood per sample of additive noise latents under hard interventions,
///
///   f(H; pa) = -log|det H| + sum_i [ w_i/2 log s_i + sum_{e hits i} w_e/2 log t_ie ],
///
/// with z = H y, w_e = N_e / N, w_i the weight of the environments that leave i alone, s_i the
/// residual mean square of the ridge regression of z_i on MechanismBasis features of its parents
/// there (penalty included), and t_ie the variance of z_i in environment e. Coordinates: y centred
/// and whitened over all samples; rows of H count as scaled to unit length, which gives z unit
/// variance and makes f invariant to their scale.
/// Deterministic: the same bits for any thread count.
class AdditiveLikelihood {
 public:
  /// y[e] [N_e, n], the observational environment first; whitened: y' = root (y - centre).
  AdditiveLikelihood(const std::vector<Eigen::MatrixXd>& y, Targets targets, Seed seed,
                     std::size_t threads);

  /// Whitened coordinates from given ones. [n, n]
  const Eigen::MatrixXd& root() const { return root_; }
  Eigen::Index latents() const { return root_.rows(); }
  double total_samples() const { return total_; }
  /// 2 N (f_a - f_b): a likelihood ratio.
  double ratio(double f_a, double f_b) const { return 2.0 * total_ * (f_a - f_b); }

  /// f at H [n, n], and df/dH unless null. Infinity where a variance is not positive.
  /// Cost: sum_i N m_i^2 multiply-adds.
  double evaluate(const Eigen::MatrixXd& h, const ParentSets& parents,
                  Eigen::MatrixXd* gradient) const;

  /// z = H y' of every chunk of samples.
  std::vector<Eigen::MatrixXd> encode(const Eigen::MatrixXd& h) const;
  /// w_i/2 log s_i for many (latent, parents) at fixed latents.
  std::vector<double> node_terms(
      const std::vector<Eigen::MatrixXd>& z,
      const std::vector<std::pair<Eigen::Index, std::vector<Eigen::Index>>>& nodes) const;

 private:
  struct Chunk {
    Eigen::MatrixXd y;  // [B, n]
    std::size_t environment = 0;
  };
  struct Fit {
    Eigen::VectorXd theta;
    double s = 0.0;
  };
  bool hits(const Chunk& chunk, Eigen::Index node) const;
  std::vector<Fit> regress(
      const std::vector<Eigen::MatrixXd>& z,
      const std::vector<std::pair<Eigen::Index, std::vector<Eigen::Index>>>& nodes) const;

  Targets targets_;
  MechanismBasis basis_;
  int threads_ = 1;
  Eigen::MatrixXd root_;
  std::vector<Chunk> chunks_;
  std::vector<double> samples_;    // per environment
  std::vector<double> untouched_;  // per latent: samples that leave it alone
  double total_ = 0.0;
};

}  // namespace lodestein::unmix
