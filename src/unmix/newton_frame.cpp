#include "unmix/newton_frame.hpp"

#include <cmath>
#include <limits>

#include "core/lbfgs.hpp"

namespace lodestein::unmix {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double infinity = std::numeric_limits<double>::infinity();

// Rows scaled so that each latent has residual variance 1 where it is left alone.
MatrixXd scaled(const ProfileLikelihood& likelihood, MatrixXd h, const ParentSets& parents) {
  for (Index i = 0; i < h.rows(); ++i) {
    const double variance =
        likelihood.mechanism(h, parents[static_cast<std::size_t>(i)], i).variance;
    if (variance > 0.0 && std::isfinite(variance)) h.row(i) /= std::sqrt(variance);
  }
  return h;
}

// Away from a minimum, or in the flat directions of soft interventions, the Hessian isn't positive
// definite: the smallest ridge that makes it so, from a geometric ladder.
MatrixXd positive_factor(MatrixXd hessian) {
  if (hessian.size() == 0) return hessian;  // one latent: nothing but scale
  const double scale = std::max(hessian.diagonal().cwiseAbs().mean(), 1e-12);
  double ridge = 1e-6 * scale;
  while (true) {
    hessian.diagonal().array() += ridge;
    const Eigen::LLT<MatrixXd> llt(hessian);
    if (llt.info() == Eigen::Success && llt.matrixLLT().diagonal().minCoeff() > 0.0) {
      return llt.matrixL();
    }
    ridge *= 8.0;
    if (!(ridge < 1e12 * scale)) return MatrixXd::Identity(hessian.rows(), hessian.cols());
  }
}

// Thrown by the objective to leave the solver.
struct GiveUp {};

// In the frame |g|^2 / 2 estimates the decrease that is left; a minimum further below is unlikely.
constexpr double most_decrease = 20.0;
constexpr int patience = 6;  // evaluations before that estimate is believed

}  // namespace

NewtonFrame::NewtonFrame(const ProfileLikelihood& likelihood, const MatrixXd& base,
                         const ParentSets& parents)
    : base_(scaled(likelihood, base, parents)),
      base_inverse_(base_.inverse()),
      local_(likelihood.in_frame(base_)),
      factor_(positive_factor(local_.hessian_at_identity(parents))) {}

double NewtonFrame::minimise(MatrixXd& h, const ParentSets& parents, double tolerance,
                             double give_up_above) const {
  const Index n = base_.rows();
  const auto lower = factor_.triangularView<Eigen::Lower>();
  const double log_det_base = log_abs_determinant(base_);

  MatrixXd local = h * base_inverse_;
  for (Index i = 0; i < n; ++i) {
    if (local(i, i) == 0.0) return infinity;
    local.row(i) /= local(i, i);
  }
  MatrixXd gradient_h;
  const auto evaluate = [&](const VectorXd& u, VectorXd& gradient) {
    MatrixXd at = unpack_off_diagonal(lower.transpose().solve(u), n);
    at.diagonal().setOnes();
    const double f = local_.value_and_gradient(at, parents, gradient_h);
    if (std::isfinite(f)) gradient = lower.solve(pack_off_diagonal(gradient_h));
    return f;
  };
  VectorXd u = lower.transpose() * pack_off_diagonal(local), gradient;
  double best = evaluate(u, gradient);
  if (!std::isfinite(best)) return infinity;
  const double small = std::sqrt(tolerance / local_.total_samples());  // |g|^2 / 2 is still to gain
  const double unit = gradient.norm();
  if (unit > small) {
    // LBFGSpp's first step has length 1, so a unit is made as long as the Newton step.
    int evaluations = 0;
    const auto objective = [&](const VectorXd& point, VectorXd& gradient_v) {
      const double f = evaluate(unit * point, gradient_v);
      const double least_to_come = f - most_decrease * 0.5 * gradient_v.squaredNorm();
      if (++evaluations > patience && !(least_to_come <= give_up_above + log_det_base))
        throw GiveUp{};
      gradient_v *= unit;
      return f;
    };
    LBFGSpp::LBFGSParam<double> settings = lbfgs_settings(small * unit, 300);
    settings.m = 8;
    Lowest lowest{u / unit, best};
    try {
      go_down(settings, objective, lowest);
    } catch (const GiveUp&) {
    }
    best = lowest.value;
    u = unit * lowest.point;
  }
  MatrixXd at = unpack_off_diagonal(lower.transpose().solve(u), n);
  at.diagonal().setOnes();
  h = at * base_;
  return best - log_det_base;
}

double minimise_from_afar(const ProfileLikelihood& likelihood, MatrixXd& h,
                          const ParentSets& parents, double tolerance) {
  double f = likelihood.value(h, parents);
  for (int round = 0; round < 20; ++round) {
    const double next = NewtonFrame(likelihood, h, parents).minimise(h, parents, tolerance);
    const bool settled = !(likelihood.ratio(f, next) > tolerance);
    f = std::min(f, next);
    if (settled) break;
  }
  return f;
}

}  // namespace lodestein::unmix
