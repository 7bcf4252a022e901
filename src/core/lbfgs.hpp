#pragma once

#include <LBFGS.h>

#include <Eigen/Dense>
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

/// Goes down from v. objective(v, gradient) returns the value and remembers what it wants to keep:
/// the last point is not always the best one. What it throws comes out again.
template <class Objective>
void go_down(const LBFGSpp::LBFGSParam<double>& settings, Objective& objective, Eigen::VectorXd v) {
  LBFGSpp::LBFGSSolver<double, LBFGSpp::LineSearchBacktracking> solver(settings);
  double f = 0.0;
  try {
    solver.minimize(objective, v, f);
  } catch (const Error&) {
    throw;
  } catch (const std::runtime_error&) {
    // LBFGSpp reports a line search that finds no further decrease by throwing one of these two.
  } catch (const std::logic_error&) {
  }
}

}  // namespace lodestein
