#pragma once

#include <Eigen/Dense>
#include <memory>
#include <vector>

#include "kernels/operations.hpp"
#include "lodestein/core/backend.hpp"
#include "lodestein/score/encoder.hpp"
#include "score/ratio.hpp"
#include "score/whitening.hpp"

namespace lodestein {

/// The outputs of a network with causal logits, z = h(W (x - mean)).
class LatentNetwork final : public Encoder::Model {
 public:
  LatentNetwork(Backend backend, Whitening whitening, const kernels::NetworkShape& shape,
                const std::vector<float>& parameters);
  std::size_t dimension() const override { return shape_.inputs; }
  std::size_t latents() const override { return shape_.outputs; }
  Matrix encode(ConstMatrixView x) const override;
  /// J^T u with J = dz/dx at the rows of x. [N, d], [N, n] -> [N, d]
  Matrix pullback(ConstMatrixView x, ConstMatrixView u) const;

 private:
  void run(ConstMatrixView x, kernels::NetworkEvaluation wanted) const;

  Backend backend_;
  Whitening whitening_;
  kernels::NetworkShape shape_;
  kernels::Buffer<float> parameters_;
};

/// Parameters of the causal logits.
struct CausalLogits {
  Eigen::MatrixXd rows;  ///< B [K, K]
  Eigen::VectorXd lambda, linear, constant;

  CausalLogits(const kernels::NetworkShape& shape, const std::vector<float>& parameters);
  double logit(Eigen::Index m, const Eigen::VectorXd& z) const;
  /// d logit_m / dz
  Eigen::VectorXd gradient(Eigen::Index m, const Eigen::VectorXd& z) const;
};

/// Log-ratios that are causal logits, less log n_m / n_0.
class CausalRatio final : public RatioModel {
 public:
  CausalRatio(std::shared_ptr<const LatentNetwork> network, CausalLogits logits,
              std::vector<double> log_priors)
      : network_(std::move(network)),
        logits_(std::move(logits)),
        log_priors_(std::move(log_priors)) {}
  std::size_t dimension() const override { return network_->dimension(); }
  std::size_t environments() const override { return network_->latents(); }
  Matrix evaluate(ConstMatrixView x, std::size_t m) const override;
  std::vector<double> log_ratio(ConstMatrixView x, std::size_t m) const override;

 private:
  std::shared_ptr<const LatentNetwork> network_;
  CausalLogits logits_;
  std::vector<double> log_priors_;
};

}  // namespace lodestein
