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
constexpr double samples_per_latent = 10.0;

double total(const std::vector<double>& samples) {
  double sum = 0.0;
  for (const double n : samples) sum += n;
  return sum;
}

MatrixXd pooled(const LinearProblem& problem) {
  MatrixXd sum = MatrixXd::Zero(problem.latents(), problem.latents());
  for (std::size_t e = 0; e < problem.covariance.size(); ++e)
    sum += problem.samples[e] * problem.covariance[e];
  return sum / total(problem.samples);
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

bool worth_removing(const ObservationNoise& noise, const LinearProblem& problem) {
  const double fewest = *std::min_element(problem.samples.begin(), problem.samples.end());
  const double wanted = samples_per_latent * static_cast<double>(problem.latents());
  if (noise.samples_share * fewest < wanted) return false;
  return std::all_of(problem.covariance.begin(), problem.covariance.end(),
                     [&](const MatrixXd& s) { return least_signal(s, noise.covariance) > 0.0; });
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
  for (double& n : problem.samples) n *= samples_share;
  return problem;
}

ObservationNoise observation_noise(const Subspace& subspace, const LinearProblem& problem) {
  const Index left = subspace.eigenvalues.size() - subspace.components;
  const VectorXd rest = subspace.eigenvalues.tail(left);
  const double scale = subspace.eigenvalues(0);
  if (left < 2 || !(rest.mean() > rounding * scale)) return {};
  if (even_noise_p_value(rest, total(problem.samples), scale) < even_noise_level) return {};
  const double variance = rest.mean();
  ObservationNoise noise{std::sqrt(variance), noise_in(subspace, variance), 1.0};
  const double signal = std::max(0.0, least_signal(pooled(problem), noise.covariance));
  noise.samples_share = signal * signal;
  return worth_removing(noise, problem) ? noise : ObservationNoise{};
}

void find_noise(const ObservationNoise& noise, std::vector<Finding>& findings) {
  if (noise.covariance.size() == 0) return;
  char deviation[32];
  std::snprintf(deviation, sizeof deviation, "%.3g", noise.deviation);
  findings.push_back(
      {Severity::note, "observation-noise",
       std::string("independent noise with a standard deviation of ") + deviation +
           " on every feature is taken out of the moments, which are then worth " +
           percent(noise.samples_share) + " of the samples",
       "what is beside the latent directions looks like such noise; --observation-noise none "
       "takes it for signal"});
}

}  // namespace lodestein::unmix
