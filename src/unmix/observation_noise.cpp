#include "unmix/observation_noise.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/percent.hpp"
#include "unmix/chi_square.hpp"

namespace lodestein::unmix {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double rounding = 1e-12;  // beside the largest eigenvalue

double total(const std::vector<double>& samples) {
  double sum = 0.0;
  for (const double n : samples) sum += n;
  return sum;
}

// Of the variance along any direction; not positive if noise is more than there is.
double least_signal(const MatrixXd& covariance, const MatrixXd& noise) {
  const Eigen::GeneralizedSelfAdjointEigenSolver<MatrixXd> eigen(noise, covariance,
                                                                 Eigen::EigenvaluesOnly);
  return eigen.info() == Eigen::Success ? 1.0 - eigen.eigenvalues().maxCoeff() : 0.0;
}

// A (I / v - W^T W)^-1 A^T. Where an invariant coordinate holds noise only, there is no cause.
MatrixXd noise_in(const Subspace& subspace, double variance) {
  const MatrixXd& a = subspace.basis;
  const MatrixXd& w = subspace.invariant;
  MatrixXd noise = variance * a * a.transpose();
  if (w.rows() == 0) return noise;
  const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(variance * w * w.transpose());
  const MatrixXd across = variance * a * w.transpose() * eigen.eigenvectors();
  for (Index i = 0; i < w.rows(); ++i) {
    const double cause = 1.0 - eigen.eigenvalues()(i);
    if (cause > rounding) noise += across.col(i) * across.col(i).transpose() / cause;
  }
  return noise;
}

// Signal in the direction with least is told from none by three standard errors of a variance.
bool told_from_none(double signal, double samples) {
  return signal > 3.0 * std::sqrt(2.0 / samples);
}

}  // namespace

double even_noise_p_value(const VectorXd& eigenvalues, double samples, double scale) {
  if (eigenvalues.size() < 2) return 1.0;  // one direction is always as strong as itself
  const VectorXd values = eigenvalues.cwiseMax(0.0);
  const auto q = static_cast<double>(values.size());
  const double mean = values.mean();
  if (!(mean > rounding * scale)) return 1.0;
  const double u = values.squaredNorm() / (q * mean * mean) - 1.0;
  return chi_square_tail(0.5 * samples * q * u, 0.5 * q * (q + 1.0) - 1.0);
}

LinearProblem ObservationNoise::removed_from(LinearProblem problem) const {
  if (covariance.size() == 0) return problem;
  for (MatrixXd& s : problem.covariance) s -= covariance;
  for (std::size_t e = 0; e < problem.samples.size(); ++e) problem.samples[e] *= samples_share[e];
  return problem;
}

ObservationNoise observation_noise(const Subspace& subspace, const LinearProblem& problem) {
  const Index left = static_cast<Index>(subspace.rank()) - subspace.components;
  if (left < 2) return {};
  const VectorXd rest = subspace.eigenvalues.segment(subspace.components, left);
  const double scale = subspace.eigenvalues(0);
  if (even_noise_p_value(rest, total(problem.samples), scale) < even_noise_level) return {};
  const double variance = rest.mean();
  ObservationNoise noise{std::sqrt(variance), noise_in(subspace, variance), {}};
  for (std::size_t e = 0; e < problem.covariance.size(); ++e) {
    const double signal = least_signal(problem.covariance[e], noise.covariance);
    if (!told_from_none(signal, problem.samples[e])) return {};
    noise.samples_share.push_back(signal * signal);
  }
  return noise;
}

void find_noise(const ObservationNoise& noise, std::vector<Finding>& findings) {
  if (noise.covariance.size() == 0) return;
  char deviation[32];
  std::snprintf(deviation, sizeof deviation, "%.3g", noise.deviation);
  findings.push_back(
      {Severity::note, "observation-noise",
       std::string("independent noise with a standard deviation of ") + deviation +
           " on every feature is taken out of the moments, which are then worth " +
           percent(*std::min_element(noise.samples_share.begin(), noise.samples_share.end())) +
           " of the samples or more",
       "what is beside the latent directions looks like such noise; --observation-noise none "
       "takes it for signal"});
}

}  // namespace lodestein::unmix
