#include "lodestein/score/gaussian.hpp"

#include <algorithm>
#include <cmath>

#include "core/eigen.hpp"
#include "lodestein/core/error.hpp"

namespace lodestein {
namespace {

using Eigen::MatrixXd;

// Weight of the target tr(S)/d I: Chen, Wiesel, Eldar, Hero 2010, eq. 23.
double oracle_approximating_weight(const MatrixXd& s, double samples) {
  const auto d = static_cast<double>(s.rows());
  const double trace = s.trace(), square = s.squaredNorm();
  const double above = (1.0 - 2.0 / d) * square + trace * trace;
  const double below = (samples + 1.0 - 2.0 / d) * (square - trace * trace / d);
  return below > 0.0 ? std::min(1.0, above / below) : 1.0;
}

double shrinkage_weight(const EnvironmentMoments& m, const MatrixXd& covariance,
                        Shrinkage shrinkage) {
  const bool few = m.samples < 10 * m.covariance.rows();
  const bool wanted =
      shrinkage == Shrinkage::oracle_approximating || (shrinkage == Shrinkage::automatic && few);
  if (!wanted) return 0.0;
  return oracle_approximating_weight(covariance, static_cast<double>(m.samples));
}

}  // namespace

std::vector<GaussianScore> gaussian_scores(const std::vector<EnvironmentMoments>& moments,
                                           const GaussianScoreOptions& options) {
  std::vector<GaussianScore> scores;
  for (const EnvironmentMoments& m : moments) {
    MatrixXd covariance = as_eigen(m.covariance);
    const Eigen::Index d = covariance.rows();
    const double weight = shrinkage_weight(m, covariance, options.shrinkage);
    const double target = weight * covariance.trace() / static_cast<double>(d);
    covariance *= 1.0 - weight;
    covariance.diagonal().array() += target;

    const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(covariance);
    const double smallest = eigen.eigenvalues()(0), largest = eigen.eigenvalues()(d - 1);
    if (!(smallest > 1e-14 * largest)) {
      throw InvalidArgument("environment '" + m.name + "': its covariance of " + std::to_string(d) +
                            " variables from " + std::to_string(m.samples) +
                            " samples is not positive definite; ask for fewer latents, gather "
                            "more samples, or use shrinkage (--shrinkage oas)");
    }
    GaussianScore score{m.name, m.mean, Matrix(), weight, largest / smallest};
    score.precision =
        to_matrix((eigen.eigenvectors() * eigen.eigenvalues().cwiseInverse().asDiagonal() *
                   eigen.eigenvectors().transpose())
                      .eval());
    scores.push_back(std::move(score));
  }
  return scores;
}

Matrix evaluate(const GaussianScore& score, ConstMatrixView x) {
  if (x.cols() != score.mean.size()) {
    throw DimensionMismatch("score of " + std::to_string(score.mean.size()) +
                            " variables evaluated at points with " + std::to_string(x.cols()));
  }
  const Eigen::Map<const Eigen::RowVectorXd> mean(score.mean.data(),
                                                  static_cast<Eigen::Index>(score.mean.size()));
  return to_matrix(((mean.replicate(static_cast<Eigen::Index>(x.rows()), 1) - as_eigen(x)) *
                    as_eigen(score.precision))
                       .eval());
}

Matrix cross_difference_moment(const std::vector<GaussianScore>& scores,
                               ConstMatrixView observational_covariance, std::size_t i,
                               std::size_t j) {
  const std::size_t k = scores.empty() ? 0 : scores.size() - 1;
  if (i >= k || j >= k) {
    throw InvalidArgument("cross_difference_moment: environment " + std::to_string(std::max(i, j)) +
                          " of " + std::to_string(k) + " interventional ones");
  }
  const ConstMatrixView& s = observational_covariance;
  const std::size_t d = scores.front().precision.rows();
  if (s.rows() != d || s.cols() != d) {
    throw DimensionMismatch("cross_difference_moment: scores have " + std::to_string(d) +
                            " variables, the observational covariance is " +
                            std::to_string(s.rows()) + " x " + std::to_string(s.cols()));
  }
  const auto difference = [&scores](std::size_t m) -> MatrixXd {
    return as_eigen(scores[m + 1].precision) - as_eigen(scores[0].precision);
  };
  return to_matrix((difference(i) * as_eigen(s) * difference(j)).eval());
}

DifferenceMoments difference_moments(const std::vector<GaussianScore>& scores,
                                     ConstMatrixView observational_covariance) {
  DifferenceMoments result;
  for (std::size_t m = 0; m + 1 < scores.size(); ++m) {
    result.environments.push_back(scores[m + 1].environment);
    result.own.push_back(cross_difference_moment(scores, observational_covariance, m, m));
  }
  return result;
}

}  // namespace lodestein
