#pragma once

#include <LBFGS.h>

#include <Eigen/Dense>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "lodestein/core/error.hpp"

namespace lodestein {

/// L-BFGS with backtracking until the norm of the gradient is at most `epsilon`.
inline LBFGSpp::LBFGSParam<double> lbfgs_settings(double epsilon, int iterations) {
  LBFGSpp::LBFGSParam<double> settings;
  settings.m = 10;
  settings.epsilon = epsilon;
  settings.epsilon_rel = 0.0;
  settings.max_iterations = iterations;
  settings.max_linesearch = 30;
  settings.linesearch = LBFGSpp::LBFGS_LINESEARCH_BACKTRACKING_ARMIJO;
  return settings;
}

/// The best point seen, which is not always the last one.
struct Lowest {
  Eigen::VectorXd point;
  double value = std::numeric_limits<double>::infinity();
};

/// Goes down from lowest.point and leaves the best point there; objective(v, gradient) returns the
/// value, which needn't be finite. What it throws comes out again; `lowest` is as good as it got.
template <class Objective>
void go_down(const LBFGSpp::LBFGSParam<double>& settings, Objective& objective, Lowest& lowest) {
  constexpr double out_of_reach = 1e300;  // the line search steps back from here
  const auto guarded = [&](const Eigen::VectorXd& v, Eigen::VectorXd& gradient) {
    const double f = objective(v, gradient);
    if (!std::isfinite(f) || !gradient.allFinite()) {
      gradient = Eigen::VectorXd::Zero(v.size());
      return out_of_reach;
    }
    if (f < lowest.value) lowest = {v, f};
    return f;
  };
  LBFGSpp::LBFGSSolver<double, LBFGSpp::LineSearchBacktracking> solver(settings);
  Eigen::VectorXd v = lowest.point;
  double f = 0.0;
  try {
    solver.minimize(guarded, v, f);
  } catch (const Error&) {
    throw;
  } catch (const std::runtime_error&) {
    // LBFGSpp reports a line search that finds no further decrease by throwing one of these two.
  } catch (const std::logic_error&) {
  }
}

}  // namespace lodestein
