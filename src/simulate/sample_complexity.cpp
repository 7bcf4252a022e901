#include "lodestein/simulate/sample_complexity.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/eigen.hpp"
#include "lodestein/core/error.hpp"
#include "simulate/check.hpp"

namespace lodestein {
namespace {

using Eigen::MatrixXd;

constexpr std::size_t points = 20000;
constexpr std::uint32_t points_environment = 0xFFFFFFFEU;  // no environment has this number
constexpr double zero = 1e-10;

/// E_0[d d^T] of every interventional environment in latent coordinates. [n, n] each.
std::vector<MatrixXd> latent_moments(const LatentModel& model,
                                     const std::vector<InterventionSpec>& interventions,
                                     Seed seed) {
  const bool linear = linear_differences(model, interventions);
  const Matrix z =
      linear
          ? Matrix::identity(model.latents())
          : model.sample(points, {}, RandomStream(seed, Purpose::latent_noise, points_environment));
  const Matrix observational = model.score(z, {});
  std::vector<MatrixXd> moments;
  for (std::size_t m = 1; m < interventions.size(); ++m) {
    const Matrix other = model.score(z, interventions[m]);
    const MatrixXd d = as_eigen(observational) - as_eigen(other);
    // At the identity d is the matrix of a linear score difference.
    moments.push_back(linear ? MatrixXd(d.transpose() * as_eigen(model.covariance({})) * d)
                             : MatrixXd(d.transpose() * d / static_cast<double>(points)));
  }
  return moments;
}

double least_nonzero_eigenvalue(const MatrixXd& sum) {
  const Eigen::VectorXd values =
      Eigen::SelfAdjointEigenSolver<MatrixXd>(sum, Eigen::EigenvaluesOnly).eigenvalues();
  const double floor = zero * values(values.size() - 1);
  return *std::find_if(values.begin(), values.end(), [&](double v) { return v > floor; });
}

double least_over_sets(const std::vector<MatrixXd>& moments) {
  double least = std::numeric_limits<double>::infinity();
  for (std::uint32_t set = 1; set < (std::uint32_t{1} << moments.size()); ++set) {
    MatrixXd sum = MatrixXd::Zero(moments.front().rows(), moments.front().cols());
    for (std::size_t m = 0; m < moments.size(); ++m) {
      if ((set >> m) & 1U) sum += moments[m];
    }
    // An intervention that changes nothing has no nonzero eigenvalue.
    if (sum.trace() > 0.0) least = std::min(least, least_nonzero_eigenvalue(sum));
  }
  return least;
}

}  // namespace

SampleComplexity sample_complexity(const LatentModel& model, const Mixing& map,
                                   const std::vector<InterventionSpec>& interventions, Seed seed) {
  if (map.family() != MixingFamily::linear)
    throw InvalidArgument("sample_complexity: the mixing must be linear, x = G z");
  if (interventions.size() < 2)
    throw InvalidArgument("sample_complexity: there is no interventional environment");
  const Matrix& mixing = map.layers().front();
  const MatrixXd inverse = as_eigen(pseudo_inverse(mixing));  // G^+ [n, d]
  // s_X = G^+T s_Z, and G^+ G^+T = L L^T: L^T R L has the nonzero eigenvalues of R in x.
  const MatrixXd root = MatrixXd((inverse * inverse.transpose()).llt().matrixL());
  std::vector<MatrixXd> moments = latent_moments(model, interventions, seed);
  double least = std::numeric_limits<double>::infinity(), largest = 0.0;
  for (MatrixXd& r : moments) {
    r = (root.transpose() * r * root).eval();
    least = std::min(least, r.trace());
    largest = std::max(largest, r.trace());
  }
  SampleComplexity result;
  result.gamma =
      (inverse.rowwise().norm().array() * as_eigen(mixing).colwise().norm().transpose().array())
          .minCoeff();
  result.beta = 1.0 / (2.0 * largest);
  result.beta_min = 4.0 * least;
  if (moments.size() <= most_summed) result.eta = least_over_sets(moments);
  return result;
}

}  // namespace lodestein
