#pragma once

#include <Eigen/Dense>
#include <memory>
#include <vector>

#include "lodestein/score/gaussian.hpp"
#include "score/ratio.hpp"

namespace lodestein {

/// log p_m / p_0 of two Gaussians, constant + linear . u + u^T quadratic u with u = x - centre.
struct GaussianRatio {
  Eigen::VectorXd centre;  ///< mean of p_0
  double constant = 0.0;
  Eigen::VectorXd linear;
  Eigen::MatrixXd quadratic;  ///< symmetric

  double operator()(const Eigen::VectorXd& u) const {
    return constant + linear.dot(u) + u.dot(quadratic * u);
  }
};

/// Scores of all environments, the observational one first -> [K].
std::vector<GaussianRatio> gaussian_ratios(const std::vector<GaussianScore>& scores);

/// Score differences of Gaussian fits.
class GaussianDifferences final : public RatioModel {
 public:
  explicit GaussianDifferences(const std::vector<GaussianScore>& scores)
      : ratios_(gaussian_ratios(scores)), dimension_(scores.front().mean.size()) {}
  std::size_t dimension() const override { return dimension_; }
  std::size_t environments() const override { return ratios_.size(); }
  Matrix evaluate(ConstMatrixView x, std::size_t m) const override;
  std::vector<double> log_ratio(ConstMatrixView x, std::size_t m) const override;

 private:
  std::vector<GaussianRatio> ratios_;
  std::size_t dimension_;
};

}  // namespace lodestein
