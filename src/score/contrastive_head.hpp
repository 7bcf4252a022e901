#pragma once

#include <Eigen/Dense>

#include "lodestein/core/backend.hpp"
#include "lodestein/score/contrastive.hpp"
#include "score/classes.hpp"

namespace lodestein {

/// A linear encoder with the head of contrastive estimation,
///   logit_m = -(constant_m + linear_m z_m + (lambda_m z_m)^2 - (B_m . z)^2),  z = encoder y,
/// in whitened coordinates centred at the observational mean. Also holds gradients of the same
/// shapes.
struct ContrastiveHead {
  Eigen::MatrixXd encoder;  ///< [K, d]
  Eigen::MatrixXd a;        ///< A [K, K], diagonal unused
  Eigen::VectorXd scale, lambda, linear, constant;

  ContrastiveHead(Eigen::Index k, Eigen::Index d)
      : encoder(Eigen::MatrixXd::Zero(k, d)),
        a(Eigen::MatrixXd::Zero(k, k)),
        scale(Eigen::VectorXd::Ones(k)),
        lambda(Eigen::VectorXd::Ones(k)),
        linear(Eigen::VectorXd::Zero(k)),
        constant(Eigen::VectorXd::Zero(k)) {}

  Eigen::Index count() const { return encoder.rows(); }
  Eigen::VectorXd packed() const {
    Eigen::VectorXd v(encoder.size() + a.size() + 4 * count());
    v << encoder.reshaped(), a.reshaped(), scale, lambda, linear, constant;
    return v;
  }
  void unpack(const Eigen::VectorXd& v) {
    Eigen::Index at = 0;
    const auto take = [&](auto&& to) {
      to = v.segment(at, to.size()).reshaped(to.rows(), to.cols());
      at += to.size();
    };
    take(encoder);
    take(a);
    take(scale);
    take(lambda);
    take(linear);
    take(constant);
    a.diagonal().setZero();
  }
  /// B_m = scale_m (e_m - A_m)
  Eigen::VectorXd row(Eigen::Index m) const {
    Eigen::VectorXd b = -scale(m) * a.row(m).transpose();
    b(m) += scale(m);
    return b;
  }
};

/// @throws InvalidArgument for more interventional environments than variables.
void check_contrastive(const Dataset& dataset);

/// Shifts the coordinates to where the observational training samples have mean 0.
void centre_observational(Classes& classes);

/// Its best fit to all training samples of centred classes; see contrastive_fit.
ContrastiveHead linear_contrastive_head(const Backend& backend, const Classes& classes,
                                        const ContrastiveOptions& options, Observer& observer);

}  // namespace lodestein
