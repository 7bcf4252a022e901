#pragma once

#include <Eigen/Dense>
#include <cstddef>
#include <memory>
#include <vector>

#include "lodestein/core/backend.hpp"
#include "lodestein/unmix/gscale.hpp"

namespace lodestein::unmix {

/// Pair differences where the points have mean 0 and covariance I, each pair in units of its root
/// mean square.
struct WhitenedPairs {
  Eigen::MatrixXd points;                    ///< [N, n]
  std::vector<Eigen::MatrixXd> differences;  ///< of pair m [N, n]

  Eigen::Index latents() const { return points.cols(); }
  /// The share of points that is held out (every k-th), or the others.
  WhitenedPairs part(double held_out, bool wanted) const;
};

/// |u| is rounded off to sqrt(u^2 + smoothing^2) where D_ii = 1.
constexpr double smoothing = 0.01;

/// E[d d^T]. [N, n] -> [n, n]
inline Eigen::MatrixXd second_moment(const Eigen::MatrixXd& d) {
  return d.transpose() * d / static_cast<double>(d.rows());
}

/// 1/n sum_i sum_{m != i} D_mi / D_ii, D [m, i].
double leak(const Eigen::MatrixXd& absolute);
/// Its derivative. [m, i]
Eigen::MatrixXd leak_gradient(const Eigen::MatrixXd& absolute);

/// D_mi = E|(H^-T d^m)_i| as a function of W = H^-1, on a backend.
class LinearLeak {
 public:
  LinearLeak(const Backend& backend, const WhitenedPairs& pairs);
  /// D [m, i]; |u| rounded off to sqrt(u^2 + rounding^2).
  Eigen::MatrixXd absolute(const Eigen::MatrixXd& w, double rounding = 0.0) const;
  /// leak(D), and its derivative in W unless null.
  double evaluate(const Eigen::MatrixXd& w, double rounding, Eigen::MatrixXd* gradient) const;

 private:
  struct Data;
  std::shared_ptr<const Data> data_;
};

struct Disentangled {
  Eigen::MatrixXd encoder;  ///< H, rows of norm 1: variance 1
  double objective = 0.0;   ///< at held-out points
  std::vector<GscaleCandidate> candidates;
};

/// The best linear encoder.
Disentangled disentangle(const Backend& backend, const WhitenedPairs& pairs,
                         const GscaleOptions& options, Seed seed, Observer& observer);

/// The sign of a Jacobian's determinant; 0 if it is singular.
int orientation(const Eigen::PartialPivLU<Eigen::MatrixXd>& jacobian);
/// The share of points where it is 0 or not that of most: an invertible encoder has none.
double folded_share(const std::vector<int>& orientations);

/// A network encoder that starts from the linear one.
struct NetworkDisentangled {
  std::shared_ptr<const LatentMap::Model> model;  ///< in whitened coordinates
  std::vector<float> parameters;                  ///< as in NetworkEncoder
  double objective = 0.0;                         ///< with the penalty on folds
  double folded = 0.0;  ///< share of held-out points where the Jacobian is singular or turns
  std::vector<GscaleCandidate> candidates;
};
NetworkDisentangled disentangle_by_network(const Backend& backend, const WhitenedPairs& pairs,
                                           const Eigen::MatrixXd& encoder,
                                           const GscaleOptions& options, Seed seed,
                                           Observer& observer);

}  // namespace lodestein::unmix
