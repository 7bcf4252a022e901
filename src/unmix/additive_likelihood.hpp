#pragma once

#include <Eigen/Dense>
#include <vector>

#include "unmix/additive_mechanism.hpp"

namespace lodestein::unmix {

/// Profile negative log-likelihood per sample of additive noise latents under hard interventions,
///
///   f(H; mechanisms) = -log|det H| + sum_i [ w_i/2 log s_i + sum_{e hits i} w_e/2 log t_ie ],
///
/// with z = H y, w_e = N_e / N, w_i the weight of the environments that leave i alone, s_i the
/// residual mean square of the ridge regression of z_i on its mechanism there (penalty included),
/// and t_ie the variance of z_i in environment e. Coordinates: y centred and whitened over all
/// samples; rows of H count as scaled to unit length, which gives z unit variance and makes f
/// invariant to their scale.
/// Deterministic: the same bits for any thread count.
class AdditiveLikelihood {
 public:
  /// y[e] [N_e, n], the observational environment first; whitened: y' = root (y - centre).
  AdditiveLikelihood(const std::vector<Eigen::MatrixXd>& y, Targets targets, std::size_t threads);

  /// Whitened coordinates from given ones. [n, n]
  const Eigen::MatrixXd& root() const { return root_; }
  Eigen::Index latents() const { return root_.rows(); }
  double total_samples() const { return total_; }
  /// 2 N (f_a - f_b): a likelihood ratio.
  double ratio(double f_a, double f_b) const { return 2.0 * total_ * (f_a - f_b); }

  struct Gradient {
    Eigen::MatrixXd h;
    std::vector<Eigen::MatrixXd> units;  ///< of every mechanism
  };
  /// f at H [n, n], and its gradient unless null. Infinity where a variance is not positive.
  double evaluate(const Eigen::MatrixXd& h, const Mechanisms& mechanisms, Gradient* gradient) const;

  /// Latents of every chunk of samples, padded. [rows, n] each
  using Latents = std::vector<Eigen::MatrixXd>;
  Latents encode(const Eigen::MatrixXd& h) const;
  /// w_i/2 log s_i, and its gradient by the mechanism's units unless null.
  double node(const Latents& z, Eigen::Index i, const AdditiveMechanism& mechanism,
              Eigen::MatrixXd* gradient) const;

  /// How the samples of each interventional environment fit.
  struct Check {
    /// Deviance of mean and covariance of all residuals, each in its own unit, from 0 and I; the
    /// target's is its deviation from its mean where it is hit. Per degree of freedom.
    std::vector<double> deviance;
    /// Log-likelihood gain of each target over the next best one or none, f's minimiser as it is.
    std::vector<double> gains;
  };
  Check check(const Eigen::MatrixXd& h, const Mechanisms& mechanisms) const;

 private:
  struct Chunk {
    Eigen::MatrixXd y;    // [rows, n], rows padded with zeros
    Eigen::VectorXd one;  // 1, and 0 where padded
    std::size_t environment = 0;
  };
  struct Fit {
    Eigen::VectorXd theta;
    double s = 0.0;
  };
  struct Work;
  struct Hits;
  bool hits(const Chunk& chunk, Eigen::Index node) const;
  void add_chunk(const Eigen::MatrixXd& samples, Eigen::Index first, Eigen::Index rows,
                 std::size_t environment, const Eigen::VectorXd& mean);
  /// Of latents first, first + 1, ...
  std::vector<Fit> regress(const Latents& z, const Mechanisms& mechanisms,
                           Eigen::Index first = 0) const;
  void add_slopes(std::size_t chunk, const Latents& z, Eigen::Index i,
                  const AdditiveMechanism& mechanism, const Fit& fit, Work& work,
                  Eigen::MatrixXd& slope, std::vector<double>& form_sums) const;
  Gradient differentiate(const Latents& z, const Mechanisms& mechanisms,
                         const std::vector<Fit>& fits, const Hits& hit) const;
  Eigen::MatrixXd residuals(std::size_t chunk, const Latents& z, const Mechanisms& mechanisms,
                            const std::vector<Fit>& fits) const;
  Hits hit_moments(const Latents& z) const;

  Targets targets_;
  int threads_ = 1;
  Eigen::MatrixXd root_;
  std::vector<Chunk> chunks_;
  std::vector<double> samples_;    // per environment
  std::vector<double> untouched_;  // per latent: samples that leave it alone
  double total_ = 0.0;
};

}  // namespace lodestein::unmix
